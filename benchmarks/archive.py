"""Our archive against the toolkit's method, on the same local S3 service.

    scripts/bench archive [--quick] [--rounds N]

A day of 1,000 files of 200 KB, of which nothing is on the disk any more, becomes one
archive; tarfile must then read all of them out of it. The ratio is the median over the
rounds; the figure is what our process needs more memory than before, at its peak.
"""

# The package of an integration imports Home Assistant, its rooms do not.
import benchmarks._without_home_assistant  # noqa: F401  # isort: skip

import argparse
from hashlib import sha256
from pathlib import Path
import tarfile

from benchmarks._bucket_runs import (
    CAMERA,
    JobTaken,
    fill_folder,
    run_ours,
    run_toolkit,
)
from benchmarks._machine import describe_machine
from benchmarks._measure import WrongFilesError, place, progress
from benchmarks._report import median, print_result, print_table
from benchmarks._s3_service import BUCKET, S3Service

_FILES, _QUICK_FILES = 1000, 300
_SIZE = 200_000
_DAY = "2026-03-04"
_ARCHIVE = {
    "camera": CAMERA,
    "first": _DAY,
    "last": _DAY,
    "pattern": None,
    "storage_class": "GLACIER",
    "limit": 31,
    "dry_run": False,
}


def packed(archive: Path) -> set[str]:
    """Return the SHA-256 of all that is in an archive."""
    found = set()
    with tarfile.open(archive, "r:gz") as opened:
        for entry in opened:
            file = opened.extractfile(entry)
            if file is not None:
                found.add(sha256(file.read()).hexdigest())
    return found


def main() -> None:
    """Run the benchmark and print its result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    options = parser.parse_args()
    files = _QUICK_FILES if options.quick else _FILES
    rounds = options.rounds or (1 if options.quick else 3)
    print("\n".join([*describe_machine(), f"Files:   {files} of {_SIZE // 1000} KB"]))
    sent: set[str] = set()

    def fill(bucket: Path) -> None:
        folder = bucket / CAMERA / _DAY
        fill_folder(folder, files, _SIZE)
        sent.update(sha256(path.read_bytes()).hexdigest() for path in folder.iterdir())

    def check(service: S3Service) -> None:
        bucket = service.folder / BUCKET / CAMERA
        if packed(bucket / "archive" / f"{_DAY}.tar.gz") != sent:
            raise WrongFilesError("the archive does not hold all files")
        if any(key.startswith(f"{CAMERA}/{_DAY}/") for key in service.objects()):
            raise WrongFilesError("not all single files are gone")

    ours: list[JobTaken] = []
    toolkit: list[JobTaken] = []
    with place() as where:
        for number in range(rounds):
            progress(f"round {number + 1}: ours")
            ours.append(run_ours(where, fill, "archive", _ARCHIVE, check))
            progress(f"round {number + 1}: the toolkit's method")
            toolkit.append(run_toolkit(where, fill, check, "archive", CAMERA, _DAY))
    megabytes = files * _SIZE / 1e6
    print_table(
        ["", "MB/s", "CPU s", "MB more"],
        [
            [
                name,
                f"{median(megabytes / run.seconds for run in runs):.1f}",
                f"{median(run.cpu for run in runs):.1f}",
                f"{median(run.extra_memory for run in runs) / 1e6:.0f}",
            ]
            for name, runs in (("ours", ours), ("toolkit's method", toolkit))
        ],
    )
    print_result(
        "archive",
        {
            "archive_vs_toolkit_method": median(
                theirs.seconds / our.seconds
                for our, theirs in zip(ours, toolkit, strict=True)
            )
        },
        {
            "extra_rss_mb": max(run.extra_memory for run in ours) / 1e6,
            "archive_mb_s": median(megabytes / run.seconds for run in ours),
        },
    )


if __name__ == "__main__":
    main()
