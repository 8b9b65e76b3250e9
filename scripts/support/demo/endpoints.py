"""Writes down where everything is, for those who drive the demo from outside."""

import json
import os
from pathlib import Path
from typing import Any

from .plan import (
    ACCESS_KEY_ID,
    BUCKET,
    PASSWORD,
    REGION,
    SECRET_ACCESS_KEY,
    USERNAME,
    Plan,
)
from .ports import HOST


def endpoints(
    plan: Plan,
    token: str,
    s3_url: str,
    rtsp: list[str],
    accounts: list[dict[str, str]],
) -> dict[str, Any]:
    """Return all addresses and accounts."""
    return {
        "ha": {
            "url": plan.url,
            "token": token,
            "username": USERNAME,
            "password": PASSWORD,
        },
        "ftp": {
            "host": HOST,
            "port": plan.ftp_port,
            "cameras": accounts,
        },
        "s3": {
            "endpoint_url": s3_url,
            "region": REGION,
            "bucket": BUCKET,
            "access_key_id": ACCESS_KEY_ID,
            "secret_access_key": SECRET_ACCESS_KEY,
        },
        "rtsp": rtsp,
        "devices": [
            {
                "name": camera.name,
                "serial": camera.serial,
                "url": f"http://{HOST}:{camera.http_port}",
                "username": camera.rtsp_username,
                "password": camera.rtsp_password,
            }
            for camera in plan.cameras
        ],
    }


def write(path: Path, content: Any) -> None:
    """Write a file that never shows up half written, for its owner's eyes."""
    unfinished = path.with_suffix(".part")
    unfinished.touch(mode=0o600)
    unfinished.write_text(json.dumps(content, indent=2) + "\n")
    os.replace(unfinished, path)


def known_token(path: Path) -> str | None:
    """Return the token of an earlier start."""
    try:
        token: str = json.loads(path.read_text())["ha"]["token"]
    except OSError, ValueError, KeyError:
        return None
    return token
