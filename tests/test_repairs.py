"""What only the owner can put right is in Home Assistant's list of repairs."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
import json
from pathlib import Path
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components import hikvision_nvr
from custom_components.hikvision_nvr import errors
from custom_components.hikvision_nvr.model import (
    Ban,
    CameraStatus,
    CertificateSettings,
    ReceiverStatus,
    RecorderStatus,
    UploadFigures,
)
from custom_components.hikvision_nvr.receiver.certificate import generate_certificate

from .recorder import NOON, STATUS, FakeEngine, camera_subentry, recorder_entry

TEXTS: dict[str, Any] = json.loads(
    Path(hikvision_nvr.__file__)
    .with_name("translations")
    .joinpath("en.json")
    .read_text()
)["issues"]

QUIET = replace(
    STATUS,
    receiver=ReceiverStatus(),
    cameras=dict.fromkeys(STATUS.cameras, CameraStatus()),
    uploads=UploadFigures(),
)


def shown(home: HomeAssistant) -> dict[str, str]:
    """The issues as the owner reads them: their titles by their ids."""
    issues = ir.async_get(home).issues.values()
    return {
        issue.issue_id: TEXTS[issue.translation_key]["title"].format_map(
            issue.translation_placeholders
        )
        for issue in issues
        if issue.domain == "hikvision_nvr" and issue.active
    }


def issue(home: HomeAssistant, issue_id: str) -> ir.IssueEntry:
    found = ir.async_get(home).async_get_issue("hikvision_nvr", issue_id)
    assert found is not None
    return found


def explanation(home: HomeAssistant, issue_id: str) -> str:
    """The text of an issue that the owner has to deal with elsewhere."""
    found = issue(home, issue_id)
    assert not found.is_fixable
    text: str = TEXTS[found.translation_key]["description"]
    return text.format_map(found.translation_placeholders)


def with_cameras(**cameras: CameraStatus) -> RecorderStatus:
    """A status in which everything is well but for these cameras."""
    named = {f"camera-{name.replace('_', '-')}": one for name, one in cameras.items()}
    return replace(QUIET, cameras={**QUIET.cameras, **named})


def with_bans(*addresses: str) -> RecorderStatus:
    bans = tuple(
        Ban(address=address, until=NOON + timedelta(minutes=30))
        for address in addresses
    )
    return replace(QUIET, receiver=ReceiverStatus(bans=bans))


async def test_a_recorder_that_is_well_has_nothing_to_repair(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    await engine.tell(home, QUIET)
    assert shown(home) == {}


# A camera without encryption


async def test_a_camera_without_encryption_is_a_matter_until_it_has_one(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engine: FakeEngine,
    reload_done: Callable[[], FakeEngine],
) -> None:
    door = {
        "name": "Front door",
        "host": "192.0.2.11",
        "upload_username": "front-door",
        "advanced": {"security": "plain"},
    }

    async def change(values: dict[str, Any]) -> None:
        flow = await entry.start_subentry_reconfigure_flow(home, "camera-front-door")
        result = await home.config_entries.subentries.async_configure(
            flow["flow_id"], values
        )
        assert result["reason"] == "reconfigure_successful"
        await home.async_block_till_done()

    await change(door)
    # Before any report, and after one.
    for _ in range(2):
        assert shown(home) == {
            "plain_ftp_camera-front-door": "Front door delivers without encryption"
        }
        await reload_done().tell(home, QUIET)
    text = explanation(home, "plain_ftp_camera-front-door")
    assert "Only 192.0.2.11 may use that account" in text

    await change(door | {"advanced": {"security": "ftps"}})
    assert shown(home) == {}


async def test_nothing_is_shown_of_a_recorder_that_does_not_run(
    home: HomeAssistant, tmp_path: Path, engines: list[FakeEngine]
) -> None:
    entry = recorder_entry(
        tmp_path, cameras=[camera_subentry("Garden", security="plain")]
    )
    entry.add_to_hass(home)
    assert await home.config_entries.async_setup(entry.entry_id)
    (engine,) = engines
    await engine.tell(
        home, replace(QUIET, cameras={}, receiver=with_bans("192.0.2.66").receiver)
    )
    assert len(shown(home)) == 2
    assert await home.config_entries.async_unload(entry.entry_id)
    assert shown(home) == {}


async def test_a_recorder_that_could_not_start_shows_nothing(
    home: HomeAssistant,
    tmp_path: Path,
    engines: list[FakeEngine],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def report_and_fail(*_args: Any) -> None:
        await engines[0].tell(home, with_bans("192.0.2.66"))
        raise RuntimeError

    monkeypatch.setattr(
        home.config_entries, "async_forward_entry_setups", report_and_fail
    )
    entry = recorder_entry(
        tmp_path, cameras=[camera_subentry("Garden", security="plain")]
    )
    entry.add_to_hass(home)
    assert not await home.config_entries.async_setup(entry.entry_id)
    assert shown(home) == {}


# A banned address

BAN = "address_banned_entry-Recorder_192.0.2.66"


class Fix:
    """The repair of an issue, as the frontend does it."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def start(self, issue_id: str) -> dict[str, Any]:
        return await self._post(
            "/api/repairs/issues/fix",
            {"handler": "hikvision_nvr", "issue_id": issue_id},
        )

    async def confirm(self, flow: dict[str, Any]) -> dict[str, Any]:
        return await self._post(f"/api/repairs/issues/fix/{flow['flow_id']}", {})

    async def _post(self, path: str, values: dict[str, Any]) -> dict[str, Any]:
        answer = await self._client.post(path, json=values)
        assert answer.status == HTTPStatus.OK
        told: dict[str, Any] = await answer.json()
        return told


