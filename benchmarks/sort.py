"""Our sort against the toolkit's serial method, on the same local S3 service.

    scripts/bench sort [--quick] [--rounds N]

1,000 unsorted files of 20 KB are brought to their day; then each must be there, byte for
byte, and none where it was. The ratio is the median over the rounds.
"""

# The package of an integration imports Home Assistant, its rooms do not.
import benchmarks._without_home_assistant  # noqa: F401  # isort: skip

from pathlib import Path

from benchmarks._bucket_comparison import compare, read_form
from benchmarks._bucket_runs import CAMERA, fill_folder
from benchmarks._measure import WrongFilesError
from benchmarks._report import print_result
from benchmarks._s3_service import S3Service

_SORT = {"camera": None, "patterns": ["*.jpg"], "grace": 0, "dry_run": False}


def main() -> None:
    """Run the benchmark and print its result."""
    form = read_form(__doc__, files=1000, quick=300, size=20_000)

    def fill(bucket: Path) -> None:
        fill_folder(bucket / CAMERA, form.files, form.size)

    def check(service: S3Service) -> None:
        found = service.objects()
        if len(found) != form.files or len(set(found.values())) != form.files:
            raise WrongFilesError(f"{len(found)} of {form.files} files are there")
        if any(key.count("/") != 2 for key in found):
            raise WrongFilesError("not all files are sorted")

    compared = compare(form, fill, check, ("sort", _SORT), ("sort", CAMERA))
    compared.print_rates("files", form.files)
    print_result(
        "sort",
        {"sort_vs_serial": compared.ratio},
        {"sort_files": compared.rate(form.files)},
    )


if __name__ == "__main__":
    main()
