"""A receiver on loopback, as the receiver's own tests have it."""

from collections.abc import Callable
from dataclasses import replace
import socket

import pytest

from tests.receiver.conftest import (  # noqa: F401
    HOST,
    QUICK,
    MakeSite,
    _sockets,
    login,
    make_site,
    passive_port,
    run,
    site,
)

from .tls_probe import Answer, ask

type Prober = Callable[[bytes], Answer]
"""Sends a first message on a new connection and returns the answer (blocking)."""


@pytest.fixture(params=["explicit", "implicit", "data"])
async def prober(request: pytest.FixtureRequest, make_site: MakeSite) -> Prober:  # noqa: F811
    """Each place where the receiver speaks TLS: AUTH TLS, the implicit port, data."""
    # A scan is banned after a dozen of its questions, and here asks them all.
    found = await make_site(implicit_port=0, limits=replace(QUICK, ban_score=10**6))

    def explicit(message: bytes) -> Answer:
        with socket.create_connection((HOST, found.port), timeout=20) as connection:
            assert connection.recv(4096).startswith(b"220")
            connection.sendall(b"AUTH TLS\r\n")
            assert connection.recv(4096).startswith(b"234")
            return ask(connection, message)

    def implicit(message: bytes) -> Answer:
        address = (HOST, found.receiver.implicit_port)
        with socket.create_connection(address, timeout=20) as connection:
            return ask(connection, message)

    def data(message: bytes) -> Answer:
        client = login(found.port)
        try:
            port = passive_port(client.sendcmd("EPSV"))
            with socket.create_connection((HOST, port), timeout=20) as connection:
                client.putcmd("STOR probe.jpg")
                return ask(connection, message)
        finally:
            client.close()

    return {"explicit": explicit, "implicit": implicit, "data": data}[request.param]
