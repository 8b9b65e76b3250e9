"""Gives Home Assistant's frontend the timeline card and the dashboard.

Both are one module of JavaScript, which is built from the folder ``frontend`` of the
repository by ``scripts/card`` and comes with the integration.
"""

import asyncio
from hashlib import sha256
from pathlib import Path

from homeassistant.components.frontend import add_extra_js_url, remove_extra_js_url
from homeassistant.components.http import StaticPathConfig
from homeassistant.components.lovelace import LOVELACE_DATA
from homeassistant.components.lovelace.resources import ResourceStorageCollection
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN

MODULE = Path(__file__).with_name("hikvision-nvr-card.js")
MODULE_URL = f"/{DOMAIN}_frontend/{MODULE.name}"


class _Card:
    """Where the frontend finds the module, and whether it has been told."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.lock = asyncio.Lock()
        self.in_page = False


_CARD: HassKey[_Card] = HassKey(f"{DOMAIN}_card")


async def async_serve_card(hass: HomeAssistant) -> None:
    """Serve the module, under an address that changes with its content.

    Browsers keep it for a month, and the frontend's service worker for longer.
    """
    content = await hass.async_add_executor_job(MODULE.read_bytes)
    await hass.http.async_register_static_paths(
        [StaticPathConfig(MODULE_URL, str(MODULE), cache_headers=True)]
    )
    hass.data[_CARD] = _Card(f"{MODULE_URL}?v={sha256(content).hexdigest()[:12]}")


async def async_add_card(hass: HomeAssistant) -> None:
    """Let the frontend load the module.

    As a resource of dashboards, which their owner sees; where these are kept in YAML,
    nobody but the owner can write them, and each page loads the module instead.
    """
    card = hass.data[_CARD]
    async with card.lock:
        if (resources := _resources(hass)) is not None:
            await _async_keep_one(resources, card.url)
        elif "frontend" in hass.config.components and not card.in_page:
            add_extra_js_url(hass, card.url)
            card.in_page = True


async def async_remove_card(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Take the module back when a recorder goes and no other one stays.

    Not when it is only loaded anew: open dashboards would lose the card.
    """
    if any(
        other.disabled_by is None and other.entry_id != entry.entry_id
        for other in hass.config_entries.async_entries(DOMAIN, include_ignore=False)
    ):
        return
    card = hass.data.get(_CARD)
    if card is None:
        return
    async with card.lock:
        if (resources := _resources(hass)) is not None:
            await _async_keep_one(resources, None)
        if card.in_page:
            remove_extra_js_url(hass, card.url)
            card.in_page = False


def _resources(hass: HomeAssistant) -> ResourceStorageCollection | None:
    """Return the dashboards' resources, None where they cannot be changed."""
    lovelace = hass.data.get(LOVELACE_DATA)
    if lovelace is None or not isinstance(
        lovelace.resources, ResourceStorageCollection
    ):
        return None
    return lovelace.resources


async def _async_keep_one(
    resources: ResourceStorageCollection, url: str | None
) -> None:
    """Have the module among the resources once, under its address now, or not at all."""
    await resources.async_get_info()
    ours = [
        item
        for item in resources.async_items()
        if item["url"].partition("?")[0] == MODULE_URL
    ]
    for item in ours[0 if url is None else 1 :]:
        await resources.async_delete_item(item["id"])
    if url is None:
        return
    if not ours:
        await resources.async_create_item({"res_type": "module", "url": url})
    elif ours[0]["url"] != url:
        await resources.async_update_item(ours[0]["id"], {"url": url})
