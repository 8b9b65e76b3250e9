"""From what the owner entered to the values that the engine works with."""

from collections.abc import Mapping
from datetime import time, timedelta
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
    CONF_EVENT_STREAM,
    CONF_EXTERNAL_ADDRESS,
    CONF_FINGERPRINT,
    CONF_FOLDER,
    CONF_FTPS_PORT,
    CONF_HTTP_PORT,
    CONF_IMPLICIT_PORT,
    CONF_KEEP_CHECKSUM,
    CONF_LISTEN_ADDRESS,
    CONF_LOCK_DAYS,
    CONF_LOCK_MODE,
    CONF_NAME_TEMPLATE,
    CONF_OLD_ALGORITHMS,
    CONF_PASSIVE_PORTS,
    CONF_PREFIX,
    CONF_PRIVATE_KEY_FILE,
    CONF_PUBLIC_KEY,
    CONF_REGION,
    CONF_RTSP_PASSWORD,
    CONF_RTSP_PORT,
    CONF_RTSP_USERNAME,
    CONF_S3,
    CONF_SECRET_ACCESS_KEY,
    CONF_SECURITY,
    CONF_SFTP,
    CONF_SFTP_PORT,
    CONF_STORAGE_FOLDER,
    CONF_STORAGE_RESERVE,
    CONF_STREAM_PATH,
    CONF_UPLOAD_LIMIT,
    CONF_UPLOAD_PASSWORD_HASH,
    CONF_UPLOAD_USERNAME,
    CONF_UPLOAD_WORKERS,
    DEFAULT_BURST_WINDOW,
    DEFAULT_SFTP_PORT,
    DEFAULT_STORAGE_RESERVE,
    DEFAULT_UPLOAD_WORKERS,
    DOMAIN,
    SUBENTRY_CAMERA,
)
from .model import (
    PRIVATE_NETWORKS,
    Brand,
    Camera,
    CertificateSettings,
    DeviceLogin,
    EngineSettings,
    LockMode,
    ReceiverSettings,
    S3Settings,
    Security,
    SftpSettings,
    UploadLimit,
)
from .receiver.addresses import parse_address, parse_networks
from .recording.rtsp_url import rtsp_url
from .recording_settings import (
    recording_settings,
    retention_settings,
    sync_interval,
)

MIN_PASSIVE_PORTS = 4
"""Fewer would stall a camera that opens the next transfer before the last closes."""


MEGABIT = 125_000
"""Bytes."""


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
    if not (
        camera.get(CONF_BIND_ADDRESS) or is_plain(camera) or has_old_algorithms(camera)
    ):
        return None
    return str(parse_address(camera[CONF_HOST]))


def is_plain(camera: Mapping[str, Any]) -> bool:
    """Return True for a camera that may deliver in clear."""
    return camera.get(CONF_SECURITY) == Security.PLAIN


def has_old_algorithms(camera: Mapping[str, Any]) -> bool:
    """Return True for a camera that may use old algorithms by SFTP."""
    return bool(camera.get(CONF_OLD_ALGORITHMS))


def sftp_port(recorder: Mapping[str, Any]) -> int | None:
    """Return the port of a recorder's SFTP, None where it is off."""
    if not recorder.get(CONF_SFTP):
        return None
    return int(recorder.get(CONF_SFTP_PORT, DEFAULT_SFTP_PORT))


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
            sftp=None
            if (port := sftp_port(entry.data)) is None
            else SftpSettings(port=port, host_keys=state),
            allowed_networks=parse_allowed_networks(
                entry.data.get(CONF_ALLOWED_NETWORKS, "")
            ),
        ),
        storage_reserve=(
            entry.data.get(CONF_STORAGE_RESERVE, DEFAULT_STORAGE_RESERVE) << 20
        ),
        retention=retention_settings(entry.options),
        sync_interval=sync_interval(entry.options),
        s3=(
            s3_settings(s3, entry.options) if (s3 := entry.data.get(CONF_S3)) else None
        ),
        cameras=tuple(
            engine_camera(subentry)
            for subentry in entry.get_subentries_of_type(SUBENTRY_CAMERA)
        ),
    )


