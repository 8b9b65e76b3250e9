"""Runs a receiver alone, for tests, benchmarks and a look at what a camera sends.

``python -m custom_components.hikvision_nvr.receiver --help``
"""

import argparse
import asyncio
from datetime import datetime
import logging
from pathlib import Path
import signal
import sys

from ..camera_activity import CameraActivity
from ..errors import RecorderError
from ..intake import Intake
from ..model import (
    Brand,
    Camera,
    Capture,
    CertificateSettings,
    Detection,
    ReceiverSettings,
    Security,
    SftpSettings,
)
from ..store import Store, camera_folder
from .passwords import hash_password
from .receiver import Receiver


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m custom_components.hikvision_nvr.receiver",
        description="Receive files of cameras by FTPS or SFTP and keep them in a folder.",
    )
    parser.add_argument("folder", type=Path, help="where files and state are kept")
    parser.add_argument(
        "--account",
        action="append",
        required=True,
        metavar="USER:PASSWORD",
        help="an upload account; may be given more than once",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=2121)
    parser.add_argument(
        "--no-ftps", action="store_true", help="serve nothing by FTPS, only SFTP"
    )
    parser.add_argument("--sftp-port", type=int, help="port for SFTP")
    parser.add_argument("--implicit-port", type=int, help="port for implicit TLS")
    parser.add_argument(
        "--passive-ports",
        default="50000-50049",
        metavar="FIRST-LAST",
        help="ports for data connections",
    )
    parser.add_argument(
        "--plain-from",
        metavar="ADDRESS",
        help="let the accounts log in without encryption from this address",
    )
    parser.add_argument("-v", "--verbose", action="store_true")
    return parser.parse_args()


def _cameras(arguments: argparse.Namespace) -> list[Camera]:
    cameras = []
    for account in arguments.account:
        username, _, password = account.partition(":")
        folder = camera_folder(username)
        cameras.append(
            Camera(
                id=folder,
                name=username,
                folder=folder,
                brand=Brand.AUTO,
                username=username,
                password_hash=hash_password(password),
                security=Security.PLAIN if arguments.plain_from else Security.FTPS,
                address=arguments.plain_from,
            )
        )
    return cameras


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _on_detection(detection: Detection) -> None:
    _say(f"detection {detection.camera_id} {detection.type} {detection.file_name}")


def _on_capture(capture: Capture) -> None:
    _say(f"capture {capture.relative_path} {capture.size} {capture.sha256}")


async def _serve(arguments: argparse.Namespace, cameras: list[Camera]) -> None:
    zone = datetime.now().astimezone().tzinfo
    assert zone is not None
    folder: Path = arguments.folder
    first, _, last = arguments.passive_ports.partition("-")
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    store = Store(
        folder / "media",
        folder / "state" / "catalogue.sqlite",
        time_zone=zone,
        offsite=False,
    )
    activity = CameraActivity(cameras, store.changed)
    intake = Intake(
        store,
        cameras,
        activity,
        time_zone=zone,
        on_detection=_on_detection,
        on_capture=_on_capture,
    )
    receiver = Receiver(
        ReceiverSettings(
            host=arguments.host,
            port=None if arguments.no_ftps else arguments.port,
            implicit_port=arguments.implicit_port,
            passive_ports=(int(first), int(last or first)),
            certificate=CertificateSettings(
                certificate=folder / "state" / "certificate.pem",
                private_key=folder / "state" / "private_key.pem",
                generate=True,
                host_names=("localhost", "127.0.0.1"),
            ),
            sftp=None
            if arguments.sftp_port is None
            else SftpSettings(port=arguments.sftp_port, host_keys=folder / "state"),
        ),
        cameras,
        store,
        intake,
    )
    await store.open()
    try:
        await store.recover(intake.describe)
        await receiver.start()
        try:
            if arguments.sftp_port is not None:
                _say(f"SFTP listening on {arguments.host} port {receiver.sftp_port}")
            if not arguments.no_ftps:
                _say(f"listening on {arguments.host} port {receiver.port}")
            await stopping.wait()
        finally:
            await receiver.stop()
            await intake.drain()
    finally:
        await store.close()


def main() -> int:
    """Run until SIGINT or SIGTERM; returns the exit status."""
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO if arguments.verbose else logging.WARNING)
    try:
        asyncio.run(_serve(arguments, _cameras(arguments)))
    except (RecorderError, ValueError) as err:
        sys.stderr.write(f"error: {err}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
