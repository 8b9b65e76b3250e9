"""The service of the self-test, and the address of its report."""

from collections import OrderedDict
from contextlib import suppress
from dataclasses import asdict
from datetime import timedelta
from http import HTTPStatus
import json
import secrets
from typing import Any

from aiohttp import hdrs, web
from homeassistant.components.http import KEY_HASS, HomeAssistantView
from homeassistant.components.http.auth import async_sign_path
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import ATTR_CONFIG_ENTRY_ID, CONF_HOST, __version__
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv, service
from homeassistant.loader import async_get_integration
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey
import voluptuous as vol

from .const import CONF_RTSP_PORT, DOMAIN, SUBENTRY_CAMERA
from .errors import NotRunningError
from .files import async_loaded_recorder
from .self_test import CameraTarget, run_self_test
from .settings import device_login, engine_settings

SERVICE_SELF_TEST = "self_test"
SELF_TEST_SCHEMA = vol.Schema({vol.Optional(ATTR_CONFIG_ENTRY_ID): cv.string})
REPORT_URL = f"/api/{DOMAIN}/self_test/{{token}}"
REPORT_VALIDITY = timedelta(hours=1)
_MOST_REPORTS = 5
_LOOPBACK = "127.0.0.1"

_REPORTS: HassKey[OrderedDict[str, str]] = HassKey(f"{DOMAIN}_self_test_reports")


@callback
def async_setup_self_test(hass: HomeAssistant) -> None:
    """Register the service and the view of its reports."""
    hass.data[_REPORTS] = OrderedDict()
    hass.http.register_view(ReportView)
    service.async_register_admin_service(
        hass,
        DOMAIN,
        SERVICE_SELF_TEST,
        _async_self_test,
        SELF_TEST_SCHEMA,
        SupportsResponse.OPTIONAL,
    )


class ReportView(HomeAssistantView):
    """Serves the last reports as files to keep or to send."""

    url = REPORT_URL
    name = f"api:{DOMAIN}:self_test"

    async def get(self, request: web.Request, token: str) -> web.Response:
        """Return the report, 404 for one that is forgotten."""
        if (report := request.app[KEY_HASS].data[_REPORTS].get(token)) is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        return web.Response(
            text=report,
            content_type="application/json",
            headers={
                hdrs.CONTENT_DISPOSITION: (
                    f'attachment; filename="{DOMAIN}_self_test.json"'
                ),
                hdrs.CACHE_CONTROL: "no-store",
            },
        )


async def _async_self_test(call: ServiceCall) -> ServiceResponse:
    """Try everything, also of a recorder that does not start."""
    hass = call.hass
    entry = _entry(hass, call.data.get(ATTR_CONFIG_ENTRY_ID))
    cameras = [
        CameraTarget(
            name=camera.title,
            host=camera.data[CONF_HOST],
            rtsp_port=camera.data[CONF_RTSP_PORT],
            device=device_login(camera.data),
        )
        for camera in entry.get_subentries_of_type(SUBENTRY_CAMERA)
    ]
    started = dt_util.utcnow()
    checks = await hass.async_add_executor_job(
        run_self_test, engine_settings(hass, entry, ()), cameras
    )
    await _async_forgive(hass, entry.entry_id)
    integration = await async_get_integration(hass, DOMAIN)
    report: dict[str, Any] = {
        "ok": all(check.ok for check in checks),
        "recorder": entry.title,
        "state": entry.state.value,
        "version": str(integration.version),
        "home_assistant": __version__,
        "started": started.isoformat(),
        "seconds": round((dt_util.utcnow() - started).total_seconds(), 1),
        "checks": [asdict(check) for check in checks],
    }
    return {**report, "report_url": _async_keep(hass, report)}


def _entry(hass: HomeAssistant, entry_id: str | None) -> ConfigEntry:
    """Return the chosen recorder, or the only one; it need not run."""
    entries = hass.config_entries.async_entries(DOMAIN, include_disabled=False)
    found = [entry for entry in entries if entry_id in (None, entry.entry_id)]
    if len(found) != 1:
        raise ServiceValidationError(
            translation_domain=DOMAIN, translation_key="self_test_needs_recorder"
        )
    return found[0]


@callback
def _async_keep(hass: HomeAssistant, report: dict[str, Any]) -> str:
    """Keep a report for a while, and return its address."""
    token = secrets.token_urlsafe(16)
    reports = hass.data[_REPORTS]
    reports[token] = json.dumps(report, indent=2, ensure_ascii=False)
    while len(reports) > _MOST_REPORTS:
        reports.popitem(last=False)
    return async_sign_path(hass, REPORT_URL.format(token=token), REPORT_VALIDITY)


async def _async_forgive(hass: HomeAssistant, entry_id: str) -> None:
    """Let the receiver forget that somebody here connected and did not log in.

    A ban of this machine is left as it is: others may share its address.
    """
    recorder = async_loaded_recorder(hass, entry_id)
    if recorder is None or (status := recorder.data) is None:
        return
    if all(ban.address != _LOOPBACK for ban in status.receiver.bans):
        with suppress(NotRunningError):
            await recorder.async_lift_ban(_LOOPBACK)
