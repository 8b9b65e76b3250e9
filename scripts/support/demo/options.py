"""The demo's command line."""

import argparse
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user asked for. A port of None is the demo's choice, 0 any free one.

    ``package`` is the archive of a release to install, None for the repository itself.
    """

    root: Path
    state: Path
    headless: bool
    quiet: bool
    http_port: int | None
    ftp_port: int | None
    package: Path | None


def _port(text: str) -> int:
    """Read a port number."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise ValueError
    return number


def read_options(root: Path, arguments: list[str]) -> Options:
    """Read the command line; it ends the program for --help and for mistakes."""
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="Start a real Home Assistant with this integration, two simulated "
        "cameras and an S3 service, all on this machine only.",
    )
    parser.add_argument("--headless", action="store_true", help="do not open a browser")
    parser.add_argument(
        "--quiet",
        action="store_true",
        help="the cameras upload nothing by themselves, so that a test can",
    )
    parser.add_argument(
        "--state",
        metavar="DIR",
        type=Path,
        default=root / ".demo",
        help="where everything is kept between two starts (default: .demo)",
    )
    parser.add_argument(
        "--http-port",
        metavar="N",
        type=_port,
        help="Home Assistant's port (default: 8123 or the next best; 0: any)",
    )
    parser.add_argument(
        "--ftp-port",
        metavar="N",
        type=_port,
        help="the receiver's port (default: 2121 or the next best; 0: any)",
    )
    parser.add_argument(
        "--package",
        metavar="ZIP",
        type=Path,
        help="install what scripts/release has built, instead of this repository",
    )
    found = parser.parse_args(arguments)
    return Options(
        root=root,
        state=found.state.expanduser().resolve(),
        headless=found.headless,
        quiet=found.quiet,
        http_port=found.http_port,
        ftp_port=found.ftp_port,
        package=found.package,
    )
