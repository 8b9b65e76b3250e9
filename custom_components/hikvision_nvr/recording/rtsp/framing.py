"""What comes over one connection: RTP packets and RTSP messages, one after the other."""

from collections.abc import Callable
import struct

from .messages import MOST_HEAD, Message, body_size, parse_head

_DOLLAR = 0x24
_LINE_ENDS = b"\r\n"
_BLANK_LINES = (b"\r\n\r\n", b"\n\n")
_LENGTH = struct.Struct(">H")

type Take = Callable[[memoryview], None]


class FramingError(Exception):
    """What comes is neither a packet nor a message: only a new connection helps."""


class Demultiplexer:
    """Takes apart what comes (RFC 2326, section 10.12)."""

    def __init__(self, on_message: Callable[[Message], None]) -> None:
        """Pass messages on; ``channels`` says who takes the packets."""
        self._on_message = on_message
        self.channels: dict[int, Take] = {}
        self.unknown = 0
        """Packets of channels that nobody takes."""

    def feed(self, data: memoryview) -> int:
        """Take all whole packets and messages; return how many bytes they had.

        The rest must come again, with what follows it. Raises FramingError.
        """
        at, size = 0, len(data)
        channels, length = self.channels, _LENGTH.unpack_from
        while at < size:
            first = data[at]
            if first == _DOLLAR:
                begin = at + 4
                if begin > size:
                    break
                end = begin + length(data, at + 2)[0]
                if end > size:
                    break
                take = channels.get(data[at + 1])
                if take is None:
                    self.unknown += 1
                else:
                    take(data[begin:end])
                at = end
            elif first in _LINE_ENDS:
                at += 1
            else:
                used = self._message(data[at:])
                if not used:
                    break
                at += used
        return at

    def _message(self, data: memoryview) -> int:
        """Take a message; return its size, 0 while it is not whole."""
        if not 65 <= data[0] <= 90:
            raise FramingError("What the camera sends is neither RTP nor RTSP")
        start = bytes(data[: MOST_HEAD + 4])
        ends = [
            (place, place + len(blank))
            for blank in _BLANK_LINES
            if (place := start.find(blank)) >= 0
        ]
        if not ends:
            if len(start) > MOST_HEAD:
                raise FramingError("A message of the camera does not end")
            return 0
        place, begin = min(ends)
        try:
            message = parse_head(start[:place])
            end = begin + body_size(message)
        except ValueError as err:
            raise FramingError(str(err)) from err
        if end > len(data):
            return 0
        body = bytes(data[begin:end])
        self._on_message(Message(message.status, message.method, message.fields, body))
        return end
