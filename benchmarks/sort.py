"""Our sort against the toolkit's serial method, on the same local S3 service.

    scripts/bench sort [--quick] [--rounds N]

1,000 unsorted files of 20 KB are brought to their day; then each must be there, byte for
byte, and none where it was. The ratio is the median over the rounds.
"""

# The package of an integration imports Home Assistant, its rooms do not.
import benchmarks._without_home_assistant  # noqa: F401  # isort: skip

import argparse
from pathlib import Path

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
from benchmarks._s3_service import S3Service

_FILES, _QUICK_FILES = 1000, 300
_SIZE = 20_000
_SORT = {"camera": None, "patterns": ["*.jpg"], "grace": 0, "dry_run": False}


def main() -> None:
    """Run the benchmark and print its result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    options = parser.parse_args()
    files = _QUICK_FILES if options.quick else _FILES
    rounds = options.rounds or (1 if options.quick else 3)
    print("\n".join([*describe_machine(), f"Files:   {files} of {_SIZE // 1000} KB"]))

    def fill(bucket: Path) -> None:
        fill_folder(bucket / CAMERA, files, _SIZE)

    def check(service: S3Service) -> None:
        found = service.objects()
        if len(found) != files or len(set(found.values())) != files:
            raise WrongFilesError(f"{len(found)} of {files} files are there")
        if any(key.count("/") != 2 for key in found):
            raise WrongFilesError("not all files are sorted")

    ours: list[JobTaken] = []
    serial: list[JobTaken] = []
    with place() as where:
        for number in range(rounds):
            progress(f"round {number + 1}: ours")
            ours.append(run_ours(where, fill, "sort", _SORT, check))
            progress(f"round {number + 1}: the toolkit's serial method")
            serial.append(run_toolkit(where, fill, check, "sort", CAMERA))
    print_table(
        ["", "files/s", "CPU s", "MB more"],
        [
            [
                name,
                f"{median(files / run.seconds for run in runs):.1f}",
                f"{median(run.cpu for run in runs):.1f}",
                f"{median(run.extra_memory for run in runs) / 1e6:.0f}",
            ]
            for name, runs in (("ours", ours), ("toolkit's method", serial))
        ],
    )
    print_result(
        "sort",
        {
            "sort_vs_serial": median(
                theirs.seconds / our.seconds
                for our, theirs in zip(ours, serial, strict=True)
            )
        },
        {"sort_files": median(files / run.seconds for run in ours)},
    )


if __name__ == "__main__":
    main()
