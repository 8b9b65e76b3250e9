"""The upload accounts: one for each camera, and no other way in."""

import asyncio
from base64 import b64decode
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
import hmac
import logging
import secrets

from ..model import Camera, Security
from .addresses import parse_address
from .passwords import hash_of_nothing, verify_password

_LOGGER = logging.getLogger(__name__)

_KEY_KINDS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
)


class Accounts:
    """Checks user names and passwords, at the same cost whether or not they exist."""

    def __init__(self, cameras: Iterable[Camera]) -> None:
        """Let these cameras in."""
        self._cameras = {camera.username: camera for camera in cameras}
        self._plain_addresses = {
            camera.address
            for camera in self._cameras.values()
            if camera.security is Security.PLAIN
        }
        self._nobody = hash_of_nothing()
        # One at a time: each check costs 8 MiB and a core, and guessing must not
        # starve the cameras.
        self._checker = ThreadPoolExecutor(1, "hikvision_nvr-passwords")
        self._key = secrets.token_bytes(32)
        self._known: dict[str, bytes] = {}

    def admit(self, camera: Camera) -> None:
        """Let a camera in as well, or with other credentials than before."""
        self._cameras[camera.username] = camera
        self._known.pop(camera.username, None)
        if camera.security is Security.PLAIN:
            self._plain_addresses.add(camera.address)

    def dismiss(self, username: str) -> None:
        """Let nobody in by this name any more."""
        self._cameras.pop(username, None)
        self._known.pop(username, None)

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
        if not _may_come_from(camera, peer, "password"):
            return None
        if not encrypted and camera.security is not Security.PLAIN:
            return None
        return camera

    def check_key(self, username: str, key: bytes, *, peer: str) -> Camera | None:
        """Return the camera that may log in with this public key, or None.

        ``key`` is encoded as on the wire (RFC 4253, section 6.6). Whether the camera
        has its private half is not known yet.
        """
        camera = self._cameras.get(username)
        if camera is None or camera.public_key is None:
            return None
        if not hmac.compare_digest(key, parse_public_key(camera.public_key)):
            return None
        return camera if _may_come_from(camera, peer, "key") else None

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


def parse_public_key(text: str) -> bytes:
    """Return the key of a line such as ``ssh-ed25519 AAAA... name``.

    That is what OpenSSH writes into files that end with .pub. Raises ValueError.
    """
    kind, _, rest = text.strip().partition(" ")
    key = b64decode(rest.partition(" ")[0], validate=True)
    length = int.from_bytes(key[:4])
    if kind not in _KEY_KINDS or key[4 : 4 + length] != kind.encode():
        raise ValueError("Not the public key of SSH")
    if len(key) <= 4 + length:
        raise ValueError("The public key is cut off")
    return key


def _may_come_from(camera: Camera, peer: str, proof: str) -> bool:
    if camera.address is None or camera.address == str(parse_address(peer)):
        return True
    _LOGGER.warning(
        "%s: right %s from %s, but the account is bound to %s",
        camera.name,
        proof,
        peer,
        camera.address,
    )
    return False
