"""The FTPS server: aioftp listens, the sessions are our own.

A session reads a line, carries it out and reads the next. Everything a camera can ask
for is in the tables of the neighbouring modules.
"""

import asyncio
import logging
import re
from typing import override

import aioftp

from . import data_port, dialogue, directory, login, transfer
from .accepting import stop_accepting
from .control_connection import ControlConnection
from .dialogue import Command
from .encodings import decode_name
from .guard import Verdict
from .session import Services, Session

_LOGGER = logging.getLogger(__name__)

_TELNET_COMMAND = re.compile(rb"\xff[\xf0-\xfe]")

_GONE, _TOO_LONG, _TIMED_OUT, _UNKNOWN = "is gone", "too long", "timed out", "not known"
"""Events that are handled like commands; no client can send a verb with a space."""

_DURING_TRANSFER = frozenset({"abor", "noop", "stat"})
"""Commands that do not wait for the transfer before them."""


def _after_login(command: Command) -> Command:
    async def run(session: Session, argument: str) -> bool:
        if session.camera is None:
            return await dialogue.login_first(session, argument)
        return await command(session, argument)

    return run


_OPEN_COMMANDS: dict[str, Command] = {
    **login.COMMANDS,
    **dialogue.COMMANDS,
    _GONE: dialogue.gone,
    _TOO_LONG: dialogue.too_long,
    _TIMED_OUT: dialogue.timed_out,
    _UNKNOWN: dialogue.unknown,
}
_LOGIN_COMMANDS: dict[str, Command] = {
    **data_port.COMMANDS,
    **directory.COMMANDS,
    **transfer.COMMANDS,
}
_COMMANDS = _OPEN_COMMANDS | {
    verb: _after_login(command) for verb, command in _LOGIN_COMMANDS.items()
}


class FtpServer(aioftp.Server):
    """Serves upload sessions on one port."""

    def __init__(self, services: Services, *, implicit_tls: bool = False) -> None:
        """Let the sessions use these services; TLS begins at once if implicit."""
        super().__init__()
        self._services = services
        self._implicit_tls = implicit_tls
        self._dispatchers: set[asyncio.Task[None]] = set()

    async def listen(self, host: str, port: int) -> None:
        """Start serving. Raises OSError when the port is taken."""
        await self.start(host or None, port)

    @override
    async def close(self) -> None:
        await stop_accepting(self.server)
        self.server.close()
        for dispatcher in self._dispatchers:
            dispatcher.cancel()
        if self._dispatchers:
            await asyncio.wait(self._dispatchers)
        # A client that does not answer the end of TLS must not hold up the stop.
        self.server.abort_clients()
        await self.server.wait_closed()

    @property
    def port(self) -> int:
        """The port that is served."""
        return int(self.server.sockets[0].getsockname()[1])

    @override
    async def dispatcher(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._dispatchers.add(task)
        task.add_done_callback(self._dispatchers.discard)
        guard = self._services.guard
        assert isinstance(writer.transport, asyncio.Transport)
        # At once: nothing may be read before it has taken over.
        control = ControlConnection(writer.transport)
        peer = str((writer.get_extra_info("peername") or ("",))[0])
        verdict = guard.admit(peer)
        if verdict is not Verdict.ADMITTED:
            _turn_away(control, verdict)
            return
        session = Session(
            services=self._services,
            control=control,
            peer=peer,
            local=str(writer.get_extra_info("sockname")[0]),
            started=asyncio.get_running_loop().time(),
            protected=self._implicit_tls,
        )
        try:
            # Not the listener's own TLS: that would begin before the guard is asked,
            # and keep a certificate that has since been renewed.
            if not self._implicit_tls or await login.start_tls(session):
                await self._converse(session)
        finally:
            await session.close()
            camera = session.camera
            if camera is not None:
                guard.exit(camera.id)
            guard.leave(peer, was_used=camera is not None)
            control.close()

    async def _converse(self, session: Session) -> None:
        session.reply(220, "Welcome.")
        goes_on = True
        while goes_on:
            verb, argument = await self._next_command(session)
            if verb not in _DURING_TRANSFER:
                await session.transfer_done()
            try:
                goes_on = await _COMMANDS[verb](session, argument)
            except Exception:
                _LOGGER.exception("%s: %s failed", session.name, verb)
                session.reply(451, "The command failed.")
            try:
                await session.control.drain(self._services.limits.idle_time)
            except TimeoutError:
                _LOGGER.info("%s does not take its replies", session.name)
                session.control.abort()
                return

    async def _next_command(self, session: Session) -> tuple[str, str]:
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
        text = decode_name(_TELNET_COMMAND.sub(b"", line)).rstrip("\r\n")
        verb, _, argument = text.partition(" ")
        verb = verb.casefold()
        return (verb if verb in _COMMANDS else _UNKNOWN), argument

    async def _read_line(self, session: Session) -> bytes:
        limits = self._services.limits
        while True:
            timeout = limits.idle_time
            if session.camera is None:
                age = asyncio.get_running_loop().time() - session.started
                timeout = max(0.0, limits.login_time - age)
            try:
                return await session.control.read_line(timeout)
            except TimeoutError:
                # A transfer that takes longer than the idle time is not idle.
                if session.transfer is None or session.transfer.done():
                    raise


def _turn_away(control: ControlConnection, verdict: Verdict) -> None:
    if verdict is Verdict.TOO_MANY:
        control.write(b"421 Too many connections, try again later.\r\n")
        control.close()
    else:
        control.abort()
