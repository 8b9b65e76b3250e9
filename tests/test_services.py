"""The services: who may call them, what reaches the bucket's jobs, what is answered."""

from datetime import date
from http import HTTPStatus
import json
from pathlib import Path
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import (
    HomeAssistantError,
    ServiceValidationError,
    Unauthorized,
)
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
import voluptuous as vol

from custom_components.hikvision_nvr import errors
from custom_components.hikvision_nvr.offsite import ListScope

from .recorder import FakeEngine, recorder_entry


async def call(
    home: HomeAssistant, service: str, context: Context | None = None, **data: Any
) -> Any:
    return await home.services.async_call(
        "hikvision_nvr",
        service,
        data,
        blocking=True,
        context=context,
        return_response=True,
    )


SORT = {
    "camera": None,
    "patterns": ["*.jpg", "*.mp4"],
    "grace": 600.0,
    "dry_run": False,
}
ARCHIVE = {
    "camera": "Front door",
    "first": "2026-11-01",
    "last": "2026-11-01",
    "pattern": None,
    "storage_class": "GLACIER",
    "limit": 31,
    "dry_run": False,
}
PURGE = {
    "before": "2026-10-23",
    "camera": None,
    "pattern": "*",
    "scope": "captures",
    "dry_run": True,
    "max_delete": 10000,
}
RESTORE = {
    "camera": "Garden",
    "date": "2026-11-01",
    "patterns": ["*"],
    "first": None,
    "last": None,
    "tier": "Standard",
    "days": 3,
    "extract": True,
}
VERIFY = {
    "camera": None,
    "first": None,
    "last": None,
    "checks": ["archives", "catalogue", "manifests"],
    "repair": False,
    "full": False,
}


def without(values: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != key}


@pytest.mark.parametrize(
    ("service", "data", "asked"),
    [
        ("sort", {}, ("sort", SORT)),
        (
            "sort",
            {
                "camera": "Front door",
                "patterns": "*.jpg",
                "dry_run": True,
                "grace": {"minutes": 1},
            },
            (
                "sort",
                {
                    "camera": "Front door",
                    "patterns": ["*.jpg"],
                    "grace": 60.0,
                    "dry_run": True,
                },
            ),
        ),
        (
            "archive",
            {"camera": "Front door", "date": "2026-11-01"},
            ("archive", ARCHIVE),
        ),
        (
            "archive",
            {
                "date_from": "2026-10-01",
                "date_to": "2026-10-31",
                "storage_class": "GLACIER_IR",
                "limit": 7,
                "dry_run": True,
            },
            (
                "archive",
                {
                    "camera": None,
                    "first": "2026-10-01",
                    "last": "2026-10-31",
                    "pattern": None,
                    "storage_class": "GLACIER_IR",
                    "limit": 7,
                    "dry_run": True,
                },
            ),
        ),
        (
            "archive",
            {"pattern": "*2021-12-*"},
            (
                "archive",
                {
                    **ARCHIVE,
                    "camera": None,
                    "first": None,
                    "last": None,
                    "pattern": "*2021-12-*",
                },
            ),
        ),
        ("purge", {"older_than_days": 30}, ("purge", PURGE)),
        (
            "purge",
            {
                "before": "2026-01-01",
                "camera": "Garden",
                "scope": "archives",
                "pattern": "*.gz",
                "dry_run": False,
                "max_delete": 5,
            },
            (
                "purge",
                {
                    "before": "2026-01-01",
                    "camera": "Garden",
                    "pattern": "*.gz",
                    "scope": "archives",
                    "dry_run": False,
                    "max_delete": 5,
                },
            ),
        ),
        (
            "purge",
            {"older_than_days": 30, "scope": "local"},
            (
                "purge_local",
                {**without(PURGE, "scope"), "include_not_offsite": False},
            ),
        ),
        (
            "purge",
            {
                "before": "2026-10-23",
                "scope": "recordings",
                "include_not_offsite": True,
            },
            (
                "purge_recordings",
                {**without(PURGE, "scope"), "include_not_offsite": True},
            ),
        ),
        (
            "restore",
            {"camera": "Garden", "date": "2026-11-01"},
            ("restore", RESTORE),
        ),
        (
            "restore",
            {
                "camera": "Garden",
                "date": "2026-11-01",
                "patterns": ["a*", "b*"],
                "time_from": "22:00:00",
                "time_to": "23:30",
                "tier": "Bulk",
                "days": 7,
                "extract": False,
            },
            (
                "restore",
                {
                    "camera": "Garden",
                    "date": "2026-11-01",
                    "patterns": ["a*", "b*"],
                    "first": "22:00:00",
                    "last": "23:30:00",
                    "tier": "Bulk",
                    "days": 7,
                    "extract": False,
                },
            ),
        ),
        ("verify", {}, ("verify", VERIFY)),
        (
            "verify",
            {"camera": "Garden", "date_from": "2026-11-01", "checks": "archives"},
            (
                "verify",
                {
                    **VERIFY,
                    "camera": "Garden",
                    "first": "2026-11-01",
                    "checks": ["archives"],
                },
            ),
        ),
    ],
)
async def test_each_service_does_its_job_and_answers(
    home: HomeAssistant,
    engine: FakeEngine,
    freezer: FrozenDateTimeFactory,
    service: str,
    data: dict[str, Any],
    asked: tuple[str, dict[str, Any]],
) -> None:
    freezer.move_to("2026-11-22 12:00:00+00:00")
    assert await call(home, service, **data) == {"job_id": "job-1", "files": 1}
    assert engine.jobs.asked == [asked]
    assert json.loads(json.dumps(asked[1])) == asked[1]


