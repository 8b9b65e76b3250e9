"""Small pictures of captures and footage: made when first asked for, kept in a cache.

Cameras are not trusted: only JPEG and MP4 with the codecs that cameras use are opened,
and nothing whose header promises more pixels than any camera has.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from hashlib import sha256
import io
from pathlib import Path
import threading
import time
from typing import TYPE_CHECKING, Final

import av
import av.error
from homeassistant.core import HomeAssistant
from PIL import Image

from .const import DOMAIN
from .errors import RecorderError
from .model import Capture
from .store.segment import Segment

if TYPE_CHECKING:
    from .engine import Engine

SIZE: Final = 320
"""Pixels of the longer side."""
_QUALITY: Final = 70
MOST_PIXELS: Final = 64_000_000
_LARGEST_OFFSITE: Final = 16 << 20
"""Bytes of a picture that is fetched from the bucket for its thumbnail."""
_LARGEST_FRAGMENT: Final = 8 << 20
_MOST_PACKETS: Final = 500
"""Of a clip that are looked through for its first key frame."""
_CODECS: Final = frozenset({"h264", "hevc", "mjpeg", "mpeg4"})
_AT_ONCE: Final = 2
_MOST_WAITING: Final = 500
MOST_BYTES: Final = 128 << 20
_LEFT: Final = 0.9
"""How much of the cache stays when it is full."""
_FORGET_FAILURE: Final = 600.0
"""Seconds after which a picture that could not be made is tried again."""
_MOST_FAILURES: Final = 2000


type Make = Callable[[], Awaitable[bytes | None]]


class Thumbnails:
    """The thumbnails of one recorder, in a folder that may be deleted at any time."""

    def __init__(
        self,
        hass: HomeAssistant,
        engine: Engine,
        folder: Path,
        *,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """Keep up to so many bytes in ``folder``."""
        self._hass = hass
        self._engine = engine
        self._cache = _Cache(folder, most_bytes)
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._making: dict[str, asyncio.Task[Path | None]] = {}
        self._failed: OrderedDict[str, float] = OrderedDict()

    async def async_of_capture(self, capture: Capture) -> Path | None:
        """Return the small picture of a snapshot or clip, None where there is none."""
        name = capture.name.lower()
        if not name.endswith((".jpg", ".jpeg", ".mp4")):
            return None
        return await self._async_get(
            f"capture {capture.id}", lambda: self._async_make_of(capture)
        )

    async def async_of_segment(self, segment: Segment) -> Path | None:
        """Return the first picture of a segment, None where there is none."""
        return await self._async_get(
            f"segment {segment.info.relative_path}",
            lambda: self._async_make_of_segment(segment),
        )

    async def _async_get(self, what: str, make: Make) -> Path | None:
        key = sha256(what.encode()).hexdigest()[:32]
        found = await self._hass.async_add_executor_job(self._cache.find, key)
        if found is not None:
            return found
        if self._failed.get(key, 0.0) > time.monotonic():
            return None
        if (task := self._making.get(key)) is None:
            if len(self._making) >= _MOST_WAITING:
                return None
            task = self._hass.async_create_background_task(
                self._async_make(key, make), f"{DOMAIN} thumbnail"
            )
            if not task.done():
                self._making[key] = task
                task.add_done_callback(lambda _: self._making.pop(key, None))
        # Others wait for it too, when the one who asked first goes away.
        return await asyncio.shield(task)

    async def _async_make(self, key: str, make: Make) -> Path | None:
        async with self._room:
            try:
                content = await make()
            except OSError, RecorderError, ValueError:
                content = None
            if content is None:
                self._failed[key] = time.monotonic() + _FORGET_FAILURE
                while len(self._failed) > _MOST_FAILURES:
                    self._failed.popitem(last=False)
                return None
            try:
                return await self._hass.async_add_executor_job(
                    self._cache.add, key, content
                )
            except OSError:
                return None

    async def _async_make_of(self, capture: Capture) -> bytes | None:
        path = self._engine.store.path(capture)
        is_clip = capture.name.lower().endswith(".mp4")
        shrink = shrink_clip if is_clip else shrink_picture
        try:
            return await self._hass.async_add_executor_job(shrink, path)
        except FileNotFoundError:
            offsite = self._engine.offsite
            if offsite is None or is_clip:
                # A clip would have to be fetched as a whole.
                return None
        content = await self._engine.run(
            offsite.reader.read_whole(capture, _LARGEST_OFFSITE)
        )
        return await self._hass.async_add_executor_job(
            shrink_picture, io.BytesIO(content)
        )

    async def _async_make_of_segment(self, segment: Segment) -> bytes | None:
        recordings = self._engine.store.recordings
        footage = await self._engine.run(
            recordings.footage(segment.info.camera, segment.start, segment.end)
        )
        fragments = next(
            (places for one, places in footage if one.id == segment.id), []
        )
        if not fragments:
            return None
        end = fragments[1].offset if len(fragments) > 1 else segment.size
        if end > _LARGEST_FRAGMENT:
            return None
        path = recordings.path(segment)

        def shrink() -> bytes | None:
            with path.open("rb") as file:
                init = file.read(segment.init_size)
                file.seek(fragments[0].offset)
                fragment = file.read(end - fragments[0].offset)
            return shrink_clip(io.BytesIO(init + fragment))

        return await self._hass.async_add_executor_job(shrink)


class _Cache:
    """Files in a folder, the oldest of which go when there are too many bytes."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most = most_bytes
        self._bytes: int | None = None
        self._counting = threading.Lock()

    def find(self, key: str) -> Path | None:
        path = self._path(key)
        try:
            # A power cut leaves files without bytes behind: nothing here is synced.
            return path if path.stat().st_size else None
        except OSError:
            return None

    def add(self, key: str, content: bytes) -> Path:
        path = self._path(key)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        partial.write_bytes(content)
        partial.replace(path)
        with self._counting:
            if self._bytes is None:
                self._bytes = sum(size for _, size, _ in self._files())
            else:
                self._bytes += len(content)
            if self._bytes > self._most:
                self._prune()
        return path

    def _prune(self) -> None:
        files = sorted(self._files())
        total = sum(size for _, size, _ in files)
        for _, size, path in files:
            if total <= self._most * _LEFT:
                break
            path.unlink(missing_ok=True)
            total -= size
        self._bytes = total

    def _files(self) -> list[tuple[int, int, Path]]:
        found = []
        for path in self._folder.iterdir():
            # One that is being made may get its final name at this moment.
            with suppress(FileNotFoundError):
                stat = path.stat()
                found.append((stat.st_mtime_ns, stat.st_size, path))
        return found

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.jpg"


