"""Makes Home Assistant the network video recorder of the house."""

from contextlib import suppress
import shutil

from homeassistant.const import (
    EVENT_CORE_CONFIG_UPDATE,
    EVENT_HOMEASSISTANT_STOP,
    Platform,
)
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.exceptions import (
    ConfigEntryError,
    ConfigEntryNotReady,
    HomeAssistantError,
)
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntryType
from homeassistant.helpers.typing import ConfigType

from .addresses import async_host_names
from .const import CONF_EXTERNAL_ADDRESS, CONF_LISTEN_ADDRESS, DOMAIN
from .coordinator import RecorderCoordinator, RecorderEntry
from .device_services import async_setup_device_services
from .engine import Engine
from .errors import CatalogueError, CertificateError, HostKeyError, RecorderError
from .frontend import async_add_card, async_remove_card, async_serve_card
from .http import (
    CaptureView,
    DownloadView,
    FrameView,
    PlaylistView,
    SegmentView,
    ThumbnailView,
)
from .issues import async_forget_setup_failure, async_show_setup_failure
from .network_scan import async_start_scans
from .newer_entries import async_forget_newer_entry, async_tell_newer_entries
from .provision_intents import async_start_settling, async_take_over
from .recording_services import async_setup_recording_services
from .schedule import async_start_schedule
from .self_test_service import async_setup_self_test
from .services import async_setup_services
from .settings import engine_settings, state_folder
from .snapshot import SnapshotView
from .thumbnails import Thumbnails
from .timeline import async_setup_timeline
from .translated import translated

PLATFORMS = (
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.CAMERA,
    Platform.EVENT,
    Platform.IMAGE,
    Platform.SENSOR,
    Platform.SWITCH,
)

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Set up what all recorders share."""
    async_tell_newer_entries(hass)
    async_setup_services(hass)
    async_setup_device_services(hass)
    async_setup_recording_services(hass)
    async_setup_self_test(hass)
    async_setup_timeline(hass)
    await async_serve_card(hass)
    for view in (
        CaptureView,
        DownloadView,
        FrameView,
        PlaylistView,
        SegmentView,
        SnapshotView,
        ThumbnailView,
    ):
        hass.http.register_view(view)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: RecorderEntry) -> bool:
    """Start a recorder: its device, its engine, then its entities."""
    dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={(DOMAIN, entry.entry_id)},
        name=entry.title,
        entry_type=DeviceEntryType.SERVICE,
    )
    await async_take_over(hass, entry)
    coordinator = RecorderCoordinator(hass, entry)
    host_names = await async_host_names(
        hass,
        entry.data.get(CONF_LISTEN_ADDRESS, ""),
        entry.data.get(CONF_EXTERNAL_ADDRESS, ""),
    )
    engine = Engine(engine_settings(hass, entry, host_names), coordinator)
    coordinator.engine = engine
    coordinator.thumbnails = Thumbnails(
        hass, engine, state_folder(hass, entry.entry_id) / "thumbnails"
    )
    entry.runtime_data = coordinator

    async def stop(_event: Event) -> None:
        """Stop before Home Assistant's loop goes away below the engine."""
        await hass.async_add_executor_job(engine.stop)

    try:
        await hass.async_add_executor_job(engine.start)
        await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    except BaseException as err:
        # No port may stay open and no thread behind when the entry is not set up.
        await hass.async_add_executor_job(engine.stop)
        if isinstance(err, RecorderError):
            async_show_setup_failure(hass, entry, err)
            raise _setup_error(err) from err
        raise
    async_forget_setup_failure(hass, entry.entry_id)
    coordinator.async_release()
    await async_add_card(hass)
    entry.async_on_unload(await coordinator.issues.async_start())
    entry.async_on_unload(async_start_schedule(hass, coordinator))
    entry.async_on_unload(async_start_scans(hass, coordinator))
    entry.async_on_unload(hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, stop))
    entry.async_on_unload(entry.add_update_listener(_async_update_listener))
    entry.async_on_unload(_reload_on_new_time_zone(hass, entry))
    # What this changes must be seen by the listener above.
    async_start_settling(hass, coordinator)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: RecorderEntry) -> bool:
    """Stop a recorder.

    The engine goes first: what it has confirmed to a camera still reaches the
    camera's entities.
    """
    await hass.async_add_executor_job(entry.runtime_data.engine.stop)
    if entry.disabled_by is not None:
        await async_remove_card(hass, entry)
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


async def async_remove_entry(hass: HomeAssistant, entry: RecorderEntry) -> None:
    """Forget a recorder: its catalogue and certificate, never its captures."""
    async_forget_setup_failure(hass, entry.entry_id)

    async_forget_newer_entry(hass, entry.entry_id)

    def remove() -> None:
        with suppress(FileNotFoundError):
            shutil.rmtree(state_folder(hass, entry.entry_id))

    await hass.async_add_executor_job(remove)
    await async_remove_card(hass, entry)


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: RecorderEntry, device: dr.DeviceEntry
) -> bool:
    """Let the owner delete a device that stands for nothing any more.

    The recorder and its cameras are removed with their entry or subentry.
    """
    used = {(DOMAIN, entry.entry_id)} | {
        (DOMAIN, camera_id) for camera_id in entry.subentries
    }
    return used.isdisjoint(device.identifiers)


async def _async_update_listener(hass: HomeAssistant, entry: RecorderEntry) -> None:
    """Reload after any change of the recorder or of its cameras.

    Once for many: a device of 64 channels is as many changes in one moment.
    """
    coordinator = entry.runtime_data
    if not coordinator.reloading:
        coordinator.reloading = True
        hass.config_entries.async_schedule_reload(entry.entry_id)


def _reload_on_new_time_zone(
    hass: HomeAssistant, entry: RecorderEntry
) -> CALLBACK_TYPE:
    """Reload when days begin at another time. Returns what ends the watch."""

    @callback
    def changed(event: Event) -> None:
        if "time_zone" in event.data:
            hass.config_entries.async_schedule_reload(entry.entry_id)

    return hass.bus.async_listen(EVENT_CORE_CONFIG_UPDATE, changed)


def _setup_error(error: RecorderError) -> HomeAssistantError:
    """Return the error that tells whether trying again can help."""
    if isinstance(error, (CatalogueError, CertificateError, HostKeyError)):
        return translated(error, ConfigEntryError)
    return translated(error, ConfigEntryNotReady)
