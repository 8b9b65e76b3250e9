"""From one release to the next, and back."""

from datetime import UTC, datetime
from pathlib import Path
import sqlite3

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.hikvision_nvr.store import Store, schema

from .recorder import FakeEngine, recorder_entry

FIRST = """
    INSERT INTO captures (id, camera, day, name, size, sha256, kind, type, event_us,
        arrived_us) VALUES ('first', 'Front door', '2026-11-22', 'a.jpg', 3, 'abc',
        'snapshot', 'motion', 1795348800000000, 1795348801000000);
    INSERT INTO uploads (capture_id, state, priority, event_us, arrived_us, size)
        VALUES ('first', 'pending', 0, 1795348800000000, 1795348801000000, 3);
"""


def state_folder(home: HomeAssistant, entry: MockConfigEntry) -> Path:
    folder = Path(home.config.path(".storage", "hikvision_nvr", entry.entry_id))
    folder.mkdir(parents=True)
    return folder


def make_catalogue(path: Path, *scripts: str, version: int) -> None:
    """Write a catalogue as a release with so many versions of it had it."""
    connection = sqlite3.connect(path)
    for script in scripts:
        connection.executescript(script)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()


def content(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


async def test_a_catalogue_of_the_first_version_opens_with_all_that_is_in_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "catalogue.sqlite"
    make_catalogue(path, schema._VERSIONS[0], FIRST, version=1)
    store = Store(tmp_path / "media", path, time_zone=UTC, offsite=True)
    await store.open()
    try:
        capture = await store.captures.get("first")
        assert capture is not None
        assert capture.event_time == datetime(2026, 11, 22, 12, tzinfo=UTC)
        assert (await store.uploads.backlog()).files == 1
        assert store.used == 3
    finally:
        await store.close()
    connection = sqlite3.connect(path)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    assert version == len(schema._VERSIONS)


async def test_each_step_of_the_schema_is_whole_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut in the middle of an upgrade: the next start does it."""
    path = tmp_path / "catalogue.sqlite"
    make_catalogue(path, schema._VERSIONS[0], FIRST, version=1)
    broken = "CREATE TABLE novelty (id TEXT) STRICT; INSERT INTO nowhere VALUES (1);"
    monkeypatch.setattr(schema, "_VERSIONS", (*schema._VERSIONS, broken))
    connection = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(sqlite3.OperationalError):
        schema.migrate(connection)
    connection.close()
    whole = broken.replace("INSERT INTO nowhere VALUES (1);", "")
    monkeypatch.setattr(schema, "_VERSIONS", (*schema._VERSIONS[:-1], whole))
    connection = sqlite3.connect(path, isolation_level=None)
    schema.migrate(connection)
    assert connection.execute("SELECT * FROM novelty").fetchall() == []
    assert connection.execute("SELECT count(*) FROM captures").fetchone() == (1,)
    connection.close()


@pytest.mark.usefixtures("socket_enabled")
async def test_a_newer_catalogue_is_told_and_left_alone(
    home: HomeAssistant, tmp_path: Path
) -> None:
    entry = recorder_entry(tmp_path / "storage", s3=None)
    entry.add_to_hass(home)
    folder = state_folder(home, entry)
    make_catalogue(
        folder / "catalogue.sqlite",
        "PRAGMA journal_mode = WAL; CREATE TABLE of_tomorrow (id TEXT);",
        version=1000,
    )
    before = content(folder)

    assert not await home.config_entries.async_setup(entry.entry_id)

    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.reason is not None
    assert "newer version" in entry.reason
    assert "version 1000" in entry.reason
    assert "Install the newer version again" in entry.reason
    now = content(folder)
    assert now["catalogue.sqlite"] == before["catalogue.sqlite"]
    assert not [name for name in now if "damaged" in name]
    assert not (tmp_path / "storage").exists()


async def test_an_entry_of_a_newer_release_is_told_and_left_alone(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engines: list[FakeEngine],
    issue_registry: ir.IssueRegistry,
) -> None:
    home.config_entries.async_update_entry(entry, version=2, minor_version=1)
    data, subentries = dict(entry.data), dict(entry.subentries)

    assert not await home.config_entries.async_setup(entry.entry_id)

    assert entry.state is ConfigEntryState.MIGRATION_ERROR
    issue = issue_registry.async_get_issue(
        "hikvision_nvr", f"entry_newer_{entry.entry_id}"
    )
    assert issue is not None
    assert issue.severity is ir.IssueSeverity.ERROR
    assert issue.translation_placeholders == {
        "recorder": "Recorder",
        "version": "2",
        "known": "1",
    }
    assert engines == []
    assert (entry.version, entry.data, entry.subentries) == (2, data, subentries)

    await home.config_entries.async_remove(entry.entry_id)
    assert issue_registry.issues == {}


async def test_an_entry_with_settings_of_a_newer_minor_version_starts(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engines: list[FakeEngine],
    issue_registry: ir.IssueRegistry,
) -> None:
    """A minor version has only added: what is not known is kept and not used."""
    data = {**entry.data, "of_tomorrow": 1}
    home.config_entries.async_update_entry(entry, data=data, minor_version=7)
    assert await home.config_entries.async_setup(entry.entry_id)
    assert entry.data == data
    assert entry.minor_version == 7
    assert engines[0].running
    assert issue_registry.issues == {}


async def test_the_least_that_an_entry_of_the_first_release_has_is_enough(
    home: HomeAssistant, engines: list[FakeEngine], tmp_path: Path
) -> None:
    """Settings that came later have defaults: entries of before are not rewritten."""
    entry = MockConfigEntry(
        domain="hikvision_nvr",
        title="Recorder",
        version=1,
        data={
            "storage_folder": str(tmp_path / "storage"),
            "ftps_port": 2121,
            "passive_ports": "50000-50049",
            "certificate": "generate",
        },
        subentries_data=[
            {
                "data": {
                    "folder": "Front door",
                    "host": "192.0.2.11",
                    "rtsp_port": 554,
                    "channel": 1,
                    "brand": "auto",
                    "upload_username": "front-door",
                    "upload_password_hash": "scrypt$hash",
                    "motion_hold": 10,
                },
                "subentry_id": "camera-front-door",
                "subentry_type": "camera",
                "title": "Front door",
                "unique_id": "Front door",
            }
        ],
    )
    entry.add_to_hass(home)
    assert await home.config_entries.async_setup(entry.entry_id)
    await home.async_block_till_done()
    assert home.states.get("event.front_door_detection") is not None
    (camera,) = engines[0].settings.cameras
    assert camera.username == "front-door"