def shrink_picture(source: Path | io.BytesIO) -> bytes | None:
    """Return a JPEG made smaller (blocking), None for what is no JPEG of a camera.

    Raises OSError when it cannot be read.
    """
    if isinstance(source, Path):
        # Pillow would call a missing file an unknown one.
        source.stat()
    try:
        with Image.open(source, formats=("JPEG",)) as image:
            if image.width * image.height > MOST_PIXELS:
                return None
            # The decoder itself skips what is not needed of a large picture.
            image.draft("RGB", (SIZE, SIZE))
            image.thumbnail((SIZE, SIZE))
            return _jpeg(image)
    except SyntaxError, ValueError, Image.DecompressionBombError:
        return None
    except OSError as err:
        if err.errno is not None:
            raise
        # Cut off, or no picture at all.
        return None


def shrink_clip(source: Path | io.BytesIO) -> bytes | None:
    """Return the first key frame of an MP4, small (blocking), None without any.

    Raises OSError when it cannot be read.
    """
    file = str(source) if isinstance(source, Path) else source
    try:
        with av.open(file, "r", format="mp4") as container:
            if not container.streams.video:
                return None
            stream = container.streams.video[0]
            context = stream.codec_context
            if (
                context.name not in _CODECS
                or not 0 < context.width * context.height <= MOST_PIXELS
            ):
                return None
            context.skip_frame = "NONKEY"
            for number, packet in enumerate(container.demux(stream)):
                for frame in packet.decode():
                    scale = SIZE / max(frame.width, frame.height, SIZE)
                    small = frame.reformat(
                        width=max(1, round(frame.width * scale)),
                        height=max(1, round(frame.height * scale)),
                        format="rgb24",
                    )
                    picture: Image.Image = small.to_image()  # type: ignore[no-untyped-call]
                    return _jpeg(picture)
                if number > _MOST_PACKETS:
                    break
    except FileNotFoundError:
        raise
    except av.error.FFmpegError:
        return None
    return None


def _jpeg(image: Image.Image) -> bytes:
    content = io.BytesIO()
    image.convert("RGB").save(content, "JPEG", quality=_QUALITY)
    return content.getvalue()
