"""A power cut while a camera is set up: device and recorder agree after the next start."""

import asyncio
import json
import os
from pathlib import Path
import sys

import pytest

from tests.ports import free_port
from tests.simulators import device_profiles as profiles
from tests.simulators.device import SimulatedDevice

from .conftest import Simulate
from .power_cuts import OLD_PASSWORD

FULL = os.environ.get("HIKVISION_NVR_FULL") == "1"
FTP = "/ISAPI/System/Network/ftp/1"
ACCOUNT = "front-door"
ALL_STEPS = [str(number) for number in range(1, 60)]
KNOWN = (f"after IsapiClient.put {FTP}",)
"""Where both sides differ most; what a start does with the rest is in test_intents."""
NEW = (f"after IsapiClient.put {FTP}",)


def set_up_before(device: SimulatedDevice, port: int) -> None:
    """Let the device deliver to the account that the recorder knows already."""
    for path in (FTP, "/ISAPI/System/Network/ftp"):
        document = device.documents[path]
        for old, new in (
            ("<enabled>false", "<enabled>true"),
            ("<ipAddress>0.0.0.0", "<ipAddress>127.0.0.1"),
            ("<portNo>21<", f"<portNo>{port}<"),
            ("<userName/>", f"<userName>{ACCOUNT}</userName>"),
            ("<useSSL>false", "<useSSL>true"),
            ("<annoyftp>", f"<password>{OLD_PASSWORD}</password><annoyftp>"),
        ):
            assert old in document
            document = document.replace(old, new)
        device.documents[path] = document


@pytest.mark.timeout(900 if FULL else 180)
@pytest.mark.parametrize("kind", ["known", "new"])
async def test_device_and_recorder_agree_wherever_the_power_is_cut(
    simulate: Simulate, tmp_path: Path, kind: str
) -> None:
    device, port = simulate(profiles.FTPS), free_port()
    if kind == "known":
        set_up_before(device, port)
    first = dict(device.documents)
    points = ALL_STEPS if FULL else KNOWN if kind == "known" else NEW
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.device.power_cuts", kind, str(tmp_path)),
        *(str(device.port), str(port), *points),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    died = []
    for point in points:
        line = await process.stdout.readline()
        assert line, f"the round of {point} has failed"
        told = json.loads(line)
        if not told["cameras"]:
            # Cut off before anything was intended: the device is as it was.
            assert kind == "new"
            assert device.writes == []
        else:
            assert told["cameras"] == ["Front door"], told
            assert told["delivers"] == [True], told
            if told["died"] != "1 before Intents.keep":
                # What was confirmed is there, to the last document.
                assert "FTP" in device.documents["/ISAPI/Event/triggers/VMD-1"]
                assert device.delivery()["enabled"] == "true"
        device.documents = dict(first)
        device.writes.clear()
        if told["died"] is None:
            # There is no such step any more.
            assert FULL
            break
        died.append(told["died"])
        process.stdin.write(b"\n")
    assert len(died) >= len(points) or FULL
    assert len(set(died)) == len(died)
    process.stdin.close()
    if process.returncode is None and told["died"] is None:
        process.kill()
    await process.wait()
