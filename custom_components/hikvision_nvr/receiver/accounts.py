"""The upload accounts: one for each camera, and no other way in."""

import asyncio
from collections.abc import Iterable
from hashlib import sha256
import hmac
import secrets

from ..model import Camera
from .passwords import hash_password, verify_password

_PARALLEL_CHECKS = 2
"""Each check costs 16 MiB and a core: guessing must not starve the cameras."""


class Accounts:
    """Checks user names and passwords, at the same cost whether or not they exist."""

    def __init__(self, cameras: Iterable[Camera]) -> None:
        """Let these cameras in (blocking, some 50 ms)."""
        self._cameras = {camera.username: camera for camera in cameras}
        self._nobody = hash_password(secrets.token_hex())
        self._checks = asyncio.Semaphore(_PARALLEL_CHECKS)
        self._key = secrets.token_bytes(32)
        self._known: dict[str, bytes] = {}

    async def check(self, username: str, password: str) -> Camera | None:
        """Return the camera that may log in with this, or None."""
        camera = self._cameras.get(username)
        # A camera may log in for each file: after the first time a keyed hash in
        # memory, worthless outside this process, answers in microseconds.
        tag = hmac.digest(self._key, f"{username}\0{password}".encode(), sha256)
        known = self._known.get(username)
        if camera is not None and known and hmac.compare_digest(known, tag):
            return camera
        expected = self._nobody if camera is None else camera.password_hash
        async with self._checks:
            fits = await asyncio.to_thread(verify_password, password, expected)
        if camera is None or not fits:
            return None
        self._known[username] = tag
        return camera
