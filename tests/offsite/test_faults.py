"""Whatever the network and the service do, each capture arrives once and whole."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from hashlib import sha256
import logging

import pytest

from custom_components.hikvision_nvr.errors import (
    ClockSkewError,
    OffsiteAuthError,
    OffsiteError,
    OffsiteQuotaError,
)
from custom_components.hikvision_nvr.offsite import pace, sender, transfer
from custom_components.hikvision_nvr.offsite.client import open_bucket
from custom_components.hikvision_nvr.offsite.uploader import Uploader

from ..simulators.fault_proxy import Fault, FaultProxy
from .conftest import LocalStore, Remote, captures, settings_for
from .servers import SECRET_KEY

PASSING = [
    Fault.ERROR_500,
    Fault.SLOW_DOWN,
    Fault.RESET_IN_BODY,
    Fault.STALL,
    Fault.LOST_ANSWER,
    Fault.TRUNCATED_ANSWER,
    Fault.WRONG_ETAG,
    Fault.EXPIRED_TOKEN,
    Fault.QUOTA,
]


@pytest.fixture
async def faults(moto: str) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(moto).run() as proxy:
        yield proxy


@pytest.fixture
async def start(
    faults: FaultProxy,
    remote: Remote,
    local: LocalStore,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Callable[[], Uploader]]:
    """Return what starts an uploader that goes through the proxy."""
    monkeypatch.setattr(pace, "probe_seconds", lambda _attempts: 0.01)
    monkeypatch.setattr(pace, "retry_at", lambda _attempts: datetime.now(UTC))
    monkeypatch.setattr(sender, "STALL_SECONDS", 0.3)
    async with AsyncExitStack() as stack:
        bucket = await stack.enter_async_context(
            open_bucket(settings_for(faults.url, remote.name))
        )

        async def opened() -> object:
            return bucket

        def start() -> Uploader:
            uploader = Uploader(opened, local.store)  # type: ignore[arg-type]
            uploader.start()
            stack.push_async_callback(uploader.stop)
            return uploader

        yield start


async def all_arrived(local: LocalStore, remote: Remote, contents: list[bytes]) -> None:
    await local.drained()
    keys = captures(remote)
    assert len(keys) == len(contents)
    found = {sha256(remote.read(key)).hexdigest() for key in keys}
    assert found == {sha256(content).hexdigest() for content in contents}


@pytest.mark.parametrize(
    ("fault", "times"),
    [
        *[(fault, 1) for fault in PASSING],
        # More often than one request is repeated.
        (Fault.SLOW_DOWN, 4),
        (Fault.RESET_IN_BODY, 4),
        (Fault.LOST_ANSWER, 4),
    ],
)
async def test_captures_arrive_once_after_a_fault(
    faults: FaultProxy,
    start: Callable[[], Uploader],
    local: LocalStore,
    remote: Remote,
    fault: Fault,
    times: int,
) -> None:
    contents = [bytes([number]) * 300_000 for number in range(3)]
    for number, content in enumerate(contents):
        await local.keep(content, f"{number}.jpg")
    faults.faults.extend([fault] * times)
    start()
    await all_arrived(local, remote, contents)
    assert [seen.fault for seen in faults.seen].count(fault) == times


@pytest.mark.parametrize(
    "fault", [Fault.ERROR_500, Fault.RESET_IN_BODY, Fault.WRONG_ETAG]
)
async def test_a_clip_in_parts_arrives_after_a_fault_of_one_part(
    faults: FaultProxy,
    start: Callable[[], Uploader],
    local: LocalStore,
    remote: Remote,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
) -> None:
    monkeypatch.setattr(sender, "STALL_SECONDS", 20.0)
    monkeypatch.setattr(transfer, "PART_SIZE", 5 << 20)
    content = bytes(range(256)) * (11 << 12)
    await local.keep(content, "a.mp4")
    faults.faults.extend([Fault.NONE, fault])
    start()
    await all_arrived(local, remote, [content])
    assert remote.unfinished_uploads() == []
    assert fault in [seen.fault for seen in faults.seen]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.EXPIRED_TOKEN, OffsiteAuthError),
        (Fault.QUOTA, OffsiteQuotaError),
    ],
)
async def test_what_only_the_owner_can_help_pauses_and_drops_nothing(
    faults: FaultProxy,
    start: Callable[[], Uploader],
    local: LocalStore,
    remote: Remote,
    fault: Fault,
    kind: type[OffsiteError],
) -> None:
    faults.always = fault
    for number in range(3):
        await local.keep(bytes([number]), f"{number}.jpg")
    uploader = start()
    await local.until(lambda: uploader.connected is False)
    assert isinstance(uploader.error, kind)
    assert await local.waiting() == 3
    faults.always = Fault.NONE
    await all_arrived(local, remote, [bytes([number]) for number in range(3)])
    assert uploader.error is None
    assert uploader.failures > 0


async def test_wrong_clock_pauses_until_it_is_right(
    faults: FaultProxy,
    start: Callable[[], Uploader],
    local: LocalStore,
    remote: Remote,
) -> None:
    faults.clock = timedelta(hours=1)
    await local.keep()
    uploader = start()
    await local.until(lambda: uploader.connected is False)
    assert isinstance(uploader.error, ClockSkewError)
    faults.clock = timedelta()
    await all_arrived(local, remote, [b"picture"])


async def test_one_probe_at_a_time_while_the_service_is_down(
    faults: FaultProxy,
    start: Callable[[], Uploader],
    local: LocalStore,
    remote: Remote,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pace, "probe_seconds", lambda _attempts: 0.05)
    faults.always = Fault.SLOW_DOWN
    for number in range(20):
        await local.keep(bytes([number]), f"{number:02}.jpg")
    uploader = start()
    await local.until(lambda: uploader.connected is False)
    # Those that were on their way give up; from now on only the probe is left.
    await asyncio.sleep(0.1)
    faults.seen.clear()
    await asyncio.sleep(0.5)
    assert len({seen.path for seen in faults.seen}) == 1
    assert len(faults.seen) <= 10 * sender.ATTEMPTS
    faults.always = Fault.NONE
    await all_arrived(local, remote, [bytes([number]) for number in range(20)])


async def test_upload_now_ends_the_pause_and_the_wait(
    faults: FaultProxy,
    start: Callable[[], Uploader],
    local: LocalStore,
    remote: Remote,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    monkeypatch.setattr(pace, "probe_seconds", lambda _attempts: 3600.0)
    monkeypatch.setattr(pace, "retry_at", lambda _attempts: later)
    faults.always = Fault.QUOTA
    await local.keep(b"paused", "a.jpg")
    uploader = start()
    await local.until(lambda: uploader.connected is False)
    await asyncio.sleep(0.05)
    faults.always = Fault.NONE
    await uploader.now()
    await all_arrived(local, remote, [b"paused"])
    # One that failed by itself waits for its own time.
    faults.always = Fault.WRONG_ETAG
    await local.keep(b"failed", "b.jpg")
    await local.until(lambda: uploader.failures >= 2)
    await asyncio.sleep(0.05)
    faults.always = Fault.NONE
    assert await local.waiting() == 1
    assert await uploader.now() == 1
    await all_arrived(local, remote, [b"paused", b"failed"])


async def test_quarantined_captures_are_tried_again_on_request(
    start: Callable[[], Uploader], local: LocalStore, remote: Remote
) -> None:
    capture = await local.keep(b"good", "a.jpg")
    path = local.store.path(capture)
    path.write_bytes(b"evil")
    uploader = start()
    await local.until(lambda: uploader.failures == 1)
    await local.drained()
    assert await local.store.uploads.quarantined() == 1
    assert captures(remote) == []
    path.write_bytes(b"good")
    assert await uploader.retry() == 1
    await all_arrived(local, remote, [b"good"])
    assert await local.store.uploads.quarantined() == 0
    assert await uploader.retry() == 0


async def test_no_log_at_any_level_has_the_secret(
    faults: FaultProxy,
    start: Callable[[], Uploader],
    local: LocalStore,
    remote: Remote,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    await local.keep()
    faults.faults.extend([Fault.WRONG_ETAG, Fault.QUOTA, Fault.EXPIRED_TOKEN])
    start()
    await all_arrived(local, remote, [b"picture"])
    assert "pause" in caplog.text
    assert SECRET_KEY not in caplog.text
