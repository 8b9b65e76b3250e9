"""Home Assistant's API as an independent client sees it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
import threading
import time
from typing import Any

import aiohttp
import requests

DETECTION = "hikvision_nvr_detection"
PATIENCE = 30

type Event = dict[str, Any]


class HomeAssistant:
    """A Home Assistant and an account of it."""

    def __init__(self, url: str, token: str) -> None:
        """Prepare; nothing is sent yet."""
        self.url = url
        self.token = token

    def get(self, path: str) -> requests.Response:
        """Ask for something."""
        return requests.get(
            f"{self.url}{path}",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=PATIENCE,
        )

    def state(self, entity_id: str) -> dict[str, Any]:
        """Return an entity's state and attributes."""
        response = self.get(f"/api/states/{entity_id}")
        response.raise_for_status()
        state: dict[str, Any] = response.json()
        return state

    def wait_for_state(
        self, entity_id: str, wanted: str, seconds: float = PATIENCE
    ) -> None:
        """Wait until an entity has a state, which it may have already."""
        with self.listen() as events:
            if self.state(entity_id)["state"] != wanted:
                events.new_state(
                    entity_id, lambda state: state["state"] == wanted, seconds
                )

    def call(self, service: str, data: dict[str, Any]) -> Any:
        """Call one of our services by REST and return its response."""
        response = requests.post(
            f"{self.url}/api/services/hikvision_nvr/{service}?return_response",
            json=data,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=120,
        )
        assert response.ok, response.text
        return response.json()["service_response"]

    def call_by_websocket(self, service: str, data: dict[str, Any]) -> dict[str, Any]:
        """Call one of our services by websocket and return the whole answer."""
        return self._answer(
            "call_service",
            domain="hikvision_nvr",
            service=service,
            service_data=data,
            return_response=True,
        )

    def command(self, name: str, **fields: Any) -> Any:
        """Run one websocket command and return its result."""
        answer = self._answer(name, **fields)
        assert answer["success"], answer
        return answer["result"]

    def _answer(self, name: str, **fields: Any) -> dict[str, Any]:
        """Run one websocket command and return the answer, also a refusal."""

        async def run() -> dict[str, Any]:
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(f"{self.url}/api/websocket") as socket,
            ):
                await _log_in(socket, self.token)
                await socket.send_json({"id": 1, "type": name, **fields})
                answer: dict[str, Any] = await socket.receive_json(timeout=PATIENCE)
                return answer

        return asyncio.run(run())

    def reload(self) -> None:
        """Let the recorder start anew, as after a change of its settings."""
        (entry,) = self.command("config_entries/get", domain="hikvision_nvr")
        response = requests.post(
            f"{self.url}/api/config/config_entries/entry/{entry['entry_id']}/reload",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
        )
        response.raise_for_status()

    def entities(self) -> list[dict[str, Any]]:
        """Return what the entity registry knows of ours."""
        registry = self.command("config/entity_registry/list")
        return [entity for entity in registry if entity["platform"] == "hikvision_nvr"]

    def runs(self) -> bool:
        """Tell whether Home Assistant has finished starting."""
        try:
            response = self.get("/api/config")
        except requests.ConnectionError:
            return False
        return response.ok and response.json()["state"] == "RUNNING"

    @contextmanager
    def listen(self) -> Iterator[Events]:
        """Hear everything that happens from now on."""
        events = Events(self.url, self.token)
        try:
            events.start()
            yield events
        finally:
            events.stop()


class Events:
    """What happened in Home Assistant since the beginning, as it happens."""

    def __init__(self, url: str, token: str) -> None:
        """Prepare a connection of its own."""
        self._url = url
        self._token = token
        self._heard: list[Event] = []
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Subscribe; nothing that happens after this is missed."""
        self._thread.start()
        assert self._subscribed.wait(PATIENCE), "no websocket"

    def stop(self) -> None:
        """Hang up."""
        if self._task is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        with (
            asyncio.Runner(loop_factory=lambda: self._loop) as runner,
            suppress(asyncio.CancelledError),
        ):
            runner.run(self._listen())

    async def _listen(self) -> None:
        self._task = asyncio.current_task()
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{self._url}/api/websocket") as socket,
        ):
            await _log_in(socket, self._token)
            await socket.send_json({"id": 1, "type": "subscribe_events"})
            assert (await socket.receive_json())["success"]
            self._subscribed.set()
            async for message in socket:
                told = message.json()
                if told["type"] == "event":
                    with self._changed:
                        self._heard.append(told["event"])
                        self._changed.notify_all()

    def wait_for(
        self, what: str, matches: Callable[[Event], bool], seconds: float = PATIENCE
    ) -> Event:
        """Return the first event that matches, waiting for it if need be."""
        until = time.monotonic() + seconds
        looked_at = 0
        with self._changed:
            while True:
                for event in self._heard[looked_at:]:
                    if matches(event):
                        return event
                looked_at = len(self._heard)
                left = until - time.monotonic()
                assert left > 0, f"{what}: not within {seconds} s"
                self._changed.wait(left)

    def detection_of(self, file: str) -> dict[str, Any]:
        """Wait for the bus event of a detection that began with a file."""
        event = self.wait_for(
            f"detection of {file}",
            lambda event: (
                event["event_type"] == DETECTION and event["data"]["file"] == file
            ),
        )
        data: dict[str, Any] = event["data"]
        return data

    def detections(self) -> list[dict[str, Any]]:
        """Return the detections heard so far."""
        with self._changed:
            return [
                event["data"]
                for event in self._heard
                if event["event_type"] == DETECTION
            ]

    def new_state(
        self,
        entity_id: str,
        matches: Callable[[dict[str, Any]], bool] = lambda _state: True,
        seconds: float = PATIENCE,
    ) -> dict[str, Any]:
        """Wait until an entity changes to a state that matches, and return it."""

        def is_it(event: Event) -> bool:
            data = event["data"]
            return (
                event["event_type"] == "state_changed"
                and data["entity_id"] == entity_id
                and data["new_state"] is not None
                and matches(data["new_state"])
            )

        event = self.wait_for(f"a new state of {entity_id}", is_it, seconds)
        state: dict[str, Any] = event["data"]["new_state"]
        return state


async def _log_in(socket: aiohttp.ClientWebSocketResponse, token: str) -> None:
    """Say who we are."""
    await socket.receive_json()
    await socket.send_json({"type": "auth", "access_token": token})
    answer = await socket.receive_json()
    assert answer["type"] == "auth_ok", answer
