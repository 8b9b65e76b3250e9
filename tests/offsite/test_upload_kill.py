"""A process that is killed at any step of an upload loses nothing and sends it once."""

import asyncio
from datetime import timedelta
from hashlib import sha256
import json
import os
from pathlib import Path
import sys

import pytest

from custom_components.hikvision_nvr.offsite.client import open_bucket
from custom_components.hikvision_nvr.offsite.janitor import abort_strays

from .conftest import LocalStore, Remote, settings_for

FULL = os.environ.get("HIKVISION_NVR_FULL") == "1"
ROUNDS = 150 if FULL else 5
SEED = 20261122


@pytest.mark.timeout(1800 if FULL else 240)
async def test_every_capture_arrives_once_wherever_the_process_is_killed(
    moto: str, remote: Remote, local: LocalStore, tmp_path: Path
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.offsite.upload_rounds",
        moto,
        remote.name,
        str(tmp_path / "rounds"),
        str(ROUNDS),
        str(SEED),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    rounds = [json.loads(line) for line in output.splitlines()]
    assert len(rounds) == ROUNDS
    assert sum(one["killed"] for one in rounds) > ROUNDS // 2
    for one in rounds:
        keys = [
            key
            for key in remote.listed(f"{one['prefix']}/")
            if "/_hikvision_nvr/" not in key
        ]
        found = sorted(sha256(remote.read(key)).hexdigest() for key in keys)
        assert found == sorted(one["hashes"]), one
    # One that was killed before it knew its upload's id leaves it to the janitor.
    for one in rounds:
        below = settings_for(moto, remote.name, prefix=one["prefix"])
        async with open_bucket(below) as bucket:
            await abort_strays(
                bucket, local.store.uploads, older_than=timedelta(minutes=-1)
            )
    assert remote.unfinished_uploads() == []
