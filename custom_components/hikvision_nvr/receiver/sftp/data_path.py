"""The short way of a file's bytes from the connection to its channel, and of replies.

Nearly all that a camera sends is data of its channel (RFC 4254, section 5.2) in packets
of AES-GCM (RFC 5647), and so is each of our replies. The library treats them like any
other packet, looks at each in a dozen places and copies its bytes ten times. Here they
are taken out in one place, with three copies. A packet is taken whole or not at all:
every other packet, and one that is unusual in the least, is left to the library.
"""

import os
import time

import asyncssh
from asyncssh.channel import SSHChannel
from asyncssh.crypto.cipher import GCMCipher
from asyncssh.encryption import GCMEncryption
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_LENGTH = 4
_TAG = 16
_BLOCK = 16
_CHANNEL_DATA = 94
_CHANNEL_DATA_BYTE = bytes((_CHANNEL_DATA,))
_DATA = 10
"""Where the data begin: behind the padding's length, type, channel and length."""
_LEAST_PADDING = 4
_RANDOM = 4096
_LONGEST = 512 * 1024
"""Bytes. What claims to be longer is the library's, too, which then is stopped."""


class _Direction:
    """The cipher of one direction. It changes with each exchange of keys."""

    def __init__(self) -> None:
        self._encryption: object = None
        self.gcm: GCMCipher | None = None
        self.cipher: AESGCM | None = None

    def follow(self, encryption: object) -> None:
        """Use what the library uses now, or nothing if that is another cipher."""
        if encryption is self._encryption:
            return
        self._encryption = encryption
        self.gcm = self.cipher = None
        if isinstance(encryption, GCMEncryption):
            self.gcm = encryption._cipher
            self.cipher = AESGCM(self.gcm._key)


class _Run:
    """The data of packets that follow each other, for one channel."""

    def __init__(self) -> None:
        self.channel: SSHChannel[bytes] | None = None
        self.pieces: list[bytes] = []
        self.size = 0


class DataPath:
    """Takes packets with data out of what has arrived on one connection.

    It knows the library from inside; a version that has changed fails the tests of
    logins and uploads, since it fails with an AttributeError at the first packet.
    """

    def __init__(self, connection: asyncssh.SSHServerConnection) -> None:
        """Look after this connection."""
        self._connection = connection
        self._in = _Direction()
        self._out = _Direction()
        self._random = b""

    def take(self) -> bool | None:
        """Take what has arrived whole, up to the first packet that is not data.

        To be asked between two packets. Returns True when some were taken, False when
        the next one is not whole yet, and None when it is the library's.
        """
        connection = self._connection
        self._in.follow(connection._recv_encryption)
        if self._in.gcm is None or connection._decompressor is not None:
            return None
        data, place = connection._inpbuf, 0
        taken: bool | None = False
        # Several at once: what a channel does with data costs more than these.
        run = _Run()
        while len(data) - place >= _LENGTH:
            begin = place + _LENGTH
            end = begin + int.from_bytes(data[place:begin]) + _TAG
            if end - begin > _LONGEST:
                taken = None
                break
            if end > len(data):
                break
            if not self._open(data[place:begin], data[begin:end], run):
                taken = None
                break
            place = end
        if not place:
            return taken
        connection._inpbuf = data[place:]
        assert run.channel is not None
        run.channel._accept_data(b"".join(run.pieces))
        # What arrived may have ended the connection.
        return connection._transport is not None

    def send(self, *fields: bytes) -> bool:
        """Send a packet with data. False when that is left to the library."""
        connection = self._connection
        self._out.follow(connection._send_encryption)
        gcm, cipher = self._out.gcm, self._out.cipher
        if (
            gcm is None
            or cipher is None
            or connection._compressor is not None
            or not connection._kex_complete
            or not connection._auth_complete
            or connection._rekey_bytes_sent >= connection._rekey_bytes
            or 0 < connection._rekey_time <= time.monotonic()
        ):
            return False
        payload = b"".join((_CHANNEL_DATA_BYTE, *fields))
        padding = -(1 + len(payload)) % _BLOCK
        if padding < _LEAST_PADDING:
            padding += _BLOCK
        if len(self._random) < padding:
            # Each call of the system lets other threads run first.
            self._random = os.urandom(_RANDOM)
        filling, self._random = self._random[:padding], self._random[padding:]
        packet = b"".join((bytes((padding,)), payload, filling))
        length = len(packet).to_bytes(_LENGTH)
        sealed = cipher.encrypt(gcm._iv, packet, length)
        gcm._update_iv()
        connection._send(length + sealed)
        connection._send_seq = (connection._send_seq + 1) & 0xFFFFFFFF
        connection._rekey_bytes_sent += len(packet)
        return True

    def _open(self, length: bytes, encrypted: bytes, run: _Run) -> bool:
        """Add the data of a packet to a run. False when it is another packet."""
        connection = self._connection
        gcm, cipher = self._in.gcm, self._in.cipher
        assert gcm is not None
        assert cipher is not None
        try:
            packet = cipher.decrypt(gcm._iv, encrypted, length)
        except InvalidTag:
            return False
        end = len(packet) - packet[0]
        channel = connection._channels.get(int.from_bytes(packet[2:6]))
        if (
            packet[1] != _CHANNEL_DATA
            or channel is None
            or channel is not (run.channel or channel)
            or channel._recv_state != "open"
            or int.from_bytes(packet[6:_DATA]) != end - _DATA
            or run.size + end - _DATA > channel._recv_window
        ):
            return False
        gcm._update_iv()
        connection._recv_seq = (connection._recv_seq + 1) & 0xFFFFFFFF
        run.channel = channel
        run.size += end - _DATA
        run.pieces.append(packet[_DATA:end])
        return True
