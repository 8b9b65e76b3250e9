"""A still picture of a camera's stream."""

import io

import av
import av.error
import av.video.frame
from PIL.Image import Image


def grab_still(url: str, *, timeout: float = 10) -> bytes:
    """Return the stream's first picture as JPEG (blocking).

    ``timeout`` is in seconds, for the connection and again for each read. Raises
    av.error.FFmpegError when the camera does not answer or sends no picture.
    """
    options = {
        "rtsp_transport": "tcp",
        "allowed_media_types": "video",
        # FFmpeg's own name for the socket timeout, in microseconds.
        "timeout": str(int(timeout * 1_000_000)),
    }
    with av.open(url, options=options, timeout=(timeout, None)) as container:
        for frame in container.decode(video=0):
            return _jpeg(frame)
    raise av.error.EOFError(0, "The stream has no picture")


def _jpeg(frame: av.video.frame.VideoFrame) -> bytes:
    picture = io.BytesIO()
    image: Image = frame.to_image()  # type: ignore[no-untyped-call]
    image.save(picture, "JPEG", quality=85)
    return picture.getvalue()
