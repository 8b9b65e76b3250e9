"""Build the archive that HACS installs, the same bytes from the same files each time.

    package.py [--tag vVERSION] [--output FOLDER]

Prints the archive's path. Its root is the content of the integration's folder, as HACS
wants it with ``zip_release``. With ``--tag`` the version must be the tag's, and what
the changelog says of it is written beside the archive, for the release's page.
"""

import argparse
from collections.abc import Iterator
from hashlib import sha256
import json
from pathlib import Path
import re
import sys
import tomllib
import zipfile

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = "hikvision_nvr"
INTEGRATION = ROOT / "custom_components" / DOMAIN
NAME = f"{DOMAIN}.zip"
NOTES = "release-notes.md"

SUFFIXES = {".js", ".json", ".png", ".py", ".yaml"}
REQUIRED = (
    "LICENSE",
    "__init__.py",
    "brand/icon.png",
    "config_flow.py",
    "frontend/hikvision-nvr-card.js",
    "icons.json",
    "manifest.json",
    "services.yaml",
    "translations/en.json",
)
_TIME = (1980, 1, 1, 0, 0, 0)
"""The first that the format knows: when a file was checked out changes nothing."""
_PLAIN_FILE = 0o100644


class PackageError(Exception):
    """What keeps this from being a release."""


def integration_files() -> Iterator[tuple[str, Path]]:
    """Yield name and place of each file, in order, the licence among them.

    Raises PackageError for a file of a kind that no part of the integration has.
    """
    found = {"LICENSE": ROOT / "LICENSE"}
    for path in INTEGRATION.rglob("*"):
        name = path.relative_to(INTEGRATION)
        if "__pycache__" in name.parts or path.is_dir():
            continue
        if path.is_symlink() or path.suffix not in SUFFIXES or name.name[0] == ".":
            raise PackageError(f"{name.as_posix()} does not belong into the archive")
        found[name.as_posix()] = path
    missing = [name for name in REQUIRED if name not in found]
    if missing:
        raise PackageError(f"{', '.join(missing)} is missing")
    return iter(sorted(found.items()))


def build(output: Path) -> Path:
    """Write the archive into a folder and return its path. Raises PackageError.

    Nothing is compressed: what a compressor makes differs from version to version.
    """
    files = list(integration_files())
    output.mkdir(parents=True, exist_ok=True)
    archive = output / NAME
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as made:
        for name, path in files:
            entry = zipfile.ZipInfo(name, _TIME)
            entry.create_system = 3  # Unix, wherever this runs.
            entry.external_attr = _PLAIN_FILE << 16
            made.writestr(entry, path.read_bytes())
    return archive


def version() -> str:
    """Return the version that all files agree on. Raises PackageError."""
    manifest = json.loads((INTEGRATION / "manifest.json").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found: str = manifest["version"]
    if project["project"]["version"] != found:
        raise PackageError("manifest.json and pyproject.toml have different versions")
    return found


def notes(wanted: str, changelog: str) -> str:
    """Return what a changelog says of a version. Raises PackageError."""
    section = re.search(
        rf"^## \[?{re.escape(wanted)}\]? - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |\Z)",
        changelog,
        re.MULTILINE | re.DOTALL,
    )
    if section is None or not section[1].strip():
        raise PackageError(f"CHANGELOG.md says nothing of {wanted} with its day")
    return section[1].strip() + "\n"


def main() -> int:
    """Build the archive, or say why not."""
    parser = argparse.ArgumentParser(prog="scripts/release")
    parser.add_argument("--tag", help="the tag that is released, such as v1.2.3")
    parser.add_argument("--output", type=Path, default=ROOT / "artifacts" / "release")
    options = parser.parse_args()
    try:
        found = version()
        if options.tag is not None:
            if options.tag != f"v{found}":
                raise PackageError(f"the tag is {options.tag}, the version is {found}")
            text = notes(found, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
            options.output.mkdir(parents=True, exist_ok=True)
            (options.output / NOTES).write_text(text, encoding="utf-8")
        archive = build(options.output)
    except PackageError as err:
        print(f"error: {err}", file=sys.stderr)
        return 1
    digest = sha256(archive.read_bytes()).hexdigest()
    print(f"version {found}, SHA-256 {digest}", file=sys.stderr)
    print(archive)
    return 0


if __name__ == "__main__":
    sys.exit(main())
