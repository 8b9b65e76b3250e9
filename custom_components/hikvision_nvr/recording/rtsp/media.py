"""Which media of a description are recorded, and what takes their packets."""

from collections.abc import Callable

from ...errors import StreamUnsupportedError
from ...model import AudioCodec, VideoCodec
from ..source import AudioFormat, VideoFormat
from .aac import FRAME, AacFrames, AacLayout, parse_configuration
from .access_units import AccessUnits, OnAccessUnit
from .g711 import G711Samples
from .h264 import H264Units
from .h265 import H265Units
from .messages import to_number
from .rtp import Unpacker
from .sdp import Description, Media, configuration, parameter_sets

_VIDEO = {
    "H264": VideoCodec.H264,
    "H265": VideoCodec.H265,
    "HEVC": VideoCodec.H265,
}
_G711 = {"PCMA": AudioCodec.PCMA, "PCMU": AudioCodec.PCMU}


def choose_video(description: Description) -> tuple[Media, VideoFormat]:
    """Return the video that is recorded. Raises StreamUnsupportedError."""
    offered = [one for one in description.media if one.kind == "video"]
    for medium in offered:
        codec = _VIDEO.get(medium.codec)
        if codec is None or medium.payload_type < 0 or not medium.rate:
            continue
        mode = to_number(medium.parameters.get("packetization-mode", "0"))
        distance = to_number(medium.parameters.get("sprop-max-don-diff", "0"))
        if mode in {0, 1} and not distance:
            sets = parameter_sets(medium)
            return medium, VideoFormat(codec=codec, parameter_sets=sets)
    if not offered:
        raise StreamUnsupportedError("The stream has no video")
    name = offered[0].codec or "?"
    raise StreamUnsupportedError(
        f"The video codec {name} cannot be recorded", codec=name
    )


def choose_audio(description: Description) -> tuple[Media, AudioFormat] | None:
    """Return the audio that is recorded, None where there is none that can be."""
    for medium in description.media:
        if medium.kind != "audio" or medium.payload_type < 0 or not medium.rate:
            continue
        if medium.codec in _G711:
            return medium, AudioFormat(
                codec=_G711[medium.codec], rate=medium.rate, channels=medium.channels
            )
        if medium.codec == "MPEG4-GENERIC":
            described = configuration(medium)
            try:
                rate, channels = parse_configuration(described)
                AacLayout.read(medium.parameters)
            except ValueError:
                continue
            return medium, AudioFormat(
                codec=AudioCodec.AAC,
                rate=rate,
                channels=channels,
                configuration=described,
            )
    return None


def video_unpacker(codec: VideoCodec, on_unit: OnAccessUnit) -> AccessUnits:
    """Return what takes the payloads of a video stream."""
    return (H264Units if codec is VideoCodec.H264 else H265Units)(on_unit)


def audio_unpacker(
    medium: Media, audio: AudioFormat, on_audio: Callable[[bytes, int], None]
) -> Unpacker:
    """Return what takes the payloads of an audio stream that was chosen."""
    if audio.codec is AudioCodec.AAC:
        layout = AacLayout.read(medium.parameters)
        return AacFrames(layout, FRAME * medium.rate // audio.rate, on_audio)
    return G711Samples(on_audio)
