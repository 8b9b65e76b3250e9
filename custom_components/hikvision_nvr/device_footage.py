"""Footage that devices have recorded themselves: looked up, replayed, fetched.

A device replays for one viewer at a time, and the next one makes it stumble: whoever
wants to play or to fetch takes a lease of the device first.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import logging
import secrets
import time
from typing import Any, Final

from .device import (
    DeviceRecording,
    DeviceTimes,
    IsapiClient,
    find_recordings,
    read_times,
)
from .errors import (
    DeviceRecordingsError,
    DeviceReplayBusyError,
    JobCancelledError,
    StreamBusyError,
    StreamEndedError,
    StreamError,
)
from .jobs import JobRun, ParkedError
from .model import Camera, DeviceLogin
from .recording import PyAvSource, Recording, Replay, SourceFactory, replay_url
from .store import Store
from .store.rows import from_us, to_us

_LOGGER = logging.getLogger(__name__)

KIND_FILL_GAPS: Final = "fill_gaps"

_LEAST_AGE: Final = timedelta(minutes=2)
"""How old footage must be to be missing: the recorder's own may not be noted yet."""
_SLICE: Final = timedelta(minutes=5)
"""What is fetched at a time; a job that is interrupted loses no more."""
_TURN: Final = 600.0
"""Seconds after which the job lets others work, because replays take their time."""
_TRIES: Final = 3
_PAUSE: Final = 15.0
"""Seconds before a replay is tried again that the device had no session for."""
_SHORT: Final = timedelta(seconds=2)
_TIMES_LAST: Final = 3600.0
"""Seconds for which it is remembered how a device writes times."""


@dataclass(frozen=True, slots=True)
class OpenReplay:
    """A replay that somebody may watch. ``token`` gives the device back."""

    url: str
    token: str


class _Lease:
    """Who has a device's one session, and how it writes times.

    Its client stays, because it remembers a login that was refused: each further try
    could lock the account.
    """

    def __init__(self, login: DeviceLogin) -> None:
        self.client = IsapiClient(login)
        self.lock = asyncio.Lock()
        self.search = asyncio.Lock()
        self.token: str | None = None
        self.times: tuple[float, DeviceTimes] | None = None


