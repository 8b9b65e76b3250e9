"""TLS for bytes in memory, the server's side (RFC 8446)."""

from collections.abc import Buffer
from contextlib import suppress
import ssl

RECORD_SIZE = 16 * 1024
"""Bytes of a TLS record (section 5.1): more never come at once."""


class MemoryTls:
    """The server's side of TLS for bytes in memory.

    OpenSSL is kept off the socket: a write of its own that fails leaves an error that
    it reports for the next connection that is used, whichever that is.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        """Use this context's certificate."""
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._engine = context.wrap_bio(
            self._incoming, self._outgoing, server_side=True
        )
        self.established = False
        """Whether the keys are agreed on."""

    def receive(self, received: Buffer, blocks: list[bytes]) -> bool:
        """Take bytes of the peer and append what they say to ``blocks``.

        Empty bytes are the end of the connection. Returns False when the peer has
        ended, with close_notify or without: few cameras send it, and files tell by
        their structure whether they are whole. ``to_send`` has an answer then,
        perhaps. Raises ssl.SSLError.
        """
        if received:
            self._incoming.write(received)
        else:
            self._incoming.write_eof()
        try:
            if not self.established:
                self._engine.do_handshake()
                self.established = True
            while block := self._engine.read(RECORD_SIZE):
                blocks.append(block)
        except ssl.SSLWantReadError:
            return True
        except ssl.SSLEOFError:
            pass
        return False

    def encrypt(self, data: Buffer) -> bytes:
        """Return what says ``data`` to the peer. Raises ssl.SSLError."""
        self._engine.write(data)
        return self._outgoing.read()

    def to_send(self) -> bytes:
        """Return what TLS itself has to say to the peer."""
        return self._outgoing.read()

    def say_goodbye(self) -> bytes:
        """Return close_notify; the peer's own is not waited for."""
        with suppress(ssl.SSLError):
            self._engine.unwrap()
        return self._outgoing.read()
