"""A data connection that nobody wants any more is closed, whenever that turns out."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
import gc
import ssl
from typing import Any

import pytest

from custom_components.hikvision_nvr.receiver import data_source
from custom_components.hikvision_nvr.receiver.data_connection import DataConnection
from custom_components.hikvision_nvr.receiver.data_source import PassivePorts

from .conftest import HOST


async def answer_to_a_call(port: int) -> bytes:
    """Connect, and return what comes before the end of the connection."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        async with asyncio.timeout(5):
            with suppress(ConnectionResetError):
                return await reader.read()
        return b""
    finally:
        writer.close()


def when_called(monkeypatch: pytest.MonkeyPatch, then: Callable[[], object]) -> None:
    """Do something right after a call was taken, before anybody hears of it."""

    def take(*call: Any) -> DataConnection:
        asyncio.get_running_loop().call_soon(then)
        return DataConnection(*call)

    monkeypatch.setattr(data_source, "DataConnection", take)


async def test_closed_in_the_moment_of_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listener = PassivePorts([0]).listen(HOST, HOST, None)
    when_called(monkeypatch, listener.close)
    assert await answer_to_a_call(listener.port) == b""
    # A connection that was only forgotten is reported when it is collected.
    gc.collect()


async def test_given_up_in_the_moment_of_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: faults.append(context)
    )
    listener = PassivePorts([0]).listen(HOST, HOST, None)
    waiting = asyncio.create_task(listener.accept(5))
    await asyncio.sleep(0)
    when_called(monkeypatch, waiting.cancel)
    answer = asyncio.create_task(answer_to_a_call(listener.port))
    with pytest.raises(asyncio.CancelledError):
        await waiting
    listener.close()
    assert await answer == b""
    gc.collect()
    assert faults == []


async def test_handshake_that_fails_and_that_nobody_waits_for() -> None:
    """A camera that speaks no TLS, and asks for another port at once."""
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: faults.append(context)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    listener = PassivePorts([0]).listen(HOST, HOST, context)
    reader, writer = await asyncio.open_connection(HOST, listener.port)
    writer.write(b"no TLS at all\r\n")
    async with asyncio.timeout(5):
        with suppress(ConnectionResetError):
            await reader.read()
    writer.close()
    listener.close()
    del listener
    await asyncio.sleep(0)
    gc.collect()
    assert faults == []
