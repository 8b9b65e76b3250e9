"""Entries of a newer release, after the owner has installed an older one again.

Home Assistant does not start an entry whose version is higher than ours, and says so in
its log alone. Here it becomes an issue that says what to do. What differs in the minor
version only is started: such a release has added settings, and left the others.
"""

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN, ENTRY_VERSION

ISSUE = "entry_newer"


@callback
def async_tell_newer_entries(hass: HomeAssistant) -> None:
    """Show an issue for each recorder that this release cannot start."""
    for entry in hass.config_entries.async_entries(DOMAIN):
        if entry.version > ENTRY_VERSION:
            ir.async_create_issue(
                hass,
                DOMAIN,
                f"{ISSUE}_{entry.entry_id}",
                is_fixable=False,
                severity=ir.IssueSeverity.ERROR,
                translation_key=ISSUE,
                translation_placeholders={
                    "recorder": entry.title,
                    "version": str(entry.version),
                    "known": str(ENTRY_VERSION),
                },
            )


@callback
def async_forget_newer_entry(hass: HomeAssistant, entry_id: str) -> None:
    """Take the issue back: the recorder has been removed."""
    ir.async_delete_issue(hass, DOMAIN, f"{ISSUE}_{entry_id}")