async def test_who_does_not_wait_gets_the_jobs_id(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    assert await call(home, "sort", wait=False) == {"job_id": "job-1"}
    assert engine.jobs.waited == []


async def test_sort_of_a_folder_of_this_machine(
    home: HomeAssistant, engine: FakeEngine, tmp_path: Path
) -> None:
    with pytest.raises(ServiceValidationError, match="may not use"):
        await call(home, "sort", folder=str(tmp_path))
    home.config.allowlist_external_dirs = {str(tmp_path)}
    await call(home, "sort", folder=str(tmp_path))
    assert engine.jobs.asked == [("sort_folder", {**SORT, "folder": str(tmp_path)})]


async def test_list_files_asks_for_a_page(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    await call(
        home,
        "list_files",
        camera="Garden",
        date="2026-11-01",
        scope="archived",
        limit=5,
        cursor="after this",
    )
    (asked,) = engine.offsite.asked
    assert asked == (
        "list_files",
        ("Garden",),
        {
            "day": date(2026, 11, 1),
            "scope": ListScope.ARCHIVED,
            "limit": 5,
            "cursor": "after this",
        },
    )


async def test_retry_uploads(home: HomeAssistant, engine: FakeEngine) -> None:
    assert await call(home, "retry_uploads") == {"retried": 2}


async def test_cancel(home: HomeAssistant, engine: FakeEngine) -> None:
    assert await call(home, "cancel") == {"cancelled": ["job-1"]}
    assert await call(home, "cancel", job_id="job-1") == {"cancelled": ["job-1"]}
    with pytest.raises(ServiceValidationError, match="No job job-2"):
        await call(home, "cancel", job_id="job-2")
    engine.jobs.open = []
    assert await call(home, "cancel") == {"cancelled": []}


async def test_list_cameras_answers_camera_by_camera(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    assert await call(home, "list_cameras") == {"cameras": [{"files": 1}]}


async def test_an_answer_is_optional_for_jobs(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    await home.services.async_call("hikvision_nvr", "sort", {}, blocking=True)
    assert engine.jobs.asked


async def test_today_is_where_the_house_is(
    home: HomeAssistant, engine: FakeEngine, freezer: FrozenDateTimeFactory
) -> None:
    await home.config.async_set_time_zone("Asia/Tokyo")
    await home.async_block_till_done()
    freezer.move_to("2026-11-22 18:00:00+00:00")
    running = home.config_entries.async_get_entry("entry-Recorder").runtime_data.engine
    await call(home, "purge", older_than_days=1)
    assert running.jobs.asked[0][1]["before"] == "2026-11-22"
    await home.config.async_set_time_zone("UTC")
    await home.async_block_till_done()


@pytest.mark.parametrize(
    ("service", "data"),
    [
        ("archive", {"date": "2026-11-01", "pattern": "*"}),
        ("archive", {"date": "2026-11-01", "limit": 0}),
        ("restore", {"camera": "Garden"}),
        ("restore", {"camera": "Garden", "date": "2026-11-01", "tier": "Fast"}),
        ("verify", {"checks": ["weather"]}),
        ("list_files", {"camera": "Garden", "limit": 1001}),
        ("archive", {"camera": "Garden", "date": "soon"}),
        (
            "archive",
            {"camera": "Garden", "date": "2026-11-01", "storage_class": "CHEAP"},
        ),
        ("sort", {"patterns": []}),
        ("sort", {"unknown": 1}),
        ("purge", {"older_than_days": 0}),
        ("purge", {"before": "2026-01-01", "scope": "everything"}),
        ("purge", {"before": "2026-01-01", "max_delete": 0}),
    ],
)
async def test_what_makes_no_sense_is_refused(
    home: HomeAssistant, engine: FakeEngine, service: str, data: dict[str, Any]
) -> None:
    with pytest.raises(vol.Invalid):
        await call(home, service, **data)
    assert engine.jobs.asked == []
    assert engine.offsite.asked == []


@pytest.mark.parametrize(
    "data",
    [{}, {"camera": "Garden"}, {"date": "2026-11-01", "date_from": "2026-10-01"}],
)
async def test_archive_needs_to_know_which_days(
    home: HomeAssistant, engine: FakeEngine, data: dict[str, Any]
) -> None:
    with pytest.raises(ServiceValidationError, match="which days to archive"):
        await call(home, "archive", **data)
    assert engine.jobs.asked == []


@pytest.mark.parametrize("data", [{}, {"older_than_days": 1, "before": "2026-01-01"}])
async def test_purge_needs_exactly_one_limit(
    home: HomeAssistant, engine: FakeEngine, data: dict[str, Any]
) -> None:
    with pytest.raises(ServiceValidationError, match="how many days to keep or"):
        await call(home, "purge", **data)
    assert engine.jobs.asked == []
    assert engine.offsite.asked == []


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (
            errors.OffsiteUnreachableError("https://s3 does not answer"),
            "https://s3 does not answer. Check the network, then try again",
        ),
        (
            errors.OffsiteAccessDeniedError("The access key may not do this"),
            "The access key may not do this. Allow the access key to list",
        ),
        (errors.OffsiteError("'..' is no camera"), "S3 did not do it: '..' is no"),
        (errors.RecorderError("The recorder is not running"), "The recorder cannot"),
    ],
)
async def test_failures_are_told_in_words(
    home: HomeAssistant,
    engine: FakeEngine,
    failure: errors.RecorderError,
    message: str,
) -> None:
    engine.jobs.error = failure
    with pytest.raises(HomeAssistantError) as raised:
        await call(home, "archive", camera="Garden", date="2026-11-22")
    assert not isinstance(raised.value, ServiceValidationError)
    assert str(raised.value).startswith(message)


async def test_a_day_that_cannot_be_archived_is_refused_not_failed(
    home: HomeAssistant, engine: FakeEngine, hass_client: ClientSessionGenerator
) -> None:
    engine.jobs.error = errors.ArchiveError("2026-11-22 is not over yet")
    words = "The day was not archived: 2026-11-22 is not over yet. Nothing was deleted"
    with pytest.raises(ServiceValidationError, match=words):
        await call(home, "archive", camera="Garden", date="2026-11-22")

    assert await async_setup_component(home, "api", {})
    client = await hass_client()
    answer = await client.post(
        "/api/services/hikvision_nvr/archive?return_response",
        json={"camera": "Garden", "date": "2026-11-22"},
    )
    assert answer.status == HTTPStatus.BAD_REQUEST
    assert words in (await answer.json())["message"]


async def test_refused_keys_ask_the_owner_for_new_ones(
    home: HomeAssistant, engine: FakeEngine
) -> None:
    engine.offsite.error = errors.OffsiteAuthError("refused")
    with pytest.raises(HomeAssistantError, match="Enter new keys"):
        await call(home, "list_cameras")
    await home.async_block_till_done()
    (flow,) = home.config_entries.flow.async_progress_by_handler("hikvision_nvr")
    assert flow["context"]["source"] == SOURCE_REAUTH


@pytest.mark.parametrize(
    "service",
    [
        "sort",
        "archive",
        "purge",
        "restore",
        "verify",
        "list_cameras",
        "list_files",
        "retry_uploads",
        "cancel",
    ],
)
async def test_only_administrators_may(
    home: HomeAssistant,
    engine: FakeEngine,
    hass_read_only_user: MockUser,
    service: str,
) -> None:
    data = {"camera": "Garden", "date": "2026-11-01"} if service == "archive" else {}
    if service in {"restore", "list_files"}:
        data = {"camera": "Garden", "date": "2026-11-01"}
    with pytest.raises(Unauthorized):
        await call(home, service, Context(user_id=hass_read_only_user.id), **data)
    assert engine.jobs.asked == []
    assert engine.offsite.asked == []


async def test_which_recorder_is_meant(
    home: HomeAssistant,
    entry: MockConfigEntry,
    engine: FakeEngine,
    engines: list[FakeEngine],
    tmp_path: Path,
) -> None:
    local = recorder_entry(tmp_path / "local", title="Local", s3=None)
    local.add_to_hass(home)
    assert await home.config_entries.async_setup(local.entry_id)

    with pytest.raises(ServiceValidationError):
        await call(home, "sort")
    await call(home, "sort", config_entry_id=entry.entry_id)
    assert len(engine.jobs.asked) == 1
    with pytest.raises(ServiceValidationError, match="Local keeps its captures on"):
        await call(home, "sort", config_entry_id=local.entry_id)
    with pytest.raises(ServiceValidationError):
        await call(home, "sort", config_entry_id="nobody")
    # What needs no bucket works without one.
    await call(
        home,
        "purge",
        config_entry_id=local.entry_id,
        before="2026-01-01",
        scope="local",
    )

    assert await home.config_entries.async_unload(entry.entry_id)
    with pytest.raises(ServiceValidationError):
        await call(home, "sort", config_entry_id=entry.entry_id)
