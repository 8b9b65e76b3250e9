"""An aiohttp server of a test that leaves nothing open."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import ssl

from aiohttp import web
from aiohttp.typedefs import Handler

from custom_components.hikvision_nvr.receiver.accepting import stop_accepting


@asynccontextmanager
async def web_server(
    application: web.Application,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """Serve an application; yield the port."""
    at_work: set[asyncio.Task[None]] = set()

    @web.middleware
    async def noted(request: web.Request, handler: Handler) -> web.StreamResponse:
        at_work.add(request.task)
        request.task.add_done_callback(at_work.discard)
        return await handler(request)

    application.middlewares.append(noted)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    assert runner.server is not None
    server = await asyncio.get_running_loop().create_server(
        runner.server, host, port, ssl=tls, reuse_address=True
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        await stop_accepting(server)
        server.close()
        await runner.cleanup()
        # aiohttp does not wait for clients that leave the end of TLS unanswered, and
        # a loop that is closed meanwhile leaves their sockets to the next test.
        server.abort_clients()
        await server.wait_closed()
        # What a client has left before it was answered aiohttp forgets, and goes on.
        for task in tuple(at_work):
            task.cancel()
        if at_work:
            await asyncio.wait(tuple(at_work))
