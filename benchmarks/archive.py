"""Our archive against the toolkit's method, on the same local S3 service.

    scripts/bench archive [--quick] [--rounds N]

A day of 1,000 files of 200 KB, of which nothing is on the disk any more, becomes one
archive; tarfile must then read all of them out of it. The ratio is the median over the
rounds; the figure is what our process needs more memory than before, at its peak.
"""

# The package of an integration imports Home Assistant, its rooms do not.
import benchmarks._without_home_assistant  # noqa: F401  # isort: skip

from hashlib import sha256
from pathlib import Path
import tarfile

from benchmarks._bucket_comparison import compare, read_form
from benchmarks._bucket_runs import CAMERA, fill_folder
from benchmarks._measure import WrongFilesError
from benchmarks._report import print_result
from benchmarks._s3_service import BUCKET, S3Service

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
    form = read_form(__doc__, files=1000, quick=300, size=200_000)
    sent: set[str] = set()

    def fill(bucket: Path) -> None:
        folder = bucket / CAMERA / _DAY
        fill_folder(folder, form.files, form.size)
        sent.update(sha256(path.read_bytes()).hexdigest() for path in folder.iterdir())

    def check(service: S3Service) -> None:
        bucket = service.folder / BUCKET / CAMERA
        if packed(bucket / "archive" / f"{_DAY}.tar.gz") != sent:
            raise WrongFilesError("the archive does not hold all files")
        if any(key.startswith(f"{CAMERA}/{_DAY}/") for key in service.objects()):
            raise WrongFilesError("not all single files are gone")

    compared = compare(
        form, fill, check, ("archive", _ARCHIVE), ("archive", CAMERA, _DAY)
    )
    megabytes = form.files * form.size / 1e6
    compared.print_rates("MB", megabytes)
    print_result(
        "archive",
        {"archive_vs_toolkit_method": compared.ratio},
        {
            "extra_rss_mb": max(run.extra_memory for run in compared.ours) / 1e6,
            "archive_mb_s": compared.rate(megabytes),
        },
    )


if __name__ == "__main__":
    main()
