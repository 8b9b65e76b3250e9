"""Answers configuration dialogs through the API that the frontend uses."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from .api import Api, ApiError
from .failure import DemoError

type Answers = Mapping[str, Any]

ENTRY_FLOW = "/api/config/config_entries/flow"
SUBENTRY_FLOW = "/api/config/config_entries/subentries/flow"


async def complete(
    api: Api,
    path: str,
    handler: Any,
    answers: Answers,
    choices: Mapping[str, str],
    *,
    subentry_id: str | None = None,
    ends_with: str | None = None,
) -> dict[str, Any]:
    """Begin a dialog and go through it to its end."""
    begin = {"handler": handler}
    if subentry_id is not None:
        begin["subentry_id"] = subentry_id
    step: dict[str, Any] = await api.post(path, begin)
    return await carry_on(api, path, step, answers, choices, ends_with=ends_with)


async def carry_on(
    api: Api,
    path: str,
    step: dict[str, Any],
    answers: Answers,
    choices: Mapping[str, str],
    *,
    ends_with: str | None = None,
) -> dict[str, Any]:
    """Go through a dialog that has begun to its end.

    ``answers`` holds field values, asked for by name in whatever step; ``choices``
    says which way to take in the step of that name when it is a menu. ``ends_with``
    is the reason that it gives in the end when it makes no entry.
    """
    handler = step.get("handler")
    unused = set(answers)
    while step["type"] in ("form", "menu"):
        name = step["step_id"]
        if step["type"] == "menu":
            if (choice := choices.get(name)) not in step["menu_options"]:
                await _refuse(api, path, step, f"no choice for the menu {name}")
            reply: dict[str, Any] = {"next_step_id": choice}
        else:
            if step.get("errors"):
                await _refuse(api, path, step, f"{name}: {step['errors']}")
            reply = _fill_in(step["data_schema"] or [], answers, unused)
        step = await api.post(f"{path}/{step['flow_id']}", reply)
    if step["type"] != "create_entry" and (
        ends_with is None or step.get("reason") != ends_with
    ):
        raise DemoError(f"The set-up of {handler} ended with {step.get('reason')}")
    if unused:
        raise DemoError(f"The set-up of {handler} did not ask for {sorted(unused)}")
    return step


def _fill_in(
    fields: list[dict[str, Any]], answers: Answers, unused: set[str]
) -> dict[str, Any]:
    """Give the fields of one form our answers, or leave their defaults."""
    reply: dict[str, Any] = {}
    for field in fields:
        name = field["name"]
        if field.get("type") == "expandable":
            reply[name] = _fill_in(field["schema"], answers, unused)
        elif name in answers:
            reply[name] = answers[name]
            unused.discard(name)
        elif "suggested_value" in (field.get("description") or {}):
            reply[name] = field["description"]["suggested_value"]
        elif "default" in field:
            reply[name] = field["default"]
        elif field.get("required"):
            raise DemoError(f"The set-up asks for {name}, and the demo has no answer")
    return reply


async def _refuse(api: Api, path: str, step: dict[str, Any], why: str) -> None:
    """Leave a dialog that cannot be completed."""
    with suppress(ApiError):
        await api.request("DELETE", f"{path}/{step['flow_id']}")
    raise DemoError(f"The set-up was refused: {why}")
