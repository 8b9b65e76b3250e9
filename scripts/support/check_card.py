"""Checks that the card's module is the one that its sources make, and small enough.

It needs no Node.js: the build notes what it was made from, and this compares.

    check_card.py           what is wrong, one line a fault
    check_card.py --stamp   notes that the module is that of the sources (scripts/card)
"""

import gzip
from hashlib import sha256
import json
from pathlib import Path
import sys

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "frontend"
MODULE = (
    ROOT / "custom_components" / "hikvision_nvr" / "frontend" / "hikvision-nvr-card.js"
)
STAMP = MODULE.with_suffix(".json")
LARGEST = 150 * 1024
# Whatever changes the module; tests do not.
MADE_FROM = ("package-lock.json", "src/**/*.ts", "tsconfig.json", "vite.config.ts")


def digest_of_sources() -> str:
    """Return a fingerprint of everything that the module is made from."""
    digest = sha256()
    paths = {path for pattern in MADE_FROM for path in SOURCES.glob(pattern)}
    for path in sorted(paths):
        digest.update(path.relative_to(SOURCES).as_posix().encode() + b"\0")
        digest.update(sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def stamp() -> dict[str, str]:
    """Return what is noted of a build."""
    return {
        "sources": digest_of_sources(),
        "module": sha256(MODULE.read_bytes()).hexdigest(),
    }


def faults() -> list[str]:
    """Return what is wrong, each with what to do."""
    if not MODULE.is_file() or not STAMP.is_file():
        return [f"{MODULE.name} or its stamp is missing: run scripts/card"]
    found = []
    noted, is_now = json.loads(STAMP.read_text(encoding="utf-8")), stamp()
    if noted.get("sources") != is_now["sources"]:
        found.append(f"{MODULE.name} is stale, frontend/ has changed: run scripts/card")
    if noted.get("module") != is_now["module"]:
        found.append(f"{MODULE.name} was changed by hand: run scripts/card")
    size = len(gzip.compress(MODULE.read_bytes(), 9))
    if size > LARGEST:
        found.append(f"{MODULE.name} has {size} bytes gzipped, at most {LARGEST}")
    lock = (SOURCES / "package-lock.json").read_text(encoding="utf-8")
    if "://" in lock:
        found.append(
            "package-lock.json names a host: leave out its `resolved` and `funding`"
        )
    return found


def main() -> int:
    """Check, or note a build."""
    if sys.argv[1:] == ["--stamp"]:
        STAMP.write_text(json.dumps(stamp(), indent=2) + "\n", encoding="utf-8")
        size = len(gzip.compress(MODULE.read_bytes(), 9))
        print(f"{MODULE.relative_to(ROOT)}: {size} bytes gzipped")
    found = faults()
    for fault in found:
        print(fault)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
