"""Print the requirements of Home Assistant, of some of its integrations, and of ours.

``neighbours.py HOMEASSISTANT_FOLDER INTEGRATION...``, or ``neighbours.py --ours``.
"""

from importlib.metadata import PathDistribution
import json
from pathlib import Path
import sys

OURS = Path(__file__).resolve().parents[2] / "custom_components" / "hikvision_nvr"


def requirements(integration: Path) -> list[str]:
    """Return what an integration's manifest asks for."""
    manifest = json.loads((integration / "manifest.json").read_text(encoding="utf-8"))
    found: list[str] = manifest.get("requirements", [])
    return found


def main() -> None:
    """Print one requirement a line."""
    if sys.argv[1:] == ["--ours"]:
        print("\n".join(requirements(OURS)))
        return
    home, *integrations = sys.argv[1:]
    (described,) = Path(home).parent.glob("homeassistant-*.dist-info")
    wanted = [
        one
        for one in PathDistribution(described).requires or []
        if "extra ==" not in one
    ]
    for integration in integrations:
        wanted += requirements(Path(home) / "components" / integration)
    print("\n".join([*wanted, *requirements(OURS)]))


if __name__ == "__main__":
    main()
