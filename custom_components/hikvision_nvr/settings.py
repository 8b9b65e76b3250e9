"""From what the owner entered to the values that the engine works with."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
import re
from typing import Any

from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.const import CONF_HOST
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .const import (
    CERTIFICATE_GENERATE,
    CONF_ACCESS_KEY_ID,
    CONF_ACTIVE_MODE,
    CONF_ALLOWED_NETWORKS,
    CONF_BIND_ADDRESS,
    CONF_BRAND,
    CONF_BUCKET,
    CONF_BURST_WINDOW,
    CONF_CERTIFICATE,
    CONF_CERTIFICATE_FILE,
    CONF_CHANNEL,
    CONF_ENDPOINT_URL,
    CONF_EXTERNAL_ADDRESS,
    CONF_FOLDER,
    CONF_FTPS_PORT,
    CONF_IMPLICIT_PORT,
    CONF_LISTEN_ADDRESS,
    CONF_NAME_TEMPLATE,
    CONF_PASSIVE_PORTS,
    CONF_PREFIX,
    CONF_PRIVATE_KEY_FILE,
    CONF_REGION,
    CONF_RTSP_PASSWORD,
    CONF_RTSP_PORT,
    CONF_RTSP_USERNAME,
    CONF_S3,
    CONF_SECRET_ACCESS_KEY,
    CONF_SECURITY,
    CONF_STORAGE_FOLDER,
    CONF_STORAGE_RESERVE,
    CONF_UPLOAD_PASSWORD_HASH,
    CONF_UPLOAD_USERNAME,
    DEFAULT_BURST_WINDOW,
    DEFAULT_STORAGE_RESERVE,
    DOMAIN,
    SUBENTRY_CAMERA,
)
from .model import (
    PRIVATE_NETWORKS,
    Brand,
    Camera,
    CertificateSettings,
    EngineSettings,
    ReceiverSettings,
    S3Settings,
    Security,
)
from .receiver.addresses import parse_address, parse_networks
from .recording.rtsp_url import rtsp_url

MIN_PASSIVE_PORTS = 4
"""Fewer would stall a camera that opens the next transfer before the last closes."""


def parse_passive_ports(text: str) -> tuple[int, int]:
    """Return the first and last port of a range such as 50000-50049.

    Raises ValueError when it is no range that the receiver can use.
    """
    first_text, _, last_text = text.replace(" ", "").partition("-")
    first, last = int(first_text), int(last_text)
    if first < 1024 or last > 65535 or last - first + 1 < MIN_PASSIVE_PORTS:
        raise ValueError(f"Unusable range of ports: {text}")
    return first, last


def parse_allowed_networks(text: str) -> tuple[str, ...]:
    """Return the networks in a list with commas, blanks or lines between them.

    An empty list means the private networks. Raises ValueError.
    """
    texts = tuple(filter(None, re.split(r"[\s,;]+", text)))
    return tuple(map(str, parse_networks(texts))) or PRIVATE_NETWORKS


def bound_address(camera: Mapping[str, Any]) -> str | None:
    """Return the only address that may use a camera's account, None for any.

    Raises ValueError when there must be one and the camera's host is a name.
    """
    if not camera.get(CONF_BIND_ADDRESS) and not is_plain(camera):
        return None
    return str(parse_address(camera[CONF_HOST]))


def is_plain(camera: Mapping[str, Any]) -> bool:
    """Return True for a camera that may deliver in clear."""
    return camera.get(CONF_SECURITY) == Security.PLAIN


def state_folder(hass: HomeAssistant, entry_id: str) -> Path:
    """Return the folder of a recorder's catalogue and generated certificate."""
    return Path(hass.config.path(".storage", DOMAIN, entry_id))


