"""Requests are signed as AWS does, and answers are read as they are defined."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from custom_components.hikvision_nvr.offsite.http import (
    MOST_BODY,
    Answer,
    BadAnswerError,
    Connections,
)
from custom_components.hikvision_nvr.offsite.sender import _fields, headers_of
from custom_components.hikvision_nvr.offsite.signature import Signer, encoded_path

HEAD = b"PUT /k HTTP/1.1\r\nhost: h\r\n\r\n"


def test_signature_is_that_of_the_example_in_the_s3_reference() -> None:
    signer = Signer(
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "us-east-1",
    )
    signed = signer.signed(
        "PUT",
        encoded_path("/test$file.text"),
        {},
        {
            "host": "examplebucket.s3.amazonaws.com",
            "date": "Fri, 24 May 2013 00:00:00 GMT",
            "x-amz-storage-class": "REDUCED_REDUNDANCY",
        },
        sha256(b"Welcome to Amazon S3.").hexdigest(),
        datetime(2013, 5, 24, tzinfo=UTC),
    )
    assert signed["authorization"].endswith(
        "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
    )
    assert "wJalr" not in repr(signer) + str(vars(signer).keys())


def test_a_header_cannot_be_smuggled() -> None:
    with pytest.raises(ValueError, match="line break"):
        _fields(headers_of({"Metadata": {"camera": "a\r\nx-amz-acl: public-read"}}))


@asynccontextmanager
async def answering(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[Connections]:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    connections = Connections(*server.sockets[0].getsockname(), None)
    try:
        yield connections
    finally:
        await connections.close()
        server.close()


async def ask(connections: Connections, *, bodiless: bool = False) -> Answer:
    async with asyncio.timeout(5):
        return await connections.request(
            HEAD, bodiless=bodiless, chunks=None, asks=False
        )


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (OK + b"Content-Length: 5\r\n\r\nhello", b"hello"),
        (OK + b"content-length:0\r\n\r\n", b""),
        (
            OK
            + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
            b"hello",
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\nx", b"x"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (OK + b"\r\nuntil the end", b"until the end"),
    ],
)
@pytest.mark.parametrize("step", [1, 1000])
async def test_an_answer_is_read_however_it_comes(
    raw: bytes, body: bytes, step: int
) -> None:
    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for start in range(0, len(raw), step):
            writer.write(raw[start : start + step])
            await asyncio.sleep(0)
        writer.write_eof()

    async with answering(answer) as connections:
        assert (await ask(connections)).body == body


@pytest.mark.parametrize(
    "raw",
    [
        b"220 ready\r\n\r\n",
        b"HTTP/2 200\r\n\r\n" * 2,
        OK + b"no header\r\n\r\n",
        OK + b"content-length: many\r\n\r\n",
        OK + f"content-length: {MOST_BODY + 1}\r\n\r\n".encode(),
        OK + b"x: " + b"y" * (1 << 17),
        OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\n-ff\r\n",
        OK + b"content-length: 5\r\n\r\nhel",
        OK,
        b"",
    ],
)
async def test_what_is_no_whole_answer_is_an_error(raw: bytes) -> None:
    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        writer.write_eof()

    async with answering(answer) as connections:
        with pytest.raises((BadAnswerError, ConnectionError)):
            await ask(connections)


async def test_connections_are_kept_and_those_that_were_closed_are_not() -> None:
    opened = 0

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        nonlocal opened
        opened += 1
        for _ in range(3):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK + b"content-length: 7\r\n\r\n")
        writer.close()

    async with answering(answer) as connections:
        for _ in range(3):
            assert (await ask(connections, bodiless=True)).status == 200
        assert opened == 1
        # Whether or not its end has been noticed already.
        assert (await ask(connections, bodiless=True)).status == 200
        assert opened == 2


async def test_a_body_is_not_sent_to_whom_does_not_want_it() -> None:
    read = b""

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        nonlocal read
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
        read = await reader.read()
        writer.close()

    async def chunks() -> AsyncIterator[memoryview]:
        yield memoryview(b"body")

    async with answering(answer) as connections:
        async with asyncio.timeout(5):
            got = await connections.request(
                HEAD, bodiless=False, chunks=chunks, asks=True
            )
        assert got.status == 403
    await asyncio.sleep(0)
    assert read == b""
