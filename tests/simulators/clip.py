"""Makes the video that a simulated camera streams: one minute, fit to loop for ever."""

from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import av
from PIL import Image

from .scene import Scene

SECONDS = 60
FRAMES_PER_SECOND = 10
# A visitor crosses the view, is gone for a while, and comes again.
CROSSING, PAUSE = 8, 4


def clip_name(view: str) -> str:
    """Name the file of a view's clip, so that one drawn otherwise is not taken for it."""
    folder = Path(__file__).parent
    drawing = (folder / "scene.py").read_bytes() + (folder / "clip.py").read_bytes()
    return f"{view}-{sha256(drawing).hexdigest()[:8]}.h264"


def make_clip(
    scene: Scene, path: Path, given_up: Callable[[], bool] = lambda: False
) -> None:
    """Encode the scene as an H.264 byte stream, one key frame a second.

    The burnt-in seconds are those of the wall clock when the stream is played from
    the frame that belongs to the current second. Every access unit begins with a
    delimiter, so that a reader can cut the stream without parsing H.264.
    """
    unfinished = path.with_suffix(".part")
    with av.open(str(unfinished), "w", format="h264") as container:
        stream = container.add_stream(
            "libx264",
            rate=FRAMES_PER_SECOND,
            options={
                "preset": "ultrafast",
                "tune": "stillimage",
                "crf": "26",
                "x264-params": f"aud=1:bframes=0:scenecut=0:keyint={FRAMES_PER_SECOND}"
                ":sliced-threads=0",
            },
        )
        stream.width, stream.height = scene.picture("", None).size
        stream.pix_fmt = "yuv420p"
        for image in _frames(scene):
            if given_up():
                return
            container.mux(stream.encode(av.VideoFrame.from_image(image)))
        container.mux(stream.encode(None))
    unfinished.replace(path)


def _frames(scene: Scene) -> Iterator[Image.Image]:
    """Draw the minute, picture by picture."""
    for number in range(SECONDS * FRAMES_PER_SECOND):
        second = number / FRAMES_PER_SECOND
        moment = second % (CROSSING + PAUSE)
        progress = moment / CROSSING if moment < CROSSING else None
        yield scene.picture(f"Demo :{int(second):02}", progress)
