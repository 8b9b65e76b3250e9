"""How captures are uploaded is chosen in the recorder's options."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock, patch

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.hikvision_nvr import errors
from custom_components.hikvision_nvr.model import LockMode, UploadLimit
from custom_components.hikvision_nvr.offsite import Capabilities

from .recorder import FakeEngine, recorder_entry

pytestmark = pytest.mark.usefixtures("engines", "socket_enabled")

UPLOADS = {
    "upload_workers": 8,
    "upload_limit": " 07:00 5, 23:00 off ",
    "keep_checksum": True,
    "lock_days": 0,
    "lock_mode": "governance",
}
EVERYTHING = Capabilities(
    conditional_put=True,
    conditional_complete=True,
    conditional_copy=True,
    copy=True,
    tagging=True,
    checksum=True,
    delete=True,
    multi_delete=True,
    restore=True,
    versioning=True,
    object_lock=True,
    storage_classes=("STANDARD",),
    checked=datetime(2026, 11, 21, tzinfo=UTC),
)


@pytest.fixture
def look() -> Iterator[AsyncMock]:
    """A look at the bucket; at first everything is there."""
    with patch(
        "custom_components.hikvision_nvr.options_flow.probe_bucket",
        AsyncMock(return_value=EVERYTHING),
    ) as probe:
        yield probe


@pytest.fixture
async def form(
    home: HomeAssistant, tmp_path: Path
) -> tuple[MockConfigEntry, dict[str, Any]]:
    """Return a recorder and the form of its uploads."""
    entry = recorder_entry(tmp_path)
    entry.add_to_hass(home)
    assert await home.config_entries.async_setup(entry.entry_id)
    await home.async_block_till_done()
    flow = await home.config_entries.options.async_init(entry.entry_id)
    assert "uploads" in flow["menu_options"]
    flow = await submit(home, flow, {"next_step_id": "uploads"})
    assert flow["type"] is FlowResultType.FORM
    return entry, flow


async def submit(
    home: HomeAssistant, flow: dict[str, Any], values: dict[str, Any]
) -> dict[str, Any]:
    return await home.config_entries.options.async_configure(flow["flow_id"], values)


async def test_what_is_chosen_reaches_the_engine(
    home: HomeAssistant,
    form: tuple[MockConfigEntry, dict[str, Any]],
    reload_done: Callable[[], FakeEngine],
    look: AsyncMock,
) -> None:
    _, flow = form
    result = await submit(home, flow, UPLOADS)
    await home.async_block_till_done()
    assert result["type"] is FlowResultType.CREATE_ENTRY
    s3 = reload_done().settings.s3
    assert s3 is not None
    assert s3.workers == 8
    assert s3.limits == (
        UploadLimit(since=time(7), bytes_per_second=625_000),
        UploadLimit(since=time(23), bytes_per_second=None),
    )
    assert s3.checksum
    assert s3.lock_days == 0
    # Nothing of this is a matter of the bucket.
    look.assert_not_called()


async def test_a_limit_that_is_none_is_told_beside_its_field(
    home: HomeAssistant, form: tuple[MockConfigEntry, dict[str, Any]]
) -> None:
    _, flow = form
    flow = await submit(home, flow, UPLOADS | {"upload_limit": "fast"})
    assert flow["errors"] == {"upload_limit": "invalid_upload_limit"}
    result = await submit(home, flow, UPLOADS | {"upload_limit": ""})
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_a_lock_is_taken_only_where_the_bucket_has_it(
    home: HomeAssistant,
    form: tuple[MockConfigEntry, dict[str, Any]],
    reload_done: Callable[[], FakeEngine],
    look: AsyncMock,
) -> None:
    _, flow = form
    locked = UPLOADS | {"lock_days": 90, "lock_mode": "compliance"}
    look.return_value = replace(EVERYTHING, object_lock=False)
    flow = await submit(home, flow, locked)
    assert flow["errors"] == {"lock_days": "object_lock_missing"}
    look.side_effect = errors.OffsiteUnreachableError("away")
    flow = await submit(home, flow, locked)
    assert flow["errors"] == {"base": "offsite_unreachable"}
    # A key that may not ask leaves it to the first upload.
    look.side_effect = None
    look.return_value = replace(EVERYTHING, object_lock=None)
    result = await submit(home, flow, locked)
    await home.async_block_till_done()
    assert result["type"] is FlowResultType.CREATE_ENTRY
    s3 = reload_done().settings.s3
    assert s3 is not None
    assert (s3.lock_days, s3.lock_mode) == (90, LockMode.COMPLIANCE)