def parse_upload_limits(text: str) -> tuple[UploadLimit, ...]:
    """Return how fast uploads may go: Mbit/s, all day or from times of day on.

    ``20`` is a limit for the whole day, ``07:00 5, 23:00 off`` one by day and none by
    night, nothing at all is none. Raises ValueError.
    """
    parts = [part.split() for part in text.split(",") if part.strip()]
    if len(parts) == 1 and len(parts[0]) == 1:
        parts = [["00:00", *parts[0]]]
    limits: dict[time, UploadLimit] = {}
    for since_text, rate_text in parts:
        since = time.fromisoformat(since_text.zfill(5))
        rate = 0.0 if rate_text.casefold() == "off" else float(rate_text)
        if since in limits or since.tzinfo is not None or not 0 <= rate <= 1e6:
            raise ValueError(f"Unusable limit: {text}")
        limits[since] = UploadLimit(
            since=since, bytes_per_second=round(rate * MEGABIT) or None
        )
    return tuple(limits.values())


def s3_settings(
    data: Mapping[str, Any], options: Mapping[str, Any] | None = None
) -> S3Settings:
    """Return where a bucket is, from the S3 form, and how to upload, from the options."""
    options = options or {}
    return S3Settings(
        endpoint_url=data.get(CONF_ENDPOINT_URL) or None,
        region=data[CONF_REGION],
        bucket=data[CONF_BUCKET],
        prefix=data.get(CONF_PREFIX, ""),
        access_key_id=data[CONF_ACCESS_KEY_ID],
        secret_access_key=data[CONF_SECRET_ACCESS_KEY],
        workers=options.get(CONF_UPLOAD_WORKERS, DEFAULT_UPLOAD_WORKERS),
        limits=parse_upload_limits(options.get(CONF_UPLOAD_LIMIT, "")),
        lock_days=options.get(CONF_LOCK_DAYS, 0),
        lock_mode=LockMode(options.get(CONF_LOCK_MODE, LockMode.GOVERNANCE)),
        checksum=options.get(CONF_KEEP_CHECKSUM, False),
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


def camera_rtsp_url(subentry: ConfigSubentry, *, stream: int = 1) -> str:
    """Return the address of a camera's stream, credentials included.

    ``stream`` 1 is the main stream, 2 the sub stream.
    """
    data = subentry.data
    return rtsp_url(
        data[CONF_HOST],
        data[CONF_RTSP_PORT],
        data.get(CONF_RTSP_USERNAME, ""),
        data.get(CONF_RTSP_PASSWORD, ""),
        data[CONF_CHANNEL],
        stream=stream,
        path=data.get(CONF_STREAM_PATH, ""),
    )


def device_login(data: Mapping[str, Any]) -> DeviceLogin | None:
    """Return how a camera's device is asked, None for one that only delivers."""
    if CONF_HTTP_PORT not in data:
        return None
    return DeviceLogin(
        host=data[CONF_HOST],
        port=data[CONF_HTTP_PORT],
        username=data.get(CONF_RTSP_USERNAME, ""),
        password=data.get(CONF_RTSP_PASSWORD, ""),
        fingerprint=data.get(CONF_FINGERPRINT),
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


def engine_camera(subentry: ConfigSubentry) -> Camera:
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
        public_key=data.get(CONF_PUBLIC_KEY) or None,
        old_algorithms=has_old_algorithms(data),
        burst_window=timedelta(seconds=burst_window),
        name_template=data.get(CONF_NAME_TEMPLATE) or None,
        recording=recording_settings(data, camera_rtsp_url(subentry)),
        device=device_login(data),
        channel=data[CONF_CHANNEL],
        event_stream=data.get(CONF_EVENT_STREAM, False),
    )
