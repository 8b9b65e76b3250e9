"""Automations in a real Home Assistant, of the newest release."""

from datetime import datetime
import time
from typing import Any
import uuid

import requests

from .conftest import CameraUnderTest
from .home_assistant import HomeAssistant

PATIENCE = 30


def _automate(home_assistant: HomeAssistant, automation: dict[str, Any]) -> str:
    """Save an automation as its editor does; return its id."""
    automation_id = uuid.uuid4().hex
    response = requests.post(
        f"{home_assistant.url}/api/config/automation/config/{automation_id}",
        json=automation,
        headers={"Authorization": f"Bearer {home_assistant.token}"},
        timeout=PATIENCE,
    )
    assert response.ok, response.text
    return automation_id


def _remove(home_assistant: HomeAssistant, automation_id: str) -> None:
    requests.delete(
        f"{home_assistant.url}/api/config/automation/config/{automation_id}",
        headers={"Authorization": f"Bearer {home_assistant.token}"},
        timeout=PATIENCE,
    )


def test_a_detection_triggers_with_a_picture_for_a_phone(
    home_assistant: HomeAssistant, front_door: CameraUnderTest
) -> None:
    """The trigger fires, the conditions hold, and the address needs no login."""
    event = front_door.entities["event"]
    automation_id = _automate(
        home_assistant,
        {
            "alias": "Tell a phone",
            "triggers": [
                {
                    "trigger": "hikvision_nvr.detection",
                    "target": {"entity_id": event},
                    "options": {"event_type": ["motion"]},
                }
            ],
            "conditions": [
                {
                    "condition": "hikvision_nvr.detection",
                    "target": {"entity_id": event},
                    "options": {"within": "00:01:00"},
                }
            ],
            "actions": [
                {
                    "event": "told",
                    "event_data": {
                        "picture": "{{ trigger.to_state.attributes.snapshot_url }}",
                        "file": "{{ trigger.to_state.attributes.file }}",
                    },
                }
            ],
        },
    )
    try:
        uploader = front_door.uploader
        picture = uploader.picture(taken=datetime.now(uploader.time_zone))
        with home_assistant.listen() as events:
            uploader.by_ftplib(picture)
            told = events.wait_for(
                "the automation", lambda event: event["event_type"] == "told"
            )["data"]
        assert told["file"] == picture.name
        answer = requests.get(
            f"{home_assistant.url}{told['picture']}", timeout=PATIENCE
        )
        assert answer.status_code == 200
        assert answer.content == picture.content
    finally:
        _remove(home_assistant, automation_id)


def test_triggers_and_conditions_are_in_the_editor(
    home_assistant: HomeAssistant,
) -> None:
    """The editor of automations knows what they are and what they are called."""
    names = {"detection", "offsite_protected", "storage_low", "upload_stalled"}
    for category in ("triggers", "conditions"):
        texts = home_assistant.command(
            "frontend/get_translations",
            language="en",
            category=category,
            integration=["hikvision_nvr"],
        )["resources"]
        assert {
            key.split(".")[3] for key in texts if key.startswith("component.hikvision")
        } == names
        icons = home_assistant.command(
            "frontend/get_icons", category=category, integration=["hikvision_nvr"]
        )["resources"]
        assert set(icons["hikvision_nvr"]) == names


def test_self_test(home_assistant: HomeAssistant) -> None:
    """The demo's recorder is well, and says so, without a secret."""
    began = time.monotonic()
    report = home_assistant.call("self_test", {})
    assert time.monotonic() - began < 30
    problems = {
        (check["name"], check["about"]): check["problem"]
        for check in report["checks"]
        if not check["ok"]
    }
    assert problems == {}
    assert {"ftps", "disk", "s3", "rtsp"} <= {
        check["name"] for check in report["checks"]
    }
    saved = requests.get(
        f"{home_assistant.url}{report['report_url']}", timeout=PATIENCE
    )
    assert saved.status_code == 200
    assert saved.json()["checks"] == report["checks"]
    for secret in ("secret", "password", "scrypt$"):
        assert secret not in saved.text.lower()


def test_system_health_and_diagnostics(home_assistant: HomeAssistant) -> None:
    """Both can be read, and neither has a password of a camera in it."""
    (entry,) = home_assistant.command("config_entries/get", domain="hikvision_nvr")
    told = home_assistant.get(f"/api/diagnostics/config_entry/{entry['entry_id']}")
    assert told.ok
    assert told.json()["data"]["status"]["storage_free"] > 0
    assert "scrypt$" not in told.text
    device = next(
        one
        for one in home_assistant.command("config/device_registry/list")
        if entry["entry_id"] in one["config_entries"] and one["name"] == "Front door"
    )
    told = home_assistant.get(
        f"/api/diagnostics/config_entry/{entry['entry_id']}/device/{device['id']}"
    )
    assert told.ok
    assert told.json()["data"]["camera"]["name"] == "Front door"
