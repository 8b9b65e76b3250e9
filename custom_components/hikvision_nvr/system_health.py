"""System health: what Home Assistant's own page about the system shows."""

from typing import Any

from homeassistant.components.system_health import SystemHealthRegistration
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN
from .coordinator import RecorderEntry


@callback
def async_register(hass: HomeAssistant, register: SystemHealthRegistration) -> None:
    """Say what can be asked."""
    register.async_register_info(_async_info)


async def _async_info(hass: HomeAssistant) -> dict[str, Any]:
    """Return how the recorders are, all together."""
    entries: list[RecorderEntry] = hass.config_entries.async_entries(DOMAIN)
    recorders = [
        entry.runtime_data for entry in hass.config_entries.async_loaded_entries(DOMAIN)
    ]
    known = [recorder.data for recorder in recorders if recorder.data is not None]
    info: dict[str, Any] = {
        "recorders": len(entries),
        "running": len(recorders),
        "cameras": sum(len(recorder.cameras) for recorder in recorders),
        "connected": sum(one.receiver.connected_cameras for one in known),
        "storage_used": _gigabytes(sum(one.storage_used for one in known)),
        "storage_free": _gigabytes(sum(one.storage_free for one in known)),
    }
    offsite = [one for one in known if one.backlog is not None]
    if offsite:
        info["backlog"] = sum(one.backlog.files for one in offsite if one.backlog)
        info["offsite"] = all(one.offsite_connected is not False for one in offsite)
    return info


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
