"""Makes short byte streams of any codec and size for a simulated camera to loop."""

from collections.abc import Iterator
from pathlib import Path

import av
from PIL import Image, ImageDraw

_ENCODERS = {"h264": ("libx264", "h264"), "h265": ("libx265", "hevc")}


def make_byte_stream(
    path: Path,
    *,
    codec: str = "h264",
    size: tuple[int, int] = (320, 240),
    seconds: int = 4,
    frames_per_second: int = 25,
    key_interval: int = 50,
) -> Path:
    """Encode a moving bar, with a delimiter before each frame; returns the path.

    ``key_interval`` is in frames.
    """
    encoder, container_format = _ENCODERS[codec]
    parameters = (
        f"aud=1:bframes=0:scenecut=0:keyint={key_interval}:min-keyint={key_interval}"
    )
    if codec == "h264":
        options = {"x264-params": f"{parameters}:sliced-threads=0"}
    else:
        options = {"x265-params": f"{parameters}:open-gop=0:log-level=error"}
    with av.open(str(path), "w", format=container_format) as container:
        stream = container.add_stream(
            encoder,
            rate=frames_per_second,
            options={"preset": "ultrafast", "crf": "28", **options},
        )
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for image in _frames(size, seconds * frames_per_second):
            container.mux(stream.encode(av.VideoFrame.from_image(image)))
        container.mux(stream.encode(None))
    return path


def _frames(size: tuple[int, int], count: int) -> Iterator[Image.Image]:
    width, height = size
    for number in range(count):
        image = Image.new("RGB", size, "navy")
        left = number * width // count
        ImageDraw.Draw(image).rectangle((left, 0, left + 20, height), fill="white")
        yield image
