"""Home Assistant's REST and websocket API, as far as the demo needs them."""

import asyncio
from types import TracebackType
from typing import Any, Self

import aiohttp

from .failure import DemoError


class ApiError(DemoError):
    """Home Assistant refused something."""

    def __init__(self, text: str, status: int | None = None) -> None:
        """Keep the HTTP status, if it is one of HTTP."""
        super().__init__(text)
        self.status = status


class Api:
    """A client of one Home Assistant."""

    def __init__(self, url: str) -> None:
        """Prepare; nothing is sent before it is entered."""
        self.url = url
        self.token: str | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the connection pool."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection pool."""
        assert self._session is not None
        await self._session.close()

    async def request(
        self, method: str, path: str, json: Any = None, form: Any = None
    ) -> Any:
        """Send one request and return what the answer holds."""
        assert self._session is not None
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with self._session.request(
            method, f"{self.url}{path}", json=json, data=form, headers=headers
        ) as response:
            if response.status >= 400:
                said = (await response.text())[:500]
                raise ApiError(
                    f"{method} {path} failed: {response.status} {said}",
                    response.status,
                )
            return await response.json()

    async def get(self, path: str) -> Any:
        """Ask for something."""
        return await self.request("GET", path)

    async def post(self, path: str, json: Any = None) -> Any:
        """Send something."""
        return await self.request("POST", path, json=json)

    async def command(self, name: str, **fields: Any) -> Any:
        """Run one websocket command on a connection of its own."""
        assert self._session is not None
        async with self._session.ws_connect(f"{self.url}/api/websocket") as socket:
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": self.token})
            if (await socket.receive_json())["type"] != "auth_ok":
                raise ApiError("Home Assistant does not accept the demo's token")
            await socket.send_json({"id": 1, "type": name, **fields})
            answer = await socket.receive_json(timeout=30)
            if not answer["success"]:
                raise ApiError(f"{name} failed: {answer['error']}")
            return answer["result"]

    async def answers(self) -> bool:
        """Tell whether Home Assistant answers at all."""
        assert self._session is not None
        try:
            async with self._session.get(
                f"{self.url}/manifest.json", timeout=aiohttp.ClientTimeout(2)
            ) as response:
                return response.status == 200
        except aiohttp.ClientError, TimeoutError:
            return False

    async def is_running(self) -> bool:
        """Tell whether Home Assistant has finished starting."""
        try:
            return bool((await self.get("/api/config"))["state"] == "RUNNING")
        except aiohttp.ClientError, TimeoutError, ApiError:
            return False


async def until(what: str, check: Any, seconds: float) -> Any:
    """Ask again and again until the answer is true, and return it."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                if answer := await check():
                    return answer
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise DemoError(f"Waited {seconds:.0f} s in vain: {what}") from None