@pytest.fixture
async def fix(home: HomeAssistant, hass_client: ClientSessionGenerator) -> Fix:
    assert await async_setup_component(home, "repairs", {})
    return Fix(await hass_client())


async def test_a_ban_can_be_lifted(
    home: HomeAssistant, engine: FakeEngine, fix: Fix
) -> None:
    await home.config.async_set_time_zone("Europe/Berlin")
    await engine.tell(home, with_bans("192.0.2.66", "192.0.2.67"))
    assert set(shown(home).values()) == {
        "Recorder has banned 192.0.2.66",
        "Recorder has banned 192.0.2.67",
    }
    assert issue(home, BAN).is_fixable

    flow = await fix.start(BAN)
    assert flow["step_id"] == "confirm"
    text = TEXTS["address_banned"]["fix_flow"]["step"]["confirm"]["description"]
    assert "from 192.0.2.66 until 13:30," in text.format_map(
        flow["description_placeholders"]
    )
    assert engine.lifted == []
    done = await fix.confirm(flow)
    assert done["type"] == "create_entry"
    assert engine.lifted == ["192.0.2.66"]
    assert set(shown(home).values()) == {"Recorder has banned 192.0.2.67"}
    await home.config.async_set_time_zone("UTC")


async def test_a_ban_that_is_over_is_not_shown(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    await engine.tell(home, with_bans("192.0.2.66", "192.0.2.67"))
    await engine.tell(home, with_bans("192.0.2.67"))
    assert list(shown(home).values()) == ["Recorder has banned 192.0.2.67"]
    await engine.tell(home, QUIET)
    assert shown(home) == {}


async def test_a_recorder_that_was_stopped_meanwhile_has_no_ban_to_lift(
    home: HomeAssistant, entry: MockConfigEntry, engine: FakeEngine, fix: Fix
) -> None:
    await engine.tell(home, with_bans("192.0.2.66"))
    first, second = await fix.start(BAN), await fix.start(BAN)

    # The engine has ended, as it does before Home Assistant itself.
    await home.async_add_executor_job(engine.stop)
    done = await fix.confirm(first)
    assert (done["type"], done["reason"]) == ("abort", "not_running")

    assert await home.config_entries.async_unload(entry.entry_id)
    done = await fix.confirm(second)
    assert (done["type"], done["reason"]) == ("abort", "not_running")
    assert engine.lifted == []


async def test_an_attack_does_not_fill_the_list(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    await engine.tell(home, with_bans(*(f"192.0.2.{n}" for n in range(100))))
    assert set(shown(home).values()) == {
        f"Recorder has banned 192.0.2.{n}" for n in range(90, 100)
    }


# A camera that is silent


@pytest.fixture
def later(
    home: HomeAssistant, freezer: FrozenDateTimeFactory
) -> Callable[[timedelta], Any]:
    """Let time pass."""

    async def tick(by: timedelta) -> None:
        freezer.tick(by)
        async_fire_time_changed(home)
        # Home Assistant runs what a timer starts in the background.
        await home.async_block_till_done(wait_background_tasks=True)

    return tick


HOUR = timedelta(hours=1)
SILENT = "camera_silent_camera-front-door"


@pytest.fixture
async def hours_engine(
    home: HomeAssistant,
    tmp_path: Path,
    engines: list[FakeEngine],
    freezer: FrozenDateTimeFactory,
) -> FakeEngine:
    """A recorder since noon, whose cameras have 3 hours, the default, and none."""
    freezer.move_to(NOON)
    entry = recorder_entry(
        tmp_path,
        s3=None,
        cameras=[
            camera_subentry("Front door", silent_hours=3),
            camera_subentry("Garden"),
            camera_subentry("Attic", silent_hours=0),
        ],
    )
    entry.add_to_hass(home)
    assert await home.config_entries.async_setup(entry.entry_id)
    await home.async_block_till_done()
    return engines[0]


async def test_a_camera_that_was_never_seen_is_silent_since_the_start(
    home: HomeAssistant, hours_engine: FakeEngine, later
) -> None:
    nobody = CameraStatus()
    await hours_engine.tell(home, with_cameras(attic=nobody))
    await later(3 * HOUR - timedelta(minutes=10))
    assert shown(home) == {}
    await later(timedelta(minutes=11))
    assert shown(home) == {SILENT: "Front door is silent"}
    assert "For over 3 hours Front door has" in explanation(home, SILENT)

    # A whole day is the default.
    await later(20 * HOUR)
    assert set(shown(home)) == {SILENT}
    await later(HOUR)
    assert set(shown(home)) == {SILENT, "camera_silent_camera-garden"}
    await later(1000 * HOUR)
    assert set(shown(home)) == {SILENT, "camera_silent_camera-garden"}


async def test_a_camera_is_silent_since_it_was_seen_last_until_it_is_seen_again(
    home: HomeAssistant, hours_engine: FakeEngine, later
) -> None:
    def seen(at: datetime) -> RecorderStatus:
        return with_cameras(front_door=CameraStatus(last_seen=at), attic=CameraStatus())

    await hours_engine.tell(home, seen(NOON + 2 * HOUR))
    await later(4 * HOUR)
    assert shown(home) == {}
    await later(HOUR + timedelta(minutes=1))
    assert set(shown(home)) == {SILENT}

    await hours_engine.tell(home, seen(NOON + 5 * HOUR))
    assert shown(home) == {}
    await later(4 * HOUR)
    assert set(shown(home)) == {SILENT}


# A clock that is wrong


@pytest.mark.parametrize(
    ("offset", "told"),
    [
        (60.4, "off by 0:01:00 "),
        (3661.0, "off by 1:01:01 "),
        (-7325.2, "off by -2:02:05 "),
        (90061.0, "off by 25:01:01 "),
    ],
)
async def test_a_clock_that_is_wrong_is_told_until_it_is_right(
    home: HomeAssistant, engine: FakeEngine, offset: float, told: str
) -> None:
    wrong = "clock_offset_large_camera-garden"
    await engine.tell(home, with_cameras(garden=CameraStatus(clock_offset=offset)))
    assert shown(home) == {wrong: "The clock of Garden is wrong"}
    assert told in explanation(home, wrong)
    assert "are corrected" in explanation(home, wrong)

    await engine.tell(home, with_cameras(garden=CameraStatus(clock_offset=-60.0)))
    assert shown(home) == {}


# The owner's own certificate


@pytest.fixture
async def certificate(
    home: HomeAssistant, tmp_path: Path, freezer: FrozenDateTimeFactory
) -> CertificateSettings:
    """A certificate that is valid for 22 more days; it is noon."""
    files = CertificateSettings(
        certificate=tmp_path / "cert.pem",
        private_key=tmp_path / "key.pem",
        generate=True,
    )
    freezer.move_to(NOON - timedelta(days=3650 - 22))
    await home.async_add_executor_job(generate_certificate, files)
    freezer.move_to(NOON)
    return files


async def test_an_own_certificate_is_told_in_time(
    home: HomeAssistant,
    tmp_path: Path,
    engines: list[FakeEngine],
    certificate: CertificateSettings,
    later,
) -> None:
    entry = recorder_entry(
        tmp_path / "storage",
        certificate="files",
        certificate_file=str(certificate.certificate),
        private_key_file=str(certificate.private_key),
    )
    entry.add_to_hass(home)
    assert await home.config_entries.async_setup(entry.entry_id)
    assert shown(home) == {}

    expiring = "certificate_expiring_entry-Recorder"
    await later(timedelta(days=1, seconds=1))
    assert shown(home) == {expiring: "The certificate of Recorder must be renewed"}
    assert "valid until 2026-12-14" in explanation(home, expiring)
    assert issue(home, expiring).severity is ir.IssueSeverity.WARNING

    # What cannot be read now was read before.
    certificate.certificate.rename(tmp_path / "away.pem")
    await later(timedelta(days=21))
    assert issue(home, expiring).severity is ir.IssueSeverity.ERROR

    await home.async_add_executor_job(generate_certificate, certificate)
    await later(timedelta(days=1))
    assert shown(home) == {}


async def test_a_generated_certificate_is_the_recorders_own_matter(
    home: HomeAssistant, engine: FakeEngine, later
) -> None:
    await later(timedelta(days=3650))
    assert not any("certificate" in issue_id for issue_id in shown(home))


# S3


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        (errors.BucketNotFoundError, "The bucket of Recorder is gone"),
        (errors.OffsiteAccessDeniedError, "Recorder may not use its bucket"),
        (errors.ClockSkewError, "The clock of this machine is wrong"),
        (errors.OffsiteQuotaError, "The bucket of Recorder is full"),
    ],
)
async def test_what_does_not_pass_by_itself_is_told_until_s3_can_be_used(
    home: HomeAssistant,
    engine: FakeEngine,
    kind: type[errors.OffsiteError],
    title: str,
) -> None:
    lost = replace(QUIET, offsite_connected=False, offsite_error=kind.key)
    await engine.tell(home, lost)
    issue_id = f"{kind.key}_entry-Recorder"
    assert shown(home) == {issue_id: title}
    assert "ucket evidence" in explanation(home, issue_id)
    assert issue(home, issue_id).severity is ir.IssueSeverity.ERROR

    away = errors.OffsiteUnreachableError.key
    await engine.tell(home, replace(lost, offsite_error=away))
    assert shown(home) == {}
    await engine.tell(home, lost, QUIET)
    assert shown(home) == {}


