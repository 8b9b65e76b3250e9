"""docs/benchmarks.md is made of what the benchmarks have said, and of nothing else."""

import json
from pathlib import Path
import subprocess
import sys
from typing import Any

ROOT = Path(__file__).parents[1]
OURS = [["hikvision_nvr", "1.2.3"], ["rclone", "1.75.2"]]


def _ran(folder: Path, name: str, printed: str, **changes: Any) -> None:
    run = {
        "command": f"scripts/bench {name}",
        "date": "2026-11-22 17:00 UTC",
        "seconds": 12,
        "status": 0,
        "machine": ["Machine: 2 cores", "System:  Linux 6.18"],
        "versions": OURS,
    }
    (folder / f"{name}.json").write_text(json.dumps(run | changes))
    (folder / f"{name}.txt").write_text(printed)


def _write(folder: Path, *names: str) -> tuple[int, str, str]:
    target = folder / "benchmarks.md"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks._document", folder, target, *names],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, target.read_text() if target.exists() else ""


def _said(benchmark: str, ratios: dict[str, float], figures: dict[str, float]) -> str:
    return json.dumps({"benchmark": benchmark, "ratios": ratios, "figures": figures})


def test_figures_stand_beside_their_targets(tmp_path: Path) -> None:
    last = _said("sort", {"sort_vs_serial": 9.5}, {"sort_files": 300})
    _ran(tmp_path, "sort", f"a table\n{last}\n")
    # For what we need less of than a peer, less is better.
    last = _said("reader", {"cpu_vs_ffmpeg_12": 0.31}, {"dropped": 0})
    _ran(tmp_path, "reader", f"Machine: another\n{last}\n")
    code, table, text = _write(tmp_path, "reader", "sort", "receiver")
    assert code == 0
    assert "| sort | sort_vs_serial | 9.5 | ≥ 10 × | missed | sorting" in text
    assert "| reader | cpu_vs_ffmpeg_12 | 0.31 | ≤ 0.5 × | met |" in text
    assert "| reader | dropped | 0 | ≤ 0 | met |" in text
    assert "a table" in text
    assert "`scripts/bench sort`, 2026-11-22 17:00 UTC, 12 s." in text
    # A benchmark that names its machine is believed, for others it is said.
    assert text.count("Machine: 2 cores") == 1
    assert "hikvision_nvr 1.2.3, rclone 1.75.2" in text
    # What has never run is not there at all.
    assert "receiver" not in text
    assert "missed" in table
    assert "sort_files" not in table


def test_a_benchmark_that_failed_is_told(tmp_path: Path) -> None:
    _ran(tmp_path, "sort", "a line\n", status=1)
    code, table, text = _write(tmp_path, "sort")
    assert code == 1
    assert "| sort | did not come to its end |" in text
    assert "failed" in table


def test_what_ran_at_another_time_names_its_own_versions(tmp_path: Path) -> None:
    _ran(tmp_path, "sort", _said("sort", {}, {}))
    older = [["hikvision_nvr", "1.1.0"], ["rclone", "1.75.2"]]
    date = "2026-10-01 10:00 UTC"
    _ran(tmp_path, "card", _said("card", {}, {}), versions=older, date=date)
    _, _, text = _write(tmp_path, "card", "sort")
    assert "With hikvision_nvr 1.1.0.\n" in text
    assert text.count("rclone") == 1


def test_without_any_result_nothing_is_written(tmp_path: Path) -> None:
    assert _write(tmp_path, "sort") == (1, "", "")
