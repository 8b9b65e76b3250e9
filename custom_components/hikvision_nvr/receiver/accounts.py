"""The upload accounts: one for each camera, and no other way in."""

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
import hmac
import logging
import secrets

from ..model import Camera, Security
from .addresses import parse_address
from .passwords import hash_password, verify_password

_LOGGER = logging.getLogger(__name__)


class Accounts:
    """Checks user names and passwords, at the same cost whether or not they exist."""

    def __init__(self, cameras: Iterable[Camera]) -> None:
        """Let these cameras in (blocking, some 50 ms)."""
        self._cameras = {camera.username: camera for camera in cameras}
        self._plain_addresses = {
            camera.address
            for camera in self._cameras.values()
            if camera.security is Security.PLAIN
        }
        self._nobody = hash_password(secrets.token_hex())
        # One at a time: each check costs 8 MiB and a core, and guessing must not
        # starve the cameras.
        self._checker = ThreadPoolExecutor(1, "hikvision_nvr-passwords")
        self._key = secrets.token_bytes(32)
        self._known: dict[str, bytes] = {}

    def close(self) -> None:
        """End the thread that checks."""
        self._checker.shutdown()

    def may_be_plain(self, peer: str) -> bool:
        """Tell whether some camera at this address may log in without encryption."""
        return str(parse_address(peer)) in self._plain_addresses

    async def check(
        self, username: str, password: str, *, peer: str, encrypted: bool
    ) -> Camera | None:
        """Return the camera that may log in with this from there, or None."""
        camera = self._cameras.get(username)
        if not await self._fits(camera, username, password) or camera is None:
            return None
        if camera.address is not None and camera.address != str(parse_address(peer)):
            _LOGGER.warning(
                "%s: right password from %s, but the account is bound to %s",
                camera.name,
                peer,
                camera.address,
            )
            return None
        if not encrypted and camera.security is not Security.PLAIN:
            return None
        return camera

    async def _fits(self, camera: Camera | None, username: str, password: str) -> bool:
        # A camera may log in for each file: after the first time a keyed hash in
        # memory, worthless outside this process, answers in microseconds.
        tag = hmac.digest(self._key, f"{username}\0{password}".encode(), sha256)
        known = self._known.get(username)
        if known and hmac.compare_digest(known, tag):
            return True
        expected = self._nobody if camera is None else camera.password_hash
        fits = await asyncio.get_running_loop().run_in_executor(
            self._checker, verify_password, password, expected
        )
        if camera is not None and fits:
            self._known[username] = tag
        return fits