def engine_settings(
    hass: HomeAssistant, entry: ConfigEntry, host_names: tuple[str, ...]
) -> EngineSettings:
    """Return all that a recorder's engine needs."""
    state = state_folder(hass, entry.entry_id)
    return EngineSettings(
        storage_root=Path(entry.data[CONF_STORAGE_FOLDER]),
        state_folder=state,
        time_zone=dt_util.get_default_time_zone(),
        receiver=ReceiverSettings(
            host=entry.data.get(CONF_LISTEN_ADDRESS, ""),
            port=entry.data[CONF_FTPS_PORT],
            passive_ports=parse_passive_ports(entry.data[CONF_PASSIVE_PORTS]),
            certificate=_certificate_settings(entry.data, state, host_names),
            implicit_port=entry.data.get(CONF_IMPLICIT_PORT),
            external_address=entry.data.get(CONF_EXTERNAL_ADDRESS) or None,
            allowed_networks=parse_allowed_networks(
                entry.data.get(CONF_ALLOWED_NETWORKS, "")
            ),
        ),
        storage_reserve=(
            entry.data.get(CONF_STORAGE_RESERVE, DEFAULT_STORAGE_RESERVE) << 20
        ),
        s3=s3_settings(s3) if (s3 := entry.data.get(CONF_S3)) else None,
        cameras=tuple(
            _camera(subentry)
            for subentry in entry.get_subentries_of_type(SUBENTRY_CAMERA)
        ),
    )


def s3_settings(data: Mapping[str, Any]) -> S3Settings:
    """Return where a bucket is, from the values of the S3 form."""
    return S3Settings(
        endpoint_url=data.get(CONF_ENDPOINT_URL) or None,
        region=data[CONF_REGION],
        bucket=data[CONF_BUCKET],
        prefix=data.get(CONF_PREFIX, ""),
        access_key_id=data[CONF_ACCESS_KEY_ID],
        secret_access_key=data[CONF_SECRET_ACCESS_KEY],
    )


def own_certificate(data: Mapping[str, Any]) -> CertificateSettings | None:
    """Return where the owner's own certificate is, None when it is generated."""
    if data[CONF_CERTIFICATE] == CERTIFICATE_GENERATE:
        return None
    return CertificateSettings(
        certificate=Path(data[CONF_CERTIFICATE_FILE]),
        private_key=Path(data[CONF_PRIVATE_KEY_FILE]),
        generate=False,
    )


def camera_rtsp_url(subentry: ConfigSubentry) -> str:
    """Return the address of a camera's main stream, credentials included."""
    data = subentry.data
    return rtsp_url(
        data[CONF_HOST],
        data[CONF_RTSP_PORT],
        data.get(CONF_RTSP_USERNAME, ""),
        data.get(CONF_RTSP_PASSWORD, ""),
        data[CONF_CHANNEL],
    )


def _certificate_settings(
    data: Mapping[str, Any], state: Path, host_names: tuple[str, ...]
) -> CertificateSettings:
    """Return where the receiver's certificate is, and whether to make it."""
    return own_certificate(data) or CertificateSettings(
        certificate=state / "certificate.pem",
        private_key=state / "private_key.pem",
        generate=True,
        host_names=host_names,
    )


def _camera(subentry: ConfigSubentry) -> Camera:
    """Return a camera as the engine knows it."""
    data = subentry.data
    burst_window = data.get(CONF_BURST_WINDOW, DEFAULT_BURST_WINDOW)
    return Camera(
        id=subentry.subentry_id,
        name=subentry.title,
        folder=data[CONF_FOLDER],
        brand=Brand(data[CONF_BRAND]),
        username=data[CONF_UPLOAD_USERNAME],
        password_hash=data[CONF_UPLOAD_PASSWORD_HASH],
        security=Security(data.get(CONF_SECURITY, Security.FTPS)),
        address=bound_address(data),
        active_mode=data.get(CONF_ACTIVE_MODE, False),
        burst_window=timedelta(seconds=burst_window),
        name_template=data.get(CONF_NAME_TEMPLATE) or None,
    )
