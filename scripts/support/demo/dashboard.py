"""The dashboard: what the cameras see, what they saw, and what is on its way to S3."""

from typing import Any

from .api import Api
from .integration import entities
from .plan import Plan

URL_PATH = "hikvision-nvr"
TITLE = "Recorder"
READY_URL_PATH = "hikvision-nvr-cameras"
READY_TITLE = "Cameras"

type Card = dict[str, Any]

TRY = """\
**[Cameras](/hikvision-nvr-cameras)**: the dashboard that comes with the integration, \
with each camera's timeline.

**[Media browser](/media-browser/browser)**: every stored picture, by camera and day.

**[Actions](/config/developer-tools/action)**: try `hikvision_nvr.list_cameras`, \
`hikvision_nvr.sort`, `hikvision_nvr.archive` and `hikvision_nvr.purge` (which deletes \
nothing unless told to).

**[The integration](/config/integrations/integration/hikvision_nvr)**: recorder and \
cameras, and where more cameras are added.
"""


async def provision(api: Api, plan: Plan, *, live: bool) -> str:
    """Save the dashboards and make one the one that opens first; returns its path."""
    found = await entities(api, len(plan.cameras))
    devices = await api.command("config/device_registry/list")
    names = {
        device["id"]: device["name_by_user"] or device["name"] for device in devices
    }
    view = _view(found, names, live=live)
    timelines = [
        _timeline_view(entity["entity_id"], names[entity["device_id"]])
        for entity in found
        if entity["entity_id"].startswith("camera.")
        and entity["unique_id"].endswith(_MAIN["camera"])
    ]
    await _save(api, URL_PATH, TITLE, {"views": [view, *timelines]})
    ready = {"strategy": {"type": "custom:hikvision-nvr"}}
    await _save(api, READY_URL_PATH, READY_TITLE, ready)
    await api.command(
        "frontend/set_system_data", key="core", value={"default_panel": URL_PATH}
    )
    return f"/{URL_PATH}"


async def _save(api: Api, url_path: str, title: str, config: dict[str, Any]) -> None:
    """Save a dashboard, which is made if it is not there."""
    dashboards = await api.command("lovelace/dashboards/list")
    if url_path not in [dashboard["url_path"] for dashboard in dashboards]:
        await api.command(
            "lovelace/dashboards/create",
            url_path=url_path,
            title=title,
            icon="mdi:cctv",
            mode="storage",
            show_in_sidebar=True,
            require_admin=False,
        )
    await api.command("lovelace/config/save", url_path=url_path, config=config)


_MAIN = {"binary_sensor": "_motion", "camera": "_camera", "image": "_last_snapshot"}
"""Which entity of a camera is shown where it has several of a domain."""


def _view(found: list[dict[str, Any]], names: dict[str, str], *, live: bool) -> Card:
    """Lay out the sections."""
    cameras: dict[str, dict[str, str]] = {}
    recorder: dict[str, str] = {}
    for entity in found:
        domain = entity["entity_id"].partition(".")[0]
        if subentry := entity["config_subentry_id"]:
            camera = cameras.setdefault(subentry, {})
            if not entity["unique_id"].endswith(_MAIN.get(domain, "")):
                continue
            camera[domain] = entity["entity_id"]
            if domain == "camera":
                # The camera entity has no name of its own, only its device's.
                camera["name"] = names[entity["device_id"]]
        else:
            key = entity["unique_id"].removeprefix(f"{entity['config_entry_id']}_")
            recorder[key] = entity["entity_id"]
    return {
        "title": TITLE,
        "type": "sections",
        "max_columns": 3,
        "sections": [
            *(_camera_section(camera, live=live) for camera in cameras.values()),
            _recorder_section(recorder),
            _events_section([camera["event"] for camera in cameras.values()]),
            _try_section(),
        ],
    }


def _timeline_view(camera: str, name: str) -> Card:
    """Give a camera's day the whole page."""
    return {
        "title": name,
        "path": camera.partition(".")[2],
        "type": "panel",
        "cards": [{"type": "custom:hikvision-nvr-timeline-card", "entity": camera}],
    }


def _section(*cards: Card, **more: Any) -> Card:
    """Make a section."""
    return {"type": "grid", "cards": list(cards), **more}


def _heading(text: str, icon: str, **more: Any) -> Card:
    """Make a section's heading."""
    return {"type": "heading", "heading": text, "icon": icon, **more}


def _full(card: Card) -> Card:
    """Let a card take the whole width of its section."""
    return {**card, "grid_options": {"columns": "full"}}


def _tile(entity: str, name: str, **more: Any) -> Card:
    """Make a tile, two of which fit beside each other."""
    return {"type": "tile", "entity": entity, "name": name, **more}


def _camera_section(camera: dict[str, str], *, live: bool) -> Card:
    """Show one camera: live, its motion, its last detection and last snapshot."""
    return _section(
        _heading(
            camera["name"],
            "mdi:cctv",
            badges=[
                {"type": "entity", "entity": camera["binary_sensor"], "color": "red"}
            ],
        ),
        _full(
            {
                "type": "picture-entity",
                "entity": camera["camera"],
                "camera_view": "live" if live else "auto",
                "show_name": False,
                "show_state": False,
            }
        ),
        _full(
            _tile(
                camera["event"],
                "Last detection",
                state_content=["event_type", "state"],
            )
        ),
        _full(
            {
                "type": "picture-entity",
                "entity": camera["image"],
                "name": "Last snapshot",
                "show_state": True,
            }
        ),
    )


def _recorder_section(recorder: dict[str, str]) -> Card:
    """Show the disk and the way to S3."""
    names = {
        "offsite_connected": ("Offsite", {"color": "green"}),
        "upload_backlog_files": ("Upload backlog", {"color": "orange"}),
        "last_upload": ("Last upload", {}),
        "storage_used": ("Storage used", {}),
        "storage_free": ("Storage free", {}),
    }
    backlog = recorder["upload_backlog_files"]
    return _section(
        _heading("Recorder", "mdi:harddisk"),
        *(_tile(recorder[key], name, **more) for key, (name, more) in names.items()),
        _full(
            {
                "type": "history-graph",
                "title": "Upload backlog",
                "hours_to_show": 1,
                "entities": [{"entity": backlog, "name": "Files waiting"}],
            }
        ),
    )


def _events_section(events: list[str]) -> Card:
    """List what the cameras detected."""
    return _section(
        _heading("Latest detections", "mdi:motion-sensor"),
        {
            "type": "logbook",
            "target": {"entity_id": events},
            "hours_to_show": 24,
            "grid_options": {"columns": "full", "rows": 6},
        },
    )


def _try_section() -> Card:
    """Say what else there is to see."""
    return _section(
        _heading("Things to try", "mdi:lightbulb-on-outline"),
        _full({"type": "markdown", "content": TRY}),
    )
