"""The FTPS server: aioftp's dispatcher with sessions of our own.

aioftp accepts connections, runs one task for each command and sends the replies in
order. Everything a camera can ask for is in the tables of the neighbouring modules.
"""

import asyncio
from collections.abc import Awaitable, Callable
import functools
import logging
import re
from typing import Any, override

import aioftp

from . import dialogue, directory, login, transfer
from .session import Services, Session

_LOGGER = logging.getLogger(__name__)

type Command = Callable[[Session, str], Awaitable[bool]]

_MAX_CONNECTIONS = 500
_MAX_LINE = 8192
_LOGIN_TIMEOUT = 60.0
"""Seconds from the connection to the login."""
_IDLE_TIMEOUT = 300.0
"""Seconds without a command or a transfer."""

_TELNET_COMMAND = re.compile(rb"\xff[\xf0-\xfe]")
_ENCODINGS = ("utf-8", "gb18030", "latin-1")
"""How cameras write names; Latin-1 reads everything."""

_GONE, _TOO_LONG, _TIMED_OUT, _UNKNOWN = "is gone", "too long", "timed out", "not known"
"""Events that are handled like commands; no client can send a verb with a space."""

_OPEN_COMMANDS: dict[str, Command] = {
    **login.COMMANDS,
    **dialogue.COMMANDS,
    _GONE: dialogue.gone,
    _TOO_LONG: dialogue.too_long,
    _TIMED_OUT: dialogue.timed_out,
    _UNKNOWN: dialogue.unknown,
}
_LOGIN_COMMANDS: dict[str, Command] = {**directory.COMMANDS, **transfer.COMMANDS}
_DURING_TRANSFER = frozenset({"abor", "noop", "stat"})
"""Commands that do not wait for the transfer before them."""


class FtpServer(aioftp.Server):
    """Serves upload sessions."""

    def __init__(self, services: Services) -> None:
        """Let the sessions use these services."""
        super().__init__(maximum_connections=_MAX_CONNECTIONS)
        self._services = services
        self._sessions: dict[asyncio.StreamWriter, Session] = {}
        commands = _OPEN_COMMANDS | {
            verb: _after_login(command) for verb, command in _LOGIN_COMMANDS.items()
        }
        self.commands_mapping = {
            verb: functools.partial(self._run, verb, command)
            for verb, command in commands.items()
        }

    async def listen(self, host: str, port: int) -> None:
        """Start serving. Raises OSError when the port is taken."""
        await self.start(host or None, port, limit=_MAX_LINE)

    @override
    async def close(self) -> None:
        self.server.close()
        writers = [stream.writer for stream in self.connections]
        dispatchers = {
            connection._dispatcher for connection in self.connections.values()
        }
        for dispatcher in dispatchers:
            dispatcher.cancel()
        if dispatchers:
            await asyncio.wait(dispatchers)
        # A client that does not answer the end of TLS must not hold up the stop.
        for writer in writers:
            writer.transport.abort()
        await self.server.wait_closed()

    @property
    def port(self) -> int:
        """The port that is served."""
        return int(self.server.sockets[0].getsockname()[1])

    @override
    async def dispatcher(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            await super().dispatcher(reader, writer)
        finally:
            session = self._sessions.pop(writer, None)
            if session is not None:
                await session.close()

    @override
    async def greeting(self, connection: aioftp.Connection, rest: Any) -> bool:
        welcome = await super().greeting(connection, rest)
        self._session(connection.command_connection).ready.set()
        return welcome

    @override
    async def parse_command(
        self, stream: aioftp.StreamIO, censor_commands: Any = ()
    ) -> tuple[str, str]:
        session = self._session(stream)
        await session.ready.wait()
        session.ready.clear()
        try:
            line = await self._read_line(session)
        except TimeoutError:
            return _TIMED_OUT, ""
        except ValueError:
            return _TOO_LONG, ""
        except OSError:
            return _GONE, ""
        if not line:
            return _GONE, ""
        text = _decode(_TELNET_COMMAND.sub(b"", line)).rstrip("\r\n")
        verb, _, argument = text.partition(" ")
        verb = verb.casefold()
        if verb not in self.commands_mapping:
            verb = _UNKNOWN
        return verb, argument

    @override
    async def write_response(
        self, stream: aioftp.StreamIO, code: str, lines: Any = "", list: bool = False
    ) -> None:
        *body, tail = lines if not isinstance(lines, str) else (lines,)
        reply = [f"{code}-{body[0]}"] if body else []
        reply += body[1:]
        reply.append(f"{code} {tail}")
        # A client that does not wait for its answer is no error of ours.
        try:
            stream.writer.write("".join(f"{line}\r\n" for line in reply).encode())
            await stream.writer.drain()
        except OSError as err:
            _LOGGER.debug("Reply %s could not be sent: %s", code, err)

    def _session(self, stream: aioftp.StreamIO) -> Session:
        session = self._sessions.get(stream.writer)
        if session is None:
            connection = self.connections[stream]
            session = Session(
                services=self._services,
                stream=stream,
                peer=connection.client_host,
                local=connection.server_host,
                respond=connection.response,
                started=asyncio.get_running_loop().time(),
            )
            self._sessions[stream.writer] = session
        return session

    async def _read_line(self, session: Session) -> bytes:
        while True:
            timeout = _IDLE_TIMEOUT
            if session.camera is None:
                age = asyncio.get_running_loop().time() - session.started
                timeout = max(0.0, _LOGIN_TIMEOUT - age)
            try:
                async with asyncio.timeout(timeout):
                    return await session.stream.reader.readline()
            except TimeoutError:
                # A transfer that takes longer than the idle time is not idle.
                if session.transfer is None or session.transfer.done():
                    raise

    async def _run(
        self, verb: str, command: Command, connection: aioftp.Connection, argument: str
    ) -> bool:
        session = self._session(connection.command_connection)
        try:
            if verb not in _DURING_TRANSFER:
                await session.transfer_done()
            return await command(session, argument)
        except Exception:
            _LOGGER.exception("%s: %s failed", session.name, verb)
            session.reply(451, "The command failed.")
            return True
        finally:
            session.ready.set()


def _after_login(command: Command) -> Command:
    async def run(session: Session, argument: str) -> bool:
        if session.camera is None:
            return await dialogue.login_first(session, argument)
        return await command(session, argument)

    return run


def _decode(line: bytes) -> str:
    for encoding in _ENCODINGS[:-1]:
        try:
            return line.decode(encoding)
        except UnicodeDecodeError:
            continue
    return line.decode(_ENCODINGS[-1])
