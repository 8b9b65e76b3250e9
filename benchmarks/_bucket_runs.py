"""Our jobs and the toolkit's method, each on a bucket that was filled alike."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
import json
from pathlib import Path
import random
import shutil
import subprocess
from typing import Any

from benchmarks._measure import Place
from benchmarks._process import ROOT, python_command
from benchmarks._s3_service import BUCKET, S3Service, s3_service

CAMERA = "CAM"
_LONGEST = 1800
_SEED = 20261122


@dataclass(frozen=True)
class JobTaken:
    """What a job took: seconds, processor seconds, and bytes of additional memory."""

    seconds: float
    cpu: float
    extra_memory: float
    result: Mapping[str, Any]


type Fill = Callable[[Path], None]
type Check = Callable[[S3Service], None]


def fill_folder(folder: Path, files: int, size: int) -> None:
    """Write files of random bytes, as many and as large as said."""
    folder.mkdir(parents=True)
    chance = random.Random(_SEED)
    for number in range(files):
        name = f"20260304T12{number // 60 % 60:02}{number % 60:02}-{number:05}.jpg"
        (folder / name).write_bytes(chance.randbytes(size))


def run_ours(
    where: Place, fill: Fill, kind: str, arguments: Mapping[str, Any], check: Check
) -> JobTaken:
    """Run one of our jobs in a process of its own."""
    state = where.disk / "recorder"
    command = python_command("_bucket_job", str(state))
    try:
        return _run(
            where,
            fill,
            lambda service: [
                *command,
                service.url,
                BUCKET,
                kind,
                json.dumps(arguments),
            ],
            check,
        )
    finally:
        shutil.rmtree(state, ignore_errors=True)


def run_toolkit(where: Place, fill: Fill, check: Check, *action: str) -> JobTaken:
    """Run the toolkit's method in a process of its own."""
    command = python_command("_toolkit_method")
    return _run(
        where, fill, lambda service: [*command, service.url, BUCKET, *action], check
    )


def _run(
    where: Place, fill: Fill, command: Callable[[S3Service], list[str]], check: Check
) -> JobTaken:
    folder = where.memory / "service"
    try:
        with s3_service(folder) as service:
            fill(folder / BUCKET)
            said = json.loads(
                subprocess.run(
                    command(service),
                    stdout=subprocess.PIPE,
                    cwd=ROOT,
                    check=True,
                    timeout=_LONGEST,
                ).stdout
            )
            check(service)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return JobTaken(said["seconds"], said["cpu"], said["extra_memory"], said["result"])
