"""TLS for bytes in memory, the server's side (RFC 8446)."""

import asyncio
from contextlib import suppress
import socket
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
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.engine = context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    async def shake_hands(self, connection: socket.socket) -> None:
        """Agree on keys. Raises OSError."""
        loop = asyncio.get_running_loop()
        done = False
        while not done:
            try:
                self.engine.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                pass
            if self.outgoing.pending:
                await loop.sock_sendall(connection, self.outgoing.read())
            if not done:
                received = await loop.sock_recv(connection, RECORD_SIZE)
                if not received:
                    raise ConnectionResetError("closed during the TLS handshake")
                self.incoming.write(received)

    def decrypt(self, received: bytes, blocks: list[bytes]) -> bool:
        """Append the plain blocks of received bytes; False when the data has ended.

        An end without close_notify is an end as well: few cameras send it, and files
        tell by their structure whether they are whole. Raises ssl.SSLError.
        """
        if received:
            self.incoming.write(received)
        else:
            self.incoming.write_eof()
        try:
            while block := self.engine.read(RECORD_SIZE):
                blocks.append(block)
        except ssl.SSLWantReadError:
            return True
        except ssl.SSLEOFError:
            pass
        return False

    def say_goodbye(self) -> bytes:
        """Return close_notify; the peer's own is not waited for."""
        with suppress(ssl.SSLError):
            self.engine.unwrap()
        return self.outgoing.read()
