"""Who uploads a folder to S3: our recorder, and the peers that it is compared with."""

from collections.abc import Callable
from dataclasses import dataclass
import json
import os
from pathlib import Path
import resource
import shutil
import subprocess
import sys
import time

from benchmarks._backlog import CAMERA
from benchmarks._process import ROOT, python_command
from benchmarks._s3_service import (
    ACCESS_KEY,
    BUCKET,
    RCLONE,
    REGION,
    SECRET_KEY,
    S3Service,
)

AT_ONCE = 4
"""Uploads at a time, for all but the AWS CLI, which is left at its own 10."""
_LONGEST = 600


@dataclass(frozen=True)
class Sent:
    """What an upload of all files took."""

    seconds: float
    cpu: float


type Upload = Callable[[Path, S3Service], Sent]


def ours(folder: Path, service: S3Service) -> Sent:
    """Drain a store's backlog. The folder is used up: make a copy before."""
    said = json.loads(
        subprocess.run(
            python_command("_drain", str(folder), service.url, BUCKET, str(AT_ONCE)),
            stdout=subprocess.PIPE,
            cwd=ROOT,
            check=True,
            timeout=_LONGEST,
        ).stdout
    )
    return Sent(said["seconds"], said["cpu"])


def rclone(folder: Path, service: S3Service) -> Sent:
    """Copy with rclone."""
    return _run(
        [
            str(RCLONE),
            "copy",
            "--config=",
            f"--transfers={AT_ONCE}",
            "--s3-provider=Rclone",
            "--s3-no-check-bucket",
            f"--s3-endpoint={service.url}",
            f"--s3-access-key-id={ACCESS_KEY}",
            f"--s3-secret-access-key={SECRET_KEY}",
            _source(folder),
            f":s3:{BUCKET}/{CAMERA}",
        ]
    )


def awscli(folder: Path, service: S3Service) -> Sent:
    """Copy with the AWS CLI."""
    peer = Path(os.environ["BENCH_AWSCLI"])
    return _run(
        [
            sys.executable,
            str(peer / "bin" / "aws"),
            f"--endpoint-url={service.url}",
            "s3",
            "cp",
            "--recursive",
            "--only-show-errors",
            _source(folder),
            f"s3://{BUCKET}/{CAMERA}",
        ],
        PYTHONPATH=str(peer),
    )


def s5cmd(folder: Path, service: S3Service) -> Sent:
    """Copy with s5cmd."""
    return _run(
        [
            str(Path(os.environ["BENCH_S5CMD"]) / "bin" / "s5cmd"),
            f"--endpoint-url={service.url}",
            f"--numworkers={AT_ONCE}",
            "cp",
            f"{_source(folder)}/",
            f"s3://{BUCKET}/{CAMERA}/",
        ]
    )


CLIENTS: dict[str, Upload] = {
    "ours": ours,
    "awscli": awscli,
    "rclone": rclone,
    "s5cmd": s5cmd,
}


def copy_of(folder: Path, target: Path) -> Path:
    """Return a store as it was made: the files are links, the catalogue is copied."""
    shutil.copytree(folder / "storage", target / "storage", copy_function=os.link)
    shutil.copytree(folder / "state", target / "state")
    return target


def _source(folder: Path) -> str:
    return str(folder / "storage" / CAMERA)


def _run(command: list[str], **environment: str) -> Sent:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    subprocess.run(
        command,
        stdout=subprocess.DEVNULL,
        env={
            **os.environ,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            **environment,
        },
        check=True,
        timeout=_LONGEST,
    )
    seconds = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Sent(
        seconds,
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    )
