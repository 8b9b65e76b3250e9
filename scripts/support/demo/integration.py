"""Sets the integration up as a user would: recorder, S3, then each camera."""

from typing import Any

from . import flows
from .api import Api, until
from .failure import DemoError
from .plan import (
    ACCESS_KEY_ID,
    BUCKET,
    REGION,
    SECRET_ACCESS_KEY,
    CameraPlan,
    Plan,
)
from .ports import HOST

DOMAIN = "hikvision_nvr"
CAMERA_DOMAINS = {"binary_sensor", "camera", "event", "image"}


async def set_up(api: Api, plan: Plan, s3_url: str) -> str:
    """Make the recorder and its cameras; returns the entry's id."""
    made = await flows.complete(
        api,
        flows.ENTRY_FLOW,
        DOMAIN,
        {
            "name": "Recorder",
            "listen_address": HOST,
            "ftps_port": plan.ftp_port,
            "passive_ports": plan.passive_ports,
            "endpoint_url": s3_url,
            "region": REGION,
            "bucket": BUCKET,
            "access_key_id": ACCESS_KEY_ID,
            "secret_access_key": SECRET_ACCESS_KEY,
        },
        {"offsite": "s3"},
    )
    entry_id: str = made["result"]["entry_id"]
    for camera in plan.cameras:
        await loaded(api, entry_id)
        await _add_camera(api, entry_id, camera)
    return entry_id


async def _add_camera(api: Api, entry_id: str, camera: CameraPlan) -> None:
    """Add a camera that Home Assistant has found, and have it set up to deliver."""

    async def offered() -> dict[str, Any] | None:
        for flow in await api.command("config_entries/flow/progress"):
            name = flow["context"].get("title_placeholders", {}).get("name", "")
            if flow["handler"] == DOMAIN and camera.serial in name:
                found: dict[str, Any] = await api.get(
                    f"{flows.ENTRY_FLOW}/{flow['flow_id']}"
                )
                return found
        return None

    step = await until(f"{camera.name} to be found in the network", offered, 60)
    await flows.carry_on(
        api,
        flows.ENTRY_FLOW,
        step,
        {
            "rtsp_username": camera.rtsp_username,
            "rtsp_password": camera.rtsp_password,
            "rtsp_port": camera.rtsp_port,
            "name": camera.name,
            "event_stream": True,
            "set_up": True,
        },
        {},
        ends_with="cameras_added",
    )
    await loaded(api, entry_id)
    (added,) = (
        one
        for one in await api.command(
            "config_entries/subentries/list", entry_id=entry_id
        )
        if one["title"] == camera.name
    )
    await flows.complete(
        api,
        flows.SUBENTRY_FLOW,
        [entry_id, "camera"],
        {"recording_mode": camera.recording},
        {},
        subentry_id=added["subentry_id"],
        ends_with="reconfigure_successful",
    )


async def remove_all(api: Api) -> None:
    """Remove what an earlier start with other ports set up."""
    for entry in await entries(api):
        await api.request(
            "DELETE", f"/api/config/config_entries/entry/{entry['entry_id']}"
        )


async def entries(api: Api) -> list[dict[str, Any]]:
    """Return the recorders that are set up."""
    found: list[dict[str, Any]] = await api.command("config_entries/get", domain=DOMAIN)
    return found


async def loaded(api: Api, entry_id: str) -> None:
    """Wait until the recorder runs, which a reload interrupts."""
    states: list[str] = []

    async def is_loaded() -> bool:
        for entry in await entries(api):
            if entry["entry_id"] == entry_id:
                states[:] = [f"{entry['state']} {entry.get('reason') or ''}".strip()]
        return states == ["loaded"]

    try:
        await until("the recorder to be loaded", is_loaded, 30)
    except DemoError as error:
        raise DemoError(f"{error} (it is: {', '.join(states)})") from None


async def entities(api: Api, cameras: int) -> list[dict[str, Any]]:
    """Wait until every camera has all its entities, and return them all."""

    async def complete() -> list[dict[str, Any]]:
        registry = await api.command("config/entity_registry/list")
        ours = [entity for entity in registry if entity["platform"] == DOMAIN]
        kinds = [
            (entity["config_subentry_id"], entity["entity_id"].partition(".")[0])
            for entity in ours
            if entity["config_subentry_id"]
        ]
        found = {kind for kind in kinds if kind[1] in CAMERA_DOMAINS}
        return ours if len(found) == cameras * len(CAMERA_DOMAINS) else []

    found: list[dict[str, Any]] = await until("the cameras' entities", complete, 30)
    return found