class DeviceFootage:
    """What devices have recorded. Every method runs on the engine's loop."""

    def __init__(
        self,
        cameras: Iterable[Camera],
        store: Store,
        recording: Recording,
        *,
        source: SourceFactory = PyAvSource,
    ) -> None:
        """Prepare; devices are asked when somebody wants to know."""
        self._cameras = {
            camera.folder: camera for camera in cameras if camera.device is not None
        }
        self._store = store
        self._recording = recording
        self._source = source
        self._leases: dict[DeviceLogin, _Lease] = {}

    async def close(self) -> None:
        """End all connections; nothing is asked after this."""
        for lease in self._leases.values():
            await lease.client.close()
        self._leases.clear()

    def has_device(self, folder: str) -> bool:
        """Tell whether a camera has a device that could have recordings."""
        return folder in self._cameras

    def device_of(self, folder: str) -> DeviceLogin:
        """Return the device of a camera, from any thread.

        Raises DeviceRecordingsError for a camera without one.
        """
        camera = self._of_camera(folder)
        assert camera.device is not None
        return camera.device

    async def find(
        self, folder: str, start: datetime, end: datetime
    ) -> list[DeviceRecording]:
        """Return what a camera's device has of a time, oldest first.

        Raises DeviceRecordingsError for a camera without a device, DeviceError.
        """
        camera, lease = self._of(folder)
        times = await self._times(camera, lease)
        async with lease.search:
            return await find_recordings(
                lease.client, camera.channel, start, end, times
            )

    async def open_replay(
        self, folder: str, start: datetime, end: datetime
    ) -> OpenReplay:
        """Take the device and return where it replays this time.

        The address holds the camera's login. Raises DeviceReplayBusyError while
        somebody else has the device, DeviceRecordingsError and DeviceError.
        """
        camera, lease = self._of(folder)
        if lease.lock.locked():
            raise DeviceReplayBusyError(
                f"The device of {camera.name} replays a recording already",
                camera=camera.name,
            )
        await lease.lock.acquire()
        try:
            times = await self._times(camera, lease)
        except BaseException:
            lease.lock.release()
            raise
        lease.token = secrets.token_hex(8)
        return OpenReplay(_url(camera, times, start, end), lease.token)

    async def close_replay(self, folder: str, token: str) -> None:
        """Give the device back. Once is enough."""
        _, lease = self._of(folder)
        if lease.token == token:
            lease.token = None
            lease.lock.release()

    async def fill(self, run: JobRun) -> dict[str, Any]:
        """Fetch what is missing, as a job: its arguments are camera, start_us, end_us.

        What there is stays as it is; only times without footage are asked for. It can
        be run again from any point, since what was fetched is not missing any more.
        Raises StreamError, DeviceError, StorageError and DeviceRecordingsError.
        """
        folder: str = run.arguments["camera"]
        camera, lease = self._of(folder)
        start = from_us(run.checkpoint.get("tried_us", run.arguments["start_us"]))
        end = min(from_us(run.arguments["end_us"]), datetime.now(UTC) - _LEAST_AGE)
        segments = self._store.recordings.segments
        times = await self._times(camera, lease)
        missing = await segments.uncovered(folder, start, max(start, end))
        found: list[DeviceRecording] = []
        if missing:
            async with lease.search:
                found = await find_recordings(
                    lease.client, camera.channel, missing[0][0], missing[-1][1], times
                )
        pieces = _pieces(missing, found)
        wanted = sum((_seconds(*piece) for piece in missing), 0.0)
        filled: float = run.checkpoint.get("filled", 0.0)
        if "wanted" not in run.checkpoint:
            await run.save(wanted=wanted)
        left = sum((_seconds(*piece) for piece in pieces), 0.0)
        run.expect(round(filled + left))
        run.done(round(filled))
        for begin, until in pieces:
            run.check()
            await _take(lease, run)
            try:
                got = await self._fetch(run, camera, times, begin, until)
            finally:
                lease.lock.release()
            filled += _seconds(begin, got)
            run.done(round(filled) - run.items_done)
            await self._note(folder, from_us(run.arguments["start_us"]), until)
            await run.save(tried_us=to_us(until), filled=filled)
            if time.monotonic() - run.began > _TURN and until < pieces[-1][1]:
                raise ParkedError(datetime.now(UTC))
        return {
            "filled_seconds": round(filled),
            "missing_seconds": round(max(0.0, run.checkpoint["wanted"] - filled)),
        }

    async def _fetch(
        self,
        run: JobRun,
        camera: Camera,
        times: DeviceTimes,
        begin: datetime,
        until: datetime,
    ) -> datetime:
        """Fetch a piece and return until when there is footage now."""
        error: StreamError | None = None
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(_PAUSE)
            run.check()
            replay = Replay(
                self._store.recordings, self._source, camera.folder, begin, until
            )
            told = 0

            def on_progress(replay: Replay = replay) -> None:
                nonlocal told
                seconds = int(replay.seconds)
                if seconds > told:
                    run.done(seconds - told)
                    told = seconds
                run.check()

            url = _url(camera, times, begin, until)
            try:
                error = await replay.run(url, camera.recording.audio, on_progress)
            except JobCancelledError:
                # What has come is as good as if it were all.
                written = replay.written_until
                return begin if written is None else min(from_us(written), until)
            if replay.written_until is not None:
                got = min(from_us(replay.written_until), until)
                if until - got < _SHORT:
                    return until
                _LOGGER.info("%s: a replay ended early: %s", camera.name, error)
                return got
            if error is None or isinstance(error, StreamEndedError):
                return begin
            if not isinstance(error, StreamBusyError):
                break
        assert error is not None
        raise error

    async def _note(self, folder: str, start: datetime, end: datetime) -> None:
        """Bring the gaps of a time up to date with the footage that there is now."""
        segments = self._store.recordings.segments
        for first, last, _ in await segments.gaps(folder, start, end):
            begin = first
            for hole in [*await segments.uncovered(folder, first, last), (last, last)]:
                if hole[0] > begin:
                    await segments.mark_filled(folder, begin, hole[0])
                begin = hole[1]
        await self._recording.look_for_gap(folder)

    async def _times(self, camera: Camera, lease: _Lease) -> DeviceTimes:
        async with lease.search:
            if lease.times is None or time.monotonic() >= lease.times[0]:
                times = await read_times(lease.client, camera.channel)
                lease.times = time.monotonic() + _TIMES_LAST, times
            return lease.times[1]

    def _of(self, folder: str) -> tuple[Camera, _Lease]:
        camera = self._of_camera(folder)
        assert camera.device is not None
        return camera, self._lease(camera.device)

    def _lease(self, login: DeviceLogin) -> _Lease:
        if login not in self._leases:
            self._leases[login] = _Lease(login)
        return self._leases[login]

    def _of_camera(self, folder: str) -> Camera:
        if (camera := self._cameras.get(folder)) is None:
            raise DeviceRecordingsError(
                f"{folder} has no device whose recordings could be asked for",
                camera=folder,
            )
        return camera


async def _take(lease: _Lease, run: JobRun) -> None:
    """Wait for the device; a job that waits can be cancelled all the same."""
    while True:
        run.check()
        try:
            async with asyncio.timeout(1):
                await lease.lock.acquire()
        except TimeoutError:
            continue
        return


def _url(camera: Camera, times: DeviceTimes, start: datetime, end: datetime) -> str:
    return replay_url(
        camera.recording.url,
        camera.channel,
        times.written(start),
        times.written(end),
    )


def _pieces(
    missing: list[tuple[datetime, datetime]], found: list[DeviceRecording]
) -> list[tuple[datetime, datetime]]:
    """Return what is missing and is on the device, cut into slices."""
    pieces = []
    for begin, until in missing:
        for one in found:
            # Devices are asked for whole seconds, and nothing may come twice.
            first = _next_second(max(begin, one.start))
            last = min(until, one.end)
            while last - first >= _SHORT:
                # A rest that is too short to be a piece belongs to the one before it.
                end = last if last - first < _SLICE + _SHORT else first + _SLICE
                pieces.append((first, end))
                first = end
    return pieces


def _next_second(moment: datetime) -> datetime:
    whole = moment.replace(microsecond=0)
    return whole if whole == moment else whole + timedelta(seconds=1)


def _seconds(begin: datetime, end: datetime) -> float:
    return (end - begin).total_seconds()
