"""The short way of a file's bytes from the connection to its channel.

Nearly all that a camera sends is data of its channel (RFC 4254, section 5.2) in packets
of AES-GCM (RFC 5647). The library treats them like any other packet, looks at each in a
dozen places and copies its bytes ten times. Here they are taken out in one place, with
three copies. A packet is taken whole or not at all: every other packet, and one that is
unusual in the least, is left to the library as it came.
"""

import asyncssh
from asyncssh.crypto.cipher import GCMCipher
from asyncssh.encryption import GCMEncryption
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_LENGTH = 4
_TAG = 16
_CHANNEL_DATA = 94
_DATA = 10
"""Where the data begin: behind the padding's length, type, channel and length."""
_LONGEST = 512 * 1024
"""Bytes. What claims to be longer is the library's, too, which then is stopped."""


class DataPath:
    """Takes packets with data out of what has arrived on one connection.

    It knows the library from inside; a version that has changed fails the tests of
    logins and uploads, since it fails with an AttributeError at the first packet.
    """

    def __init__(self, connection: asyncssh.SSHServerConnection) -> None:
        """Look after this connection."""
        self._connection = connection
        self._encryption: object = None
        self._gcm: GCMCipher | None = None
        self._cipher: AESGCM | None = None

    def take(self) -> bool | None:
        """Take what has arrived whole, up to the first packet that is not data.

        To be asked between two packets. Returns True when some were taken, False when
        the next one is not whole yet, and None when it is the library's.
        """
        connection = self._connection
        encryption = connection._recv_encryption
        if encryption is not self._encryption:
            self._encryption = encryption
            if isinstance(encryption, GCMEncryption):
                self._gcm = encryption._cipher
                self._cipher = AESGCM(self._gcm._key)
            else:
                self._gcm = self._cipher = None
        if self._gcm is None or connection._decompressor is not None:
            return None
        data, place = connection._inpbuf, 0
        taken: bool | None = False
        while len(data) - place >= _LENGTH:
            begin = place + _LENGTH
            end = begin + int.from_bytes(data[place:begin]) + _TAG
            if end - begin > _LONGEST:
                taken = None
                break
            if end > len(data):
                break
            if not self._deliver(data[place:begin], data[begin:end]):
                taken = None
                break
            place = end
            if connection._transport is None:
                # What arrived has ended the connection.
                return False
        if not place:
            return taken
        connection._inpbuf = data[place:]
        return True

    def _deliver(self, length: bytes, encrypted: bytes) -> bool:
        """Give a channel the data of a packet. False when it is another packet."""
        connection = self._connection
        assert self._gcm is not None
        assert self._cipher is not None
        try:
            packet = self._cipher.decrypt(self._gcm._iv, encrypted, length)
        except InvalidTag:
            return False
        end = len(packet) - packet[0]
        channel = connection._channels.get(int.from_bytes(packet[2:6]))
        if (
            packet[1] != _CHANNEL_DATA
            or channel is None
            or channel._recv_state != "open"
            or int.from_bytes(packet[6:_DATA]) != end - _DATA
            or end - _DATA > channel._recv_window
        ):
            return False
        self._gcm._update_iv()
        connection._recv_seq = (connection._recv_seq + 1) & 0xFFFFFFFF
        channel._accept_data(packet[_DATA:end])
        return True
