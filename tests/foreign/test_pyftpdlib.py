"""pyftpdlib's own functional tests, as a curated list of what a server must do.

Those that the list excludes fail, and take most of the time to do so: they are run with
HIKVISION_NVR_FULL=1 only, to see that they still do.
"""

import json
import os
from pathlib import Path
import subprocess
import sys
import tomllib
from typing import Any

import pytest

from tests.receiver.process import FULL

ROOT = Path(__file__).parents[2]
SUITE = Path(__file__).parent / "pyftpdlib_suite"
CURATED = tomllib.loads((SUITE / "curated.toml").read_text())

FETCH = """
set -euo pipefail
for part in common python environment system_packages foreign; do
  . "scripts/support/$part.sh"
done
fetch_pyftpdlib_tests
"""


@pytest.fixture(scope="module")
def source() -> Path:
    """Pyftpdlib's source, fetched when it is not there."""
    done = subprocess.run(
        ["bash", "-c", FETCH], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    return Path(done.stdout.strip())


@pytest.fixture(scope="module")
def outcomes(source: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What each of its tests came to."""
    results = tmp_path_factory.mktemp("pyftpdlib") / "results.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "--tb=short"),
            # pyftpdlib's own settings want plugins that we have not.
            *("-c", os.devnull, "--rootdir", ".", "-p", "no:cacheprovider"),
            *("-p", "receiver_adapter", "-p", "pytest_timeout", "--timeout", "30"),
            *("tests/test_functional.py", "tests/test_functional_ssl.py"),
        ],
        cwd=source,
        env=os.environ
        | {
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join([str(SUITE), str(ROOT)]),
            "RESULTS_FILE": str(results),
            "SKIPPED_CLASSES": " ".join(CURATED["not_run"]),
            "WANTED_TESTS": json.dumps(_wanted()),
        },
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert results.exists(), done.stdout[-4000:] + done.stderr[-4000:]
    found: list[Any] = json.loads(results.read_text())
    return found


def _wanted() -> dict[str, dict[str, bool]]:
    """Return for each test of the list whether it is run."""
    wanted: dict[str, dict[str, bool]] = {}
    for kind in ("passes", "hollow", "excluded"):
        for cls, names in CURATED[kind].items():
            wanted.setdefault(cls, {}).update(
                dict.fromkeys(names, FULL or kind != "excluded")
            )
    return wanted


def expected(name: str, classes: list[str]) -> str | None:
    """Return the list that a test is in."""
    for cls in classes:
        for kind in ("passes", "hollow", "excluded"):
            if name in CURATED[kind].get(cls, ()):
                return kind
    return None


def test_curated_list_holds(outcomes: list[Any]) -> None:
    wrong = []
    for found in outcomes:
        name, [cls, *_] = found["name"], found["classes"]
        kind = expected(name, found["classes"])
        right = {
            "passes": found["outcome"] == "passed",
            "hollow": found["outcome"] == "passed",
            "excluded": found["outcome"] != "passed",
            None: False,
        }[kind]
        # What pyftpdlib itself skips in a variant says nothing.
        if not right and found["outcome"] != "skipped":
            wrong.append(
                f"{cls}.{name} is in {kind}, but: {found['outcome']} {found['why']}"
            )
    assert not wrong, "\n".join(wrong)


def test_curated_list_has_nothing_besides(outcomes: list[Any]) -> None:
    ran = {(cls, found["name"]) for found in outcomes for cls in found["classes"]}
    listed = {
        (cls, name)
        for kind in ("passes", "hollow", *(("excluded",) if FULL else ()))
        for cls, names in CURATED[kind].items()
        for name in names
    }
    assert listed - ran == set()
    # A run that collected hardly anything would prove hardly anything.
    passed = [found for found in outcomes if found["outcome"] == "passed"]
    assert len(passed) >= 60
