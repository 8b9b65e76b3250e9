"""What a release is made of, and what makes it."""

from importlib.metadata import metadata, version as installed
import json
from pathlib import Path
import re
import shutil
import subprocess
import zipfile

import homeassistant
from packaging.requirements import Requirement
import pytest
import yaml

from scripts.support import check_integration, package

ROOT = Path(__file__).resolve().parents[1]
COMPONENTS = Path(homeassistant.__file__).parent / "components"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
NEIGHBOURS = ("aws_s3", "generic", "hikvision", "onvif", "sftp_storage", "stream", "yi")


def requirements(manifest: Path) -> list[Requirement]:
    found = json.loads(manifest.read_text(encoding="utf-8"))
    return [Requirement(one) for one in found.get("requirements", [])]


# --- the archive --------------------------------------------------------------------


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the integration that a test may spoil."""
    folder = tmp_path / "copy" / "hikvision_nvr"
    shutil.copytree(package.INTEGRATION, folder)
    monkeypatch.setattr(package, "INTEGRATION", folder)
    return folder


def test_the_archive_is_the_integration_and_its_licence(tmp_path: Path) -> None:
    with zipfile.ZipFile(package.build(tmp_path)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        for name in names:
            source = ROOT if name == "LICENSE" else package.INTEGRATION
            assert archive.read(name) == (source / name).read_bytes()
    assert set(package.REQUIRED) <= set(names)
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "."],
        cwd=package.INTEGRATION,
        capture_output=True,
        text=True,
        check=True,
    )
    kept = {
        one
        for one in listed.stdout.splitlines()
        if (package.INTEGRATION / one).exists()
    }
    assert set(names) == {"LICENSE", *kept}


def test_the_same_files_give_the_same_bytes(copy: Path, tmp_path: Path) -> None:
    first = package.build(tmp_path / "first").read_bytes()
    (copy / "manifest.json").touch()
    (copy / "manifest.json").chmod(0o755)
    cache = copy / "store" / "__pycache__"
    cache.mkdir(exist_ok=True)
    (cache / "left_over.pyc").write_bytes(b"\0")
    assert package.build(tmp_path / "second").read_bytes() == first
    (copy / "manifest.json").write_text("{}")
    assert package.build(tmp_path / "third").read_bytes() != first


@pytest.mark.parametrize(
    "name", ["notes.txt", ".secret.json", "store/catalogue.sqlite"]
)
def test_what_is_no_part_of_the_integration_is_refused(
    copy: Path, tmp_path: Path, name: str
) -> None:
    (copy / name).write_text("x")
    with pytest.raises(package.PackageError, match="does not belong"):
        package.build(tmp_path)


@pytest.mark.parametrize(
    "name", ["translations/en.json", "frontend/hikvision-nvr-card.js"]
)
def test_what_is_missing_is_said(copy: Path, tmp_path: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(package.PackageError, match=f"{re.escape(name)} is missing"):
        package.build(tmp_path)


def run_release(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["python3", ROOT / "scripts" / "support" / "package.py", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_tag_of_another_version_is_refused(tmp_path: Path) -> None:
    refused = run_release("--tag", "v999.0.0", "--output", str(tmp_path))
    assert refused.returncode == 1
    assert f"the tag is v999.0.0, the version is {package.version()}" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_notes_of_a_release_are_its_part_of_the_changelog() -> None:
    changelog = (
        "# Changelog\n\n## Unreleased\n\n- Later.\n\n"
        "## 1.2.0 - 2026-11-30\n\n### Added\n\n- This.\n\n## 1.1.0 - 2026-10-01\n\n- Old.\n"
    )
    assert package.notes("1.2.0", changelog) == "### Added\n\n- This.\n"
    assert package.notes("1.1.0", changelog) == "- Old.\n"
    for version in ("1.3.0", "1.2", "Unreleased"):
        with pytest.raises(package.PackageError, match="says nothing"):
            package.notes(version, changelog)


def test_the_changelog_has_the_form_that_the_notes_are_taken_from() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    heads = re.findall(r"^## (.*)$", changelog, re.MULTILINE)
    assert heads
    for head in heads:
        assert head == "Unreleased" or re.fullmatch(
            r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", head
        )
    assert heads[0].split()[0] in ("Unreleased", package.version())


def test_hacs_finds_the_archive() -> None:
    hacs = json.loads((ROOT / "hacs.json").read_text(encoding="utf-8"))
    assert hacs["zip_release"] is True
    assert hacs["filename"] == package.NAME
    # The version that these tests run on is the oldest that is promised.
    assert hacs["homeassistant"] == installed("homeassistant")


# --- beside Home Assistant's own integrations -------------------------------------------


@pytest.mark.parametrize("neighbour", NEIGHBOURS)
def test_ranges_contain_what_a_neighbour_pins(neighbour: str) -> None:
    """scripts/check-neighbours resolves all of it, which needs a network."""
    ours = {
        one.name: one.specifier
        for one in requirements(package.INTEGRATION / "manifest.json")
    }
    for pin in requirements(COMPONENTS / neighbour / "manifest.json"):
        if pin.name in ours:
            (exact,) = pin.specifier
            assert exact.operator == "=="
            assert ours[pin.name].contains(exact.version)


def test_the_pins_that_are_checked_are_those_of_home_assistant() -> None:
    pinned = {
        pin.name: next(iter(pin.specifier)).version
        for neighbour in NEIGHBOURS
        for pin in requirements(COMPONENTS / neighbour / "manifest.json")
    }
    for name, version in check_integration.CORE_PINS.items():
        assert pinned[name] == version


@pytest.mark.parametrize(
    "requirement", requirements(package.INTEGRATION / "manifest.json"), ids=str
)
def test_what_is_tested_is_what_is_asked_for(requirement: Requirement) -> None:
    assert requirement.specifier.contains(installed(requirement.name))


OPEN_LICENCES = re.compile(r"Apache|BSD|MIT|EPL|PSF|MPL")


@pytest.mark.parametrize(
    "requirement", requirements(package.INTEGRATION / "manifest.json"), ids=str
)
def test_what_is_asked_for_is_open(requirement: Requirement) -> None:
    described = metadata(requirement.name)
    licences = [described.get("License-Expression"), described.get("License")]
    licences += described.get_all("Classifier") or []
    assert any(OPEN_LICENCES.search(one) for one in licences if one)
    assert any("github.com" in one for one in described.get_all("Project-URL") or [])


@pytest.mark.parametrize("name", ["run", "dev"])
def test_every_requirement_of_an_environment_is_pinned(name: str) -> None:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith(("#", " "))]
    assert len(pins) > 50
    for pin in pins:
        requirement = Requirement(pin)
        (exact,) = requirement.specifier
        assert exact.operator == "=="
        assert requirement.url is None
        if name == "dev" and (not requirement.marker or requirement.marker.evaluate()):
            assert installed(requirement.name) == exact.version


# --- continuous integration -------------------------------------------------------------


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_run_what_there_is_and_may_only_read(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    may_write = {
        "release": {"contents": "write", "id-token": "write", "attestations": "write"}
    }
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert set((job.get("permissions") or {}).items()) <= {
            *may_write.get(name, {}).items(),
            ("contents", "read"),
        }
        assert "timeout-minutes" in job
    for script in re.findall(r"scripts/[\w-]+", text):
        assert (ROOT / script).is_file()
    # What a stranger has written must never become a part of a command.
    assert not re.search(r"run:.*\$\{\{\s*github\.event", text)
    assert "pull_request_target" not in text


def test_every_script_is_described_to_contributors() -> None:
    told = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for script in (ROOT / "scripts").iterdir():
        if script.is_file():
            assert f"scripts/{script.name}" in told, script.name


def test_issue_forms_ask_for_nothing_secret() -> None:
    forms = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    assert {form.stem for form in forms} >= {"bug_report", "feature_request", "config"}
    for form in forms:
        content = yaml.safe_load(form.read_text(encoding="utf-8"))
        for field in content.get("body", []):
            assert field["type"] in {
                "textarea",
                "input",
                "dropdown",
                "checkboxes",
                "markdown",
            }
            if field["type"] != "markdown":
                assert field["attributes"]["label"]


# --- what hassfest and HACS would refuse ------------------------------------------------


def test_the_integrations_files_have_no_fault() -> None:
    assert check_integration.main() == 0


@pytest.fixture(scope="module")
def code() -> check_integration.Code:
    """What the check reads of the code, which takes it most of its time."""
    return check_integration.read_code(check_integration.Faults())


@pytest.mark.parametrize(
    ("name", "spoil", "fault"),
    [
        ("manifest.json", ('"version": "', '"version": "x'), "version 'x"),
        ("manifest.json", ("1868CB*", "1868cb*"), "never matches"),
        ("manifest.json", ("aioftp>=0.21.3,<0.29", "aioftp>=0.28,<0.29"), "core's"),
        ("manifest.json", ('"hub"', '"nub"'), "'nub' is unknown"),
        ("quality_scale.yaml", ("brands: done", "brands: maybe"), "brands is 'maybe'"),
        ("quality_scale.yaml", ("brands: done", "brands: exempt"), "no comment"),
        ("triggers.yaml", ("upload_stalled", "upload_stopped"), "'upload_stopped'"),
        ("conditions.yaml", ("storage_low", "storage_high"), "'storage_high'"),
        ("services.yaml", ("\narchive:", "\narchived:"), "service 'archived'"),
        ("icons.json", ("mdi:", "mdi-"), "write it as mdi:name"),
        ("translations/en.json", ('"title":', '"titel":'), "unknown section 'titel'"),
    ],
)
def test_a_fault_in_a_file_is_told(
    copy: Path,
    code: check_integration.Code,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    spoil: tuple[str, str],
    fault: str,
) -> None:
    root = copy.parent
    for other in ("pyproject.toml", "hacs.json"):
        shutil.copy(ROOT / other, root / other)
    monkeypatch.setattr(check_integration, "ROOT", root)
    monkeypatch.setattr(check_integration, "INTEGRATION", copy)
    monkeypatch.setattr(check_integration, "read_code", lambda _faults: code)
    text = (copy / name).read_text(encoding="utf-8")
    assert spoil[0] in text
    before, _, after = text.rpartition(spoil[0])
    (copy / name).write_text(f"{before}{spoil[1]}{after}", encoding="utf-8")
    assert check_integration.main() == 1
    assert fault in capsys.readouterr().out
