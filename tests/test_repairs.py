"""What only the owner can put right is in Home Assistant's list of repairs."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
import json
from pathlib import Path
import socket
from typing import Any
from unittest.mock import AsyncMock, patch

from freezegun.api import FrozenDateTimeFactory
from homeassistant.auth.models import RefreshToken
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    CLIENT_ID,
    MockConfigEntry,
    MockUser,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components import hikvision_nvr
from custom_components.hikvision_nvr import errors
from custom_components.hikvision_nvr.model import (
    Backlog,
    Ban,
    CameraStatus,
    CertificateSettings,
    ReceiverStatus,
    RecorderStatus,
    RecordingState,
    RecordingStatus,
    StoragePressure,
    UploadFigures,
    VideoCodec,
)
from custom_components.hikvision_nvr.receiver.certificate import generate_certificate
from custom_components.hikvision_nvr.recording.source import KeyFrame
from custom_components.hikvision_nvr.store.root import MARKER

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
    backlog=Backlog(files=0, bytes=0, oldest=None),
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
    """The text of an issue, or the first of its repair."""
    found = issue(home, issue_id)
    texts = TEXTS[found.translation_key]
    assert found.is_fixable == ("fix_flow" in texts)
    if found.is_fixable:
        texts = texts["fix_flow"]["step"]["confirm"]
    text: str = texts["description"]
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

    def __init__(self, home: HomeAssistant, client: Any, user: RefreshToken) -> None:
        self._home = home
        self._client = client
        self._user = user

    async def start(self, issue_id: str) -> dict[str, Any]:
        return await self._post(
            "/api/repairs/issues/fix",
            {"handler": "hikvision_nvr", "issue_id": issue_id},
        )

    async def confirm(self, flow: dict[str, Any], **values: Any) -> dict[str, Any]:
        return await self._post(f"/api/repairs/issues/fix/{flow['flow_id']}", values)

    async def through(self, issue_id: str, **values: Any) -> dict[str, Any]:
        """Start it, see its form, fill it in."""
        flow = await self.start(issue_id)
        assert (flow["type"], flow["step_id"]) == ("form", "confirm")
        return await self.confirm(flow, **values)

    async def _post(self, path: str, values: dict[str, Any]) -> dict[str, Any]:
        # Time may pass in a test: no token outlives it.
        token = self._home.auth.async_create_access_token(self._user)
        answer = await self._client.post(
            path, json=values, headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.status == HTTPStatus.OK
        told: dict[str, Any] = await answer.json()
        return told


@pytest.fixture
async def fix(
    home: HomeAssistant,
    hass_client_no_auth: ClientSessionGenerator,
    hass_admin_user: MockUser,
) -> Fix:
    for component in ("hikvision_nvr", "repairs"):
        assert await async_setup_component(home, component, {})
    user = await home.auth.async_create_refresh_token(hass_admin_user, CLIENT_ID)
    return Fix(home, await hass_client_no_auth(), user)


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


# Putting it right from the list of repairs


async def test_a_camera_is_made_to_deliver_encrypted(
    home: HomeAssistant, tmp_path: Path, engines: list[FakeEngine], fix: Fix
) -> None:
    entry = recorder_entry(
        tmp_path,
        sftp=True,
        cameras=[
            camera_subentry("Garden", security="plain", old_algorithms=True),
            camera_subentry("Shed"),
        ],
    )
    entry.add_to_hass(home)
    assert await home.config_entries.async_setup(entry.entry_id)
    assert set(shown(home)) == {
        "plain_ftp_camera-garden",
        "old_ssh_algorithms_camera-garden",
    }
    done = await fix.through("plain_ftp_camera-garden")
    assert done["type"] == "create_entry"
    await home.async_block_till_done()
    assert engines[-1].settings.cameras[0].security == "ftps"
    assert set(shown(home)) == {"old_ssh_algorithms_camera-garden"}

    done = await fix.through("old_ssh_algorithms_camera-garden")
    assert done["type"] == "create_entry"
    await home.async_block_till_done()
    assert not engines[-1].settings.cameras[0].old_algorithms
    assert shown(home) == {}


async def test_a_camera_that_is_gone_needs_no_repair(
    home: HomeAssistant, tmp_path: Path, engines: list[FakeEngine], fix: Fix
) -> None:
    entry = recorder_entry(
        tmp_path, cameras=[camera_subentry("Garden", security="plain")]
    )
    entry.add_to_hass(home)
    assert await home.config_entries.async_setup(entry.entry_id)
    flow = await fix.start("plain_ftp_camera-garden")
    home.config_entries.async_remove_subentry(entry, "camera-garden")
    await home.async_block_till_done()
    done = await fix.confirm(flow)
    assert (done["type"], done["reason"]) == ("abort", "not_running")


async def test_a_silent_camera_gets_more_hours(
    home: HomeAssistant,
    hours_engine: FakeEngine,
    later,
    fix: Fix,
    engines: list[FakeEngine],
) -> None:
    await hours_engine.tell(home, with_cameras(attic=CameraStatus()))
    await later(4 * HOUR)
    flow = await fix.start(SILENT)
    assert flow["data_schema"][0]["default"] == 3
    done = await fix.confirm(flow, silent_hours=0)
    assert done["type"] == "create_entry"
    await home.async_block_till_done()
    await engines[-1].tell(home, with_cameras(attic=CameraStatus()))
    await later(100 * HOUR)
    assert SILENT not in shown(home)


@pytest.fixture
def bucket() -> Iterator[AsyncMock]:
    """A bucket that answers as the test wants."""
    with patch(
        "custom_components.hikvision_nvr.fix_flows.probe_bucket", AsyncMock()
    ) as bucket:
        yield bucket


@pytest.mark.parametrize(
    "kind",
    [
        errors.OffsiteAccessDeniedError,
        errors.ClockSkewError,
        errors.OffsiteQuotaError,
    ],
)
async def test_a_bucket_is_tried_again(
    home: HomeAssistant,
    engine: FakeEngine,
    fix: Fix,
    bucket: AsyncMock,
    kind: type[errors.OffsiteError],
) -> None:
    await engine.tell(home, replace(QUIET, offsite_error=kind.key))
    bucket.side_effect = kind("still no")
    flow = await fix.start(f"{kind.key}_entry-Recorder")
    again = await fix.confirm(flow)
    assert again["errors"] == {"base": "failed"}
    assert again["description_placeholders"]["message"] == "still no"
    assert engine.offsite is not None
    assert engine.offsite.asked == []

    bucket.side_effect = None
    done = await fix.confirm(flow)
    assert done["type"] == "create_entry"
    assert engine.offsite.asked == [("retry", (), {})]
    assert shown(home) == {}


async def test_a_bucket_that_is_gone_is_replaced_by_one_that_works(
    home: HomeAssistant,
    engine: FakeEngine,
    engines: list[FakeEngine],
    fix: Fix,
    bucket: AsyncMock,
) -> None:
    gone = errors.BucketNotFoundError.key
    await engine.tell(home, replace(QUIET, offsite_error=gone))
    flow = await fix.start(f"{gone}_entry-Recorder")
    bucket.side_effect = errors.BucketNotFoundError("no such bucket")
    again = await fix.confirm(flow, bucket="typo", region="us-east-1")
    assert again["errors"] == {"base": "failed"}
    assert engines == [engine]

    bucket.side_effect = None
    done = await fix.confirm(flow, bucket="proofs", region="eu-central-1")
    assert done["type"] == "create_entry"
    await home.async_block_till_done()
    s3 = engines[-1].settings.s3
    assert s3 is not None
    assert (s3.bucket, s3.region) == ("proofs", "eu-central-1")
    assert s3.secret_access_key == "the-secret-key"
    assert shown(home) == {}


async def test_refused_s3_keys_are_asked_for_anew(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    refused = errors.OffsiteAuthError.key
    await engine.tell(home, replace(QUIET, offsite_error=refused))
    # Home Assistant itself lists this repair and leads to the form for new keys.
    (repair,) = (
        one for one in ir.async_get(home).issues.values() if "reauth" in one.issue_id
    )
    assert repair.issue_domain == "hikvision_nvr"
    assert repair.translation_key == "config_entry_reauth"


async def test_uploads_that_stall_are_tried_again(
    home: HomeAssistant,
    engine: FakeEngine,
    fix: Fix,
    bucket: AsyncMock,
    freezer: FrozenDateTimeFactory,
    later,
) -> None:
    waiting = Backlog(files=7, bytes=9, oldest=NOON - timedelta(hours=3))
    stalled = replace(QUIET, backlog=waiting, last_upload=None)
    await engine.tell(home, stalled)
    assert shown(home) == {}
    # Nothing is reported any more, and still it is told.
    await later(timedelta(minutes=36))
    issue_id = "upload_stalled_entry-Recorder"
    assert shown(home) == {issue_id: "Recorder uploads nothing any more"}
    assert "7 captures wait, and for over 30 minutes" in explanation(home, issue_id)
    done = await fix.through(issue_id)
    assert done["type"] == "create_entry"
    assert engine.offsite is not None
    assert engine.offsite.asked == [("retry", (), {})]
    await engine.tell(home, replace(stalled, last_upload=dt_util.utcnow()))
    assert shown(home) == {}
    # What the bucket itself says is told instead.
    denied = errors.OffsiteAccessDeniedError.key
    await engine.tell(home, replace(stalled, offsite_error=denied))
    assert set(shown(home)) == {f"{denied}_entry-Recorder"}


@pytest.mark.parametrize(
    ("generate", "done"), [(False, "form"), (True, "create_entry")]
)
async def test_a_certificate_is_renewed_or_replaced(
    home: HomeAssistant,
    tmp_path: Path,
    engines: list[FakeEngine],
    certificate: CertificateSettings,
    later,
    fix: Fix,
    generate: bool,
    done: str,
) -> None:
    entry = recorder_entry(
        tmp_path / "storage",
        certificate="files",
        certificate_file=str(certificate.certificate),
        private_key_file=str(certificate.private_key),
    )
    entry.add_to_hass(home)
    assert await home.config_entries.async_setup(entry.entry_id)
    await later(timedelta(days=2))
    issue_id = "certificate_expiring_entry-Recorder"
    flow = await fix.start(issue_id)
    answer = await fix.confirm(flow, generate=generate)
    assert answer["type"] == done
    if not generate:
        assert answer["errors"] == {"base": "not_renewed"}
        assert answer["description_placeholders"]["message"] == "2026-12-14"
        certificate.certificate.rename(tmp_path / "away.pem")
        answer = await fix.confirm(flow, generate=False)
        assert answer["errors"] == {"base": "failed"}
        await home.async_add_executor_job(generate_certificate, certificate)
        answer = await fix.confirm(flow, generate=False)
        assert answer["type"] == "create_entry"
    await home.async_block_till_done()
    assert shown(home) == {}
    assert engines[-1].settings.receiver.certificate.generate is generate


# What keeps a recorder from starting


@pytest.fixture
def failing(
    home: HomeAssistant, engines: list[FakeEngine], monkeypatch: pytest.MonkeyPatch
) -> Callable[[Exception | None], None]:
    """Decide how the next engines start."""
    return lambda failure: monkeypatch.setattr(FakeEngine, "failure", failure)


async def test_a_port_that_is_in_use_is_changed(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engines: list[FakeEngine],
    failing: Callable[[Exception | None], None],
    fix: Fix,
    socket_enabled: None,
) -> None:
    await home.config_entries.async_unload(entry.entry_id)
    failing(errors.PortInUseError("Port 2121 is used", port="2121"))
    assert not await home.config_entries.async_setup(entry.entry_id)
    issue_id = "port_in_use_entry-Recorder"
    assert shown(home) == {issue_id: "Recorder cannot start: port 2121 is in use"}
    flow = await fix.start(issue_id)
    assert flow["data_schema"][0]["default"] == 2121

    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        again = await fix.confirm(flow, port=taken)
        assert again["errors"] == {"port": "port_in_use"}
    # It is free now, but the recorder fails for something else.
    failing(errors.StorageMissingError("gone", path="/media"))
    again = await fix.confirm(flow, port=taken)
    assert again["errors"] == {"base": "failed"}
    failing(None)
    done = await fix.confirm(flow, port=taken)
    assert done["type"] == "create_entry", done
    assert engines[-1].running
    assert engines[-1].settings.receiver.port == taken
    assert shown(home) == {}


async def test_storage_that_is_missing_at_the_start(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engines: list[FakeEngine],
    failing: Callable[[Exception | None], None],
    fix: Fix,
    tmp_path: Path,
) -> None:
    await home.config_entries.async_unload(entry.entry_id)
    failing(errors.StorageMissingError("gone", path="/media"))
    assert not await home.config_entries.async_setup(entry.entry_id)
    issue_id = "storage_missing_entry-Recorder"
    assert shown(home) == {issue_id: "The storage of Recorder is missing"}
    assert issue(home, issue_id).severity is ir.IssueSeverity.ERROR
    marker = tmp_path / "storage" / MARKER
    marker.unlink()
    flow = await fix.start(issue_id)
    again = await fix.confirm(flow)
    assert again["errors"] == {"base": "still_missing"}

    marker.touch()
    failing(None)
    done = await fix.confirm(flow)
    assert done["type"] == "create_entry"
    assert engines[-1].running
    assert shown(home) == {}


async def test_storage_that_goes_away_while_the_recorder_runs(
    home: HomeAssistant, engine: FakeEngine, later
) -> None:
    marker = engine.store.root / MARKER
    marker.unlink()
    await later(timedelta(minutes=6))
    assert set(shown(home)) == {"storage_missing_entry-Recorder"}
    marker.touch()
    await later(timedelta(minutes=6))
    assert shown(home) == {}


async def test_a_recorder_that_is_removed_leaves_no_repair(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engines: list[FakeEngine],
    failing: Callable[[Exception | None], None],
) -> None:
    failing(errors.PortInUseError("Port 2121 is used", port="2121"))
    assert not await home.config_entries.async_setup(entry.entry_id)
    assert shown(home)
    await home.config_entries.async_remove(entry.entry_id)
    assert shown(home) == {}


# Storage that is low, and video that does not play


@pytest.mark.parametrize(
    ("pressure", "issue_id"),
    [
        (StoragePressure.OTHERS, "storage_others_entry-Recorder"),
        (StoragePressure.FULL, "storage_full_entry-Recorder"),
    ],
)
async def test_storage_that_is_low(
    home: HomeAssistant, engine: FakeEngine, pressure: StoragePressure, issue_id: str
) -> None:
    await engine.tell(home, replace(QUIET, storage_pressure=pressure))
    assert set(shown(home)) == {issue_id}
    assert str(engine.store.root) in explanation(home, issue_id)
    await engine.tell(home, QUIET)
    assert shown(home) == {}


async def test_video_that_not_every_browser_plays(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    door = "camera-front-door"
    recorded = replace(
        QUIET, recordings={door: RecordingStatus(state=RecordingState.RECORDING)}
    )
    await engine.tell(home, recorded)
    assert shown(home) == {}

    def sends(codec: VideoCodec) -> None:
        engine.recording.key_frames[door] = KeyFrame(codec, (), b"", 0.0)

    sends(VideoCodec.H265)
    await engine.tell(home, replace(recorded, uploads_today=13))
    issue_id = f"codec_unplayable_{door}"
    assert shown(home) == {
        issue_id: "Not every browser plays the recordings of Front door"
    }
    assert "choose H.264" in explanation(home, issue_id)
    sends(VideoCodec.H264)
    await engine.tell(home, recorded)
    assert shown(home) == {}

    failed = RecordingStatus(
        state=RecordingState.FAILED, error=errors.StreamUnsupportedError.key
    )
    await engine.tell(home, replace(recorded, recordings={door: failed}))
    assert set(shown(home)) == {f"stream_unsupported_{door}"}
    assert "neither H.264 nor H.265" in explanation(home, f"stream_unsupported_{door}")
