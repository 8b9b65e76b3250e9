"""Where a stream is, and who may see it."""

from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote, urljoin, urlsplit

_PORTS = {"rtsp": 554, "rtsps": 322}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A stream's address (RFC 2326, section 3.2).

    ``url`` is what requests say: it never holds the user name or the password.
    """

    url: str
    host: str
    port: int
    encrypted: bool
    username: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read an address. Raises ValueError, whose text holds no password."""
        try:
            parts = urlsplit(url)
            scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
        except ValueError:
            raise ValueError("The address of the stream cannot be read") from None
        if scheme not in _PORTS or not host:
            raise ValueError("The address of the stream is not one of RTSP")
        # The password may hold an @ that nobody has encoded.
        place = parts.netloc.rpartition("@")[2]
        return cls(
            url=parts._replace(netloc=place, fragment="").geturl(),
            host=unquote(host),
            port=_PORTS[scheme] if port is None else port,
            encrypted=scheme == "rtsps",
            username=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )

    def redirected(self, location: str) -> Address:
        """Return where a reply sends us (RFC 2326, section 11.3).

        The same host gets the same user name and password, unless it would be told
        them less safely than before; another host gets none. Raises ValueError.
        """
        there = Address.parse(urljoin(self.url, location))
        trusted = there.host.lower() == self.host.lower() and (
            there.encrypted or not self.encrypted
        )
        return Address(
            url=there.url,
            host=there.host,
            port=there.port,
            encrypted=there.encrypted,
            username=self.username if trusted else "",
            password=self.password if trusted else "",
        )
