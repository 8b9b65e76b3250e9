"""The engine loads what its settings need: FFmpeg's library alone takes 15 MB."""

import asyncio
from collections.abc import Iterator
import json
from pathlib import Path
import sys
from typing import Any

import pytest

from tests.simulators.rtsp_fault_server import SDP, SOUND, Behaviour, FaultServer

from .rtsp.packetising import Packetiser, interleaved
from .test_robustness import Film

PROGRAM = Path(__file__).with_name("loading.py")
PACE = 0.01


def with_sound(film: Film) -> Iterator[bytes]:
    sound = Packetiser(payload_type=0, source=2)
    for picture in film:
        yield picture + interleaved(sound.packet(bytes(80)), 2)
        sound.timestamp += 80


@pytest.mark.parametrize(
    ("reader", "sound", "expected"),
    [
        ("own", False, []),
        # G.711 becomes FLAC, which FFmpeg's library encodes.
        ("own", True, ["av"]),
        ("ffmpeg", False, ["av"]),
    ],
)
async def test_a_recording_loads_what_it_needs(
    clips: Any, tmp_path: Path, reader: str, sound: bool, expected: list[str]
) -> None:
    film = Film(clips(key_interval=25))
    behaviour = Behaviour(
        description=SDP + SOUND if sound else SDP,
        script=with_sound(film) if sound else film,
        pause=PACE,
    )
    async with FaultServer(behaviour) as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(PROGRAM), str(tmp_path), server.url()),
            *("sound" if sound else "", reader),
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
    assert process.returncode == 0
    at_first, recording = map(json.loads, output.splitlines())
    assert at_first == []
    assert recording == expected
