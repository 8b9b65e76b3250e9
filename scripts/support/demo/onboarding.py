"""Gets into Home Assistant: makes the first user, or logs in as it."""

from http import HTTPStatus
from typing import Any

from .api import Api, ApiError
from .plan import PASSWORD, USERNAME

TOKEN_NAME = "demo endpoints"


async def log_in(api: Api, known_token: str | None) -> str:
    """Return a long-lived token of the demo's user, who exists afterwards."""
    if known_token and await _accepts(api, known_token):
        return known_token
    code = await _onboard(api) or await _log_in(api)
    client = f"{api.url}/"
    tokens = await api.request(
        "POST",
        "/auth/token",
        form={"grant_type": "authorization_code", "code": code, "client_id": client},
    )
    api.token = tokens["access_token"]
    for token in await api.command("auth/refresh_tokens"):
        if token["client_name"] == TOKEN_NAME:
            await api.command("auth/delete_refresh_token", refresh_token_id=token["id"])
    api.token = await api.command(
        "auth/long_lived_access_token", client_name=TOKEN_NAME, lifespan=3650
    )
    return api.token


async def _accepts(api: Api, token: str) -> bool:
    """Tell whether a token of an earlier start is still good."""
    api.token = token
    try:
        await api.get("/api/")
    except ApiError:
        api.token = None
        return False
    return True


async def _onboard(api: Api) -> str | None:
    """Make the first user, unless there is one."""
    try:
        steps = await api.get("/api/onboarding")
    except ApiError as error:
        # Once all steps are done, Home Assistant does not know them any more.
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        raise
    if all(step["done"] for step in steps):
        return None
    made = await api.post(
        "/api/onboarding/users",
        {
            "client_id": f"{api.url}/",
            "name": "Demo",
            "username": USERNAME,
            "password": PASSWORD,
            "language": "en",
        },
    )
    code: str = made["auth_code"]
    return code


async def _log_in(api: Api) -> str:
    """Log in with the demo's user and password, as the login page does."""
    client = {"client_id": f"{api.url}/"}
    flow: dict[str, Any] = await api.post(
        "/auth/login_flow",
        client | {"handler": ["homeassistant", None], "redirect_uri": f"{api.url}/"},
    )
    answer = await api.post(
        f"/auth/login_flow/{flow['flow_id']}",
        client | {"username": USERNAME, "password": PASSWORD},
    )
    if answer["type"] != "create_entry":
        raise ApiError("The demo's user has another password now; use a new --state")
    code: str = answer["result"]
    return code