async def test_a_lock_that_the_bucket_does_not_take(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    await engine.tell(home, replace(QUIET, offsite_lock_missing=True))
    issue_id = "offsite_lock_missing_entry-Recorder"
    assert shown(home) == {issue_id: "Recorder cannot lock its captures"}
    assert "bucket evidence" in explanation(home, issue_id)
    await engine.tell(home, QUIET)
    assert shown(home) == {}


async def test_captures_that_cannot_be_uploaded_are_tried_again_on_request(
    home: HomeAssistant, engine: FakeEngine, fix: Fix
) -> None:
    await engine.tell(home, replace(QUIET, uploads=UploadFigures(quarantined=3)))
    issue_id = "uploads_quarantined_entry-Recorder"
    assert shown(home) == {
        issue_id: "Recorder has captures that cannot be uploaded",
    }
    flow = await fix.start(issue_id)
    assert flow["description_placeholders"]["count"] == "3"
    assert engine.offsite is not None
    assert engine.offsite.asked == []
    done = await fix.confirm(flow)
    assert done["type"] == "create_entry"
    assert engine.offsite.asked == [("retry", (), {})]


async def test_a_chain_of_manifests_that_someone_else_continued(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    await engine.tell(home, replace(QUIET, manifest_conflicts=frozenset({"Garden"})))
    assert shown(home) == {
        "manifest_conflict_entry-Recorder_Garden": (
            "Someone else has continued the manifests of Garden"
        )
    }
    await engine.tell(home, QUIET)
    assert shown(home) == {}
