"""Looks at recorded files with a decoder that is not ours."""

from dataclasses import dataclass
from pathlib import Path

import av


@dataclass(frozen=True, slots=True)
class Decoded:
    """What FFmpeg finds in a file."""

    video: str
    tag: str
    size: tuple[int, int]
    frames: int
    seconds: float
    audio: str | None
    audio_seconds: float


def decode(path: Path) -> Decoded:
    """Decode a file to its end. Raises av.error.FFmpegError for the first fault."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        audio = container.streams.audio[0] if container.streams.audio else None
        for stream in container.streams:
            stream.codec_context.options = {"err_detect": "explode"}
        frames, audio_samples, times = 0, 0, []
        size = (0, 0)
        for frame in container.decode(*container.streams):
            if isinstance(frame, av.VideoFrame):
                frames += 1
                times.append(float(frame.pts * frame.time_base))
                size = (frame.width, frame.height)
            else:
                audio_samples += frame.samples
        assert times == sorted(times)
        rate = audio.codec_context.sample_rate if audio else 1
        return Decoded(
            video=video.codec_context.name,
            tag=video.codec_context.codec_tag,
            size=size,
            frames=frames,
            seconds=times[-1] - times[0] if times else 0.0,
            audio=audio.codec_context.name if audio else None,
            audio_seconds=audio_samples / rate,
        )


def segment_files(root: Path) -> list[Path]:
    """Return the files of all segments, oldest first."""
    return sorted(root.glob("*/recordings/*/*/*.mp4"), key=lambda path: path.name)


def packet_times(path: Path) -> tuple[list[int], list[int]]:
    """Return when each picture is decoded and shown, in ticks of 1/90,000 s."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        assert all(packet.time_base.denominator == 90_000 for packet in packets)
        return [packet.dts for packet in packets], [packet.pts for packet in packets]
