"""A device's events as they happen: the endless answer of ``alertStream``.

The answer is multipart, but firmware differs in boundaries, lengths and what it puts
between the parts. So the documents themselves are looked for, whatever is around
them, and everything else is passed over.
"""

import asyncio
from collections.abc import Callable, Iterator
import re
from typing import Final

from ..errors import DeviceOfflineError
from ..model import DetectionType, DeviceEvent
from . import xml
from .client import IsapiClient
from .describe import device_time
from .events import detection_type

PATH: Final = "/ISAPI/Event/notification/alertStream"
DEAD_AFTER: Final = 60.0
"""Seconds without a byte. Devices send a sign of life at least every 30."""
MAX_DOCUMENT: Final = 256 << 10
"""Bytes. A document with all its regions takes a few thousand."""

_BEGIN = re.compile(rb"<(?:\w+:)?EventNotificationAlert[\s>]")
_END = re.compile(rb"</(?:\w+:)?EventNotificationAlert\s*>")
_LONGEST_TAG = 64


class AlertParser:
    """Finds the documents in the bytes of the answer."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[DeviceEvent]:
        """Yield the events that are complete with these bytes."""
        self._buffer += data
        while (begin := _BEGIN.search(self._buffer)) is not None:
            end = _END.search(self._buffer, begin.start())
            if end is None:
                del self._buffer[: begin.start()]
                if len(self._buffer) > MAX_DOCUMENT:
                    # Not a document: go on behind its beginning.
                    del self._buffer[:_LONGEST_TAG]
                    continue
                return
            document = bytes(self._buffer[begin.start() : end.end()])
            del self._buffer[: end.end()]
            if (event := read_event(document)) is not None:
                yield event
        # The beginning may be cut in two.
        del self._buffer[:-_LONGEST_TAG]


def read_event(document: bytes) -> DeviceEvent | None:
    """Return what a document tells; None for a sign of life and for the unreadable."""
    try:
        root = xml.parse(document)
    except xml.XmlError:
        return None
    raw_type = xml.text(root, "eventType")[:64]
    active = xml.text(root, "eventState").lower() != "inactive"
    kind = detection_type(raw_type)
    if not raw_type or (kind is DetectionType.VIDEO_LOSS and not active):
        return None
    channel = xml.text(root, "channelID") or xml.text(root, "dynChannelID")
    region = xml.find_anywhere(root, "regionID")
    plate = xml.find_anywhere(root, "licensePlate")
    told = device_time(xml.text(root, "dateTime"))
    return DeviceEvent(
        type=kind,
        raw_type=raw_type,
        channel=int(channel) if re.fullmatch(r"\d{1,4}", channel) else 1,
        active=active,
        told=told if told is not None and told.tzinfo is not None else None,
        plate=None if plate is None else (plate.text or "").strip()[:32] or None,
        region=None if region is None else (region.text or "").strip()[:32] or None,
        late=xml.truth(root, "isDataRetransmission") is True,
    )


async def listen(
    client: IsapiClient,
    on_event: Callable[[DeviceEvent], None],
    on_open: Callable[[], None],
) -> None:
    """Listen until the device ends the answer or is silent for too long.

    Raises DeviceError: this never returns.
    """
    parser = AlertParser()
    async with client.open(PATH) as response:
        on_open()
        while True:
            async with asyncio.timeout(DEAD_AFTER):
                data = await response.content.readany()
            if not data:
                raise DeviceOfflineError(
                    f"{client.login.host} ended its event stream",
                    host=client.login.host,
                )
            for event in parser.feed(data):
                on_event(event)
