"""A still picture of a camera's stream."""

import io
import struct

import av
from av.codec.context import CodecContext
import av.error
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
import av.video.frame
from PIL.Image import Image

from ..model import VideoCodec
from .source import KeyFrame

_START = b"\x00\x00\x00\x01"
_LENGTH = struct.Struct(">I")
_DECODERS = {VideoCodec.H264: "h264", VideoCodec.H265: "hevc"}


def decode_key_frame(frame: KeyFrame) -> bytes:
    """Return a key frame as JPEG (blocking). Raises av.error.FFmpegError."""
    units, at = list(frame.parameter_sets), 0
    while at < len(frame.data):
        begin = at + 4
        at = begin + _LENGTH.unpack_from(frame.data, at)[0]
        units.append(frame.data[begin:at])
    decoder = CodecContext.create(_DECODERS[frame.codec], "r")
    assert isinstance(decoder, VideoCodecContext)
    packet = Packet(b"".join(_START + unit for unit in units))
    for source in (packet, None):
        for picture in decoder.decode(source):
            return _jpeg(picture)
    raise av.error.InvalidDataError(0, "The key frame has no picture")


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
        "tls_verify": "0",
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
