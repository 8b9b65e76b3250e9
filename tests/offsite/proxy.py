"""A proxy in front of an S3 server that records requests and injects faults."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
import ssl

import aiohttp
from aiohttp import web
from yarl import URL

from tests.simulators.web_server import web_server

type Fault = Callable[[web.Request], Awaitable[web.StreamResponse | None]]
"""Answers a request instead of the server, or lets it pass with None."""

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class S3Proxy:
    """Forwards to a server; ``fault`` may answer first, ``down`` breaks off all."""

    def __init__(self, target: str) -> None:
        self.target = URL(target)
        self.url = ""
        self.down = False
        self.fault: Fault | None = None
        self.requests: list[tuple[str, str]] = []
        self._client: aiohttp.ClientSession | None = None

    def puts(self) -> list[str]:
        """Return the paths of all PUT requests for captures, in their order."""
        return [
            path
            for method, path in self.requests
            if method == "PUT" and "/_hikvision_nvr/" not in path
        ]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self.down:
            assert request.transport is not None
            request.transport.abort()
            return web.Response(status=503)
        self.requests.append((request.method, request.path_qs))
        # Unread, it would keep the connection of an answer that a fault gives.
        await request.read()
        if self.fault is not None:
            answer = await self.fault(request)
            if answer is not None:
                return answer
        return await self.forward(request)

    async def forward(self, request: web.Request) -> web.StreamResponse:
        assert self._client is not None
        url = self.target.with_path(request.rel_url.raw_path, encoded=True)
        url = url.with_query(None)
        full = URL(
            f"{url}?{request.rel_url.raw_query_string}"
            if request.rel_url.raw_query_string
            else str(url),
            encoded=True,
        )
        async with self._client.request(
            request.method,
            full,
            headers=request.headers,
            data=await request.read(),
            skip_auto_headers=["Content-Type"],
            allow_redirects=False,
        ) as answer:
            headers = {
                name: value
                for name, value in answer.headers.items()
                if name.lower() not in _HOP_BY_HOP
            }
            if request.method == "HEAD":
                headers["Content-Length"] = answer.headers.get("Content-Length", "0")
            return web.Response(
                status=answer.status, headers=headers, body=await answer.read()
            )

    @asynccontextmanager
    async def run(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[S3Proxy]:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self.handle)
        async with (
            web_server(app, tls=tls) as port,
            aiohttp.ClientSession(auto_decompress=False) as self._client,
        ):
            self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
            yield self
