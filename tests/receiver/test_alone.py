"""The receiver alone: what it says of what a camera sends, and how it ends."""

import hashlib
import io
import os
from pathlib import Path
import queue
import signal
import socket
import sys
import threading

import pytest

from custom_components.hikvision_nvr.receiver import __main__ as alone

from .conftest import HOST, JPEG, PASSWORD, USERNAME, login, plain_login

NAME = "10.0.0.77_01_20251119124208101_MOTION_DETECTION.jpg"


class Said(io.StringIO):
    """A stdout whose lines can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def write(self, text: str) -> int:
        for line in text.splitlines():
            self.lines.put(line)
        return super().write(text)


def call(monkeypatch: pytest.MonkeyPatch, folder: Path, *options: str) -> None:
    """Let its command line be this one."""
    arguments = ["receiver", str(folder), "--account", f"{USERNAME}:{PASSWORD}"]
    monkeypatch.setattr(sys, "argv", [*arguments, "--passive-ports", "0", *options])


@pytest.mark.parametrize("plain", [False, True])
def test_it_tells_of_what_was_delivered_and_ends_when_it_is_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plain: bool
) -> None:
    options = ("--plain-from", HOST) if plain else ("--sftp-port", "0")
    call(monkeypatch, tmp_path / "alone", "--port", "0", *options)
    said = Said()
    monkeypatch.setattr(sys, "stdout", said)
    answers = []

    def deliver() -> None:
        while not (line := said.lines.get(timeout=60)).startswith("listening on"):
            pass
        try:
            port = int(line.rsplit(" ", 1)[1])
            client = plain_login(port) if plain else login(port)
            answers.append(client.storbinary(f"STOR {NAME}", io.BytesIO(JPEG)))
            client.quit()
        finally:
            # It has taken the signal over before it says that it listens.
            os.kill(os.getpid(), signal.SIGTERM)

    camera = threading.Thread(target=deliver)
    camera.start()
    status = alone.main()
    camera.join()
    assert status == 0
    assert answers[0].startswith("226")
    path = f"{USERNAME}/2025-11-19/{NAME}"
    digest = hashlib.sha256(JPEG).hexdigest()
    text = said.getvalue()
    assert f"detection {USERNAME} motion {NAME}\n" in text
    assert f"capture {path} {len(JPEG)} {digest}\n" in text
    assert ("SFTP listening on" in text) != plain
    assert (tmp_path / "alone" / "media" / path).read_bytes() == JPEG
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_what_keeps_it_from_starting_is_said_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        call(monkeypatch, tmp_path / "alone", "--port", str(port))
        assert alone.main() == 1
    assert capsys.readouterr().err == f"error: Port {port} is used by another program\n"
    call(monkeypatch, tmp_path / "alone", "--port", "0", "--passive-ports", "many")
    assert alone.main() == 1
    assert capsys.readouterr().err.startswith("error: ")
    monkeypatch.setattr(sys, "argv", ["receiver", str(tmp_path)])
    with pytest.raises(SystemExit):
        alone.main()
    assert "--account" in capsys.readouterr().err
