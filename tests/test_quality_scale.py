"""Each rule of Home Assistant's quality scale is kept, and something shows it."""

import ast
import asyncio
from functools import cache
from pathlib import Path
import re

import pytest
import yaml

from custom_components.hikvision_nvr import PLATFORMS
from custom_components.hikvision_nvr.errors import OffsiteUnreachableError
from custom_components.hikvision_nvr.offsite import connection as connections
from custom_components.hikvision_nvr.offsite.connection import Connection

ROOT = Path(__file__).resolve().parents[1]
INTEGRATION = ROOT / "custom_components" / "hikvision_nvr"
TIERS = {"Bronze": 20, "Silver": 10, "Gold": 21, "Platinum": 3}
"""How many rules each has."""

ROWS = re.findall(
    r"^\| ([a-z][a-z-]+) \| (.+) \|$",
    (ROOT / "docs" / "quality_scale.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)
RULES = yaml.safe_load((INTEGRATION / "quality_scale.yaml").read_text())["rules"]


@cache
def names_in(path: Path) -> set[str]:
    """Return the names of the tests in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    }


def test_the_tables_are_those_of_the_scale() -> None:
    text = (ROOT / "docs" / "quality_scale.md").read_text(encoding="utf-8")
    for tier, count in TIERS.items():
        part = text.partition(f"## {tier}\n")[2].partition("\n## ")[0]
        assert len(re.findall(r"^\| [a-z]", part, re.MULTILINE)) == count
    assert sorted(rule for rule, _ in ROWS) == sorted(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_is_done_or_has_a_reason(rule: str) -> None:
    found = RULES[rule]
    status = found if isinstance(found, str) else found["status"]
    assert status in ("done", "exempt")
    if status == "exempt":
        assert len(found["comment"].split()) >= 4


@pytest.mark.parametrize(("rule", "proofs"), ROWS, ids=[rule for rule, _ in ROWS])
def test_what_shows_a_rule_exists(rule: str, proofs: str) -> None:
    found = re.findall(r"`([^`]+)`", proofs)
    assert found
    for proof in found:
        name, test, part = re.fullmatch(
            r"([^:#]+)(?:::(\w+))?(?:#(.+))?", proof
        ).groups()
        path = ROOT / name
        assert path.is_file(), proof
        if test:
            assert test in names_in(path), proof
        if part:
            text = path.read_text(encoding="utf-8")
            assert re.search(rf"^#+ {re.escape(part)}$", text, re.MULTILINE), proof


def test_each_platform_says_how_many_updates_run_at_once() -> None:
    for platform in PLATFORMS:
        tree = ast.parse((INTEGRATION / f"{platform}.py").read_text(encoding="utf-8"))
        assert any(
            isinstance(node, ast.Assign)
            and any(
                isinstance(target, ast.Name) and target.id == "PARALLEL_UPDATES"
                for target in node.targets
            )
            for node in tree.body
        ), platform


async def test_a_lost_bucket_is_logged_once_and_its_return_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([*[OffsiteUnreachableError("no route")] * 5, None])

    async def trial() -> OffsiteUnreachableError | None:
        return next(answers)

    monkeypatch.setattr(connections.pace, "probe_seconds", lambda _failures: 0)
    connection = Connection(trial, lambda: None)
    caplog.set_level("INFO")
    trying = asyncio.ensure_future(connection.keep_trying())
    await connection.usable()
    trying.cancel()
    told = [one.message for one in caplog.records if "S3" in one.message]
    assert told == [
        "Uploads to S3 pause, nothing is lost: no route",
        "S3 can be used again, uploads go on",
    ]
