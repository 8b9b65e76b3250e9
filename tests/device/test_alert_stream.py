"""The event stream: every event once, whatever stands between them."""

import asyncio
from datetime import UTC, datetime, timedelta
import random

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.hikvision_nvr.device import alert_stream
from custom_components.hikvision_nvr.device.alert_stream import AlertParser, listen
from custom_components.hikvision_nvr.errors import DeviceError, DeviceOfflineError
from custom_components.hikvision_nvr.model import DetectionType, DeviceEvent
from tests.simulators import device_profiles as profiles
from tests.simulators.device import SimulatedDevice

from .conftest import Simulate, client_of

DEVICE = SimulatedDevice(profiles.PLAIN_FTP)


def part(
    content: bytes, kind: str = "application/xml", *, length: bool = True
) -> bytes:
    head = f"--boundary\r\nContent-Type: {kind}\r\n"
    head += f"Content-Length: {len(content)}\r\n" if length else ""
    return f"{head}\r\n".encode() + content + b"\r\n"


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("VMD", DetectionType.MOTION),
        ("linedetection", DetectionType.LINE_CROSSING),
        ("fielddetection", DetectionType.INTRUSION),
        ("regionEntrance", DetectionType.REGION_ENTRANCE),
        ("regionExiting", DetectionType.REGION_EXIT),
        ("facedetection", DetectionType.FACE),
        ("ANPR", DetectionType.VEHICLE),
        ("PIR", DetectionType.PIR),
        ("IO", DetectionType.ALARM_INPUT),
        ("shelteralarm", DetectionType.TAMPER),
        ("videoloss", DetectionType.VIDEO_LOSS),
        ("audioexception", DetectionType.AUDIO),
        ("somethingNew", DetectionType.OTHER),
    ],
)
def test_each_type_is_understood(event: str, kind: DetectionType, length: bool) -> None:
    document = DEVICE.event_xml(event, channel=7, region="3", plate="KA123")
    (told,) = AlertParser().feed(part(document, length=length))
    assert (told.type, told.raw_type, told.channel) == (kind, event, 7)
    assert (told.region, told.plate, told.active) == ("3", "KA123", True)
    assert told.told is not None
    assert abs(told.told - datetime.now(UTC)) < timedelta(minutes=1)


@given(st.lists(st.integers(1, 200), max_size=40))
@settings(max_examples=60, deadline=None)
def test_events_are_found_however_the_bytes_are_cut(cuts: list[int]) -> None:
    stream = b"".join(
        (
            part(DEVICE.event_xml("videoloss", state="inactive")),
            part(random.Random(1).randbytes(500), "image/jpeg"),
            part(DEVICE.event_xml("VMD", channel=1)),
            b"\r\n\r\n--other\r\n",
            part(b"<EventNotificationAlert><eventType>broken"),
            part(DEVICE.event_xml("VMD", state="inactive", channel=2), length=False),
            DEVICE.event_xml("PIR", channel=3).replace(
                b"EventNotificationAlert", b"h:EventNotificationAlert"
            ),
        )
    )
    parser = AlertParser()
    told: list[DeviceEvent] = []
    for cut in cuts:
        told += parser.feed(stream[:cut])
        stream = stream[cut:]
    told += parser.feed(stream)
    # What was cut off takes the next one with it, and nothing else.
    assert [(one.channel, one.active) for one in told] == [(1, True), (3, True)]


def test_endless_documents_take_no_memory_and_hide_nothing() -> None:
    parser = AlertParser()
    for _ in range(200):
        assert list(parser.feed(b"<EventNotificationAlert>" + b"x" * 10_000)) == []
        assert len(parser._buffer) < alert_stream.MAX_DOCUMENT + 20_000
    list(parser.feed(b"</EventNotificationAlert>"))
    (told,) = parser.feed(part(DEVICE.event_xml("VMD")))
    assert told.type is DetectionType.MOTION


async def test_events_are_heard_as_they_happen(simulate: Simulate) -> None:
    device = simulate(profiles.PLAIN_FTP)
    told: asyncio.Queue[DeviceEvent] = asyncio.Queue()
    opened = asyncio.Event()
    async with client_of(device) as client:
        task = asyncio.create_task(listen(client, told.put_nowait, opened.set))
        await opened.wait()
        device.send_event("linedetection", region="1")
        event = await asyncio.wait_for(told.get(), 5)
        assert event.type is DetectionType.LINE_CROSSING
        device.drop_streams()
        with pytest.raises(DeviceError):
            await task


async def test_a_device_that_falls_silent_is_dead(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_stream, "DEAD_AFTER", 0.4)
    device = simulate(profiles.PLAIN_FTP)
    opened = asyncio.Event()
    async with client_of(device) as client:
        task = asyncio.create_task(listen(client, lambda _event: None, opened.set))
        await opened.wait()
        # Signs of life every 0.2 seconds keep it open.
        await asyncio.sleep(1)
        assert not task.done()
        device.heartbeat = 1000
        with pytest.raises(DeviceOfflineError):
            await asyncio.wait_for(task, 5)
