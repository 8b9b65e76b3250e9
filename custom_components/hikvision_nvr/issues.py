"""Issues: what only the owner can put right, for Home Assistant's list of repairs."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.const import CONF_HOST
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.util import dt as dt_util

from .const import (
    CONF_BUCKET,
    CONF_PROVISIONED,
    CONF_S3,
    CONF_SILENT_HOURS,
    CONF_STORAGE_FOLDER,
    DEFAULT_SILENT_HOURS,
    DOMAIN,
    LOGGER,
)
from .errors import (
    BucketNotFoundError,
    ClockSkewError,
    DeviceCertificateError,
    DeviceForbiddenError,
    DeviceLockedError,
    OffsiteAccessDeniedError,
    OffsiteQuotaError,
    PortInUseError,
    RecorderError,
    StorageMissingError,
    StreamUnsupportedError,
)
from .health import STALLED_AFTER, is_upload_stalled
from .model import Ban, RecorderStatus, StoragePressure, VideoCodec
from .receiver.certificate import expires
from .settings import has_old_algorithms, is_plain, own_certificate, sftp_port
from .store.root import is_storage

LOOK_INTERVAL = timedelta(minutes=5)
CERTIFICATE_INTERVAL = timedelta(days=1)
RENEWAL_TIME = timedelta(days=21)
LARGE_OFFSET = 60.0
"""Seconds that a picture may take to arrive; more is a wrong clock."""
MOST_BANS = 10
"""The newest bans: whoever attacks must not fill the list of repairs."""

OFFSITE_ERRORS = (
    BucketNotFoundError.key,
    OffsiteAccessDeniedError.key,
    ClockSkewError.key,
    OffsiteQuotaError.key,
)
"""Those that do not pass by themselves; for refused keys there is a dialog."""

_DEVICE_ERRORS = (
    DeviceCertificateError.key,
    DeviceForbiddenError.key,
    DeviceLockedError.key,
)
"""The same of devices; for a refused password there is a dialog."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """An issue as it should be shown. One that can be fixed has data for its flow."""

    key: str
    about: str
    placeholders: dict[str, str]
    severity: ir.IssueSeverity = ir.IssueSeverity.WARNING
    data: dict[str, str | int | float | None] | None = None

    @property
    def id(self) -> str:
        """What tells one issue from another."""
        return f"{self.key}_{self.about}"


SETUP_ERRORS = (PortInUseError.key, StorageMissingError.key)
"""Those that keep the recorder from starting and that its owner can put right."""


@callback
def async_show_setup_failure(
    hass: HomeAssistant, entry: ConfigEntry, error: RecorderError
) -> None:
    """Show why a recorder does not start, where there is a way to put it right."""
    async_forget_setup_failure(hass, entry.entry_id)
    if error.key in SETUP_ERRORS:
        port = error.placeholders.get("port")
        _create(
            hass,
            _setup_failure(
                entry, error.key, {} if port is None else {"port": int(port)}
            ),
        )


@callback
def async_forget_setup_failure(hass: HomeAssistant, entry_id: str) -> None:
    """Show no longer why a recorder did not start."""
    for key in SETUP_ERRORS:
        ir.async_delete_issue(hass, DOMAIN, f"{key}_{entry_id}")


def _setup_failure(entry: ConfigEntry, key: str, about: Mapping[str, int]) -> Issue:
    return Issue(
        key=key,
        about=entry.entry_id,
        placeholders={
            "recorder": entry.title,
            "folder": entry.data[CONF_STORAGE_FOLDER],
            **{name: str(value) for name, value in about.items()},
        },
        severity=ir.IssueSeverity.ERROR,
        data={"entry_id": entry.entry_id, **about},
    )


@callback
def _create(hass: HomeAssistant, issue: Issue) -> None:
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue.id,
        data=issue.data and {**issue.data, "key": issue.key},
        is_fixable=issue.data is not None,
        severity=issue.severity,
        translation_key=issue.key,
        translation_placeholders=issue.placeholders,
    )


class RecorderIssues:
    """Keeps the list of repairs up to date for one recorder and its cameras."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        cameras: Mapping[str, ConfigSubentry],
        video_codec: Callable[[str], VideoCodec | None],
    ) -> None:
        """Show nothing yet. ``video_codec`` tells what a camera's stream is now."""
        self._hass = hass
        self._entry = entry
        self._cameras = cameras
        self._video_codec = video_codec
        self._storage_there = True
        self._looking_at_storage = False
        self._started: datetime | None = None
        self._status: RecorderStatus | None = None
        self._expires: datetime | None = None
        self._shown: set[str] = set()

    async def async_start(self) -> CALLBACK_TYPE:
        """Show what there is, from now on. Returns what ends it and clears the list."""
        self._started = dt_util.utcnow()
        timers = [
            async_track_time_interval(
                self._hass, look, interval, cancel_on_shutdown=True
            )
            for look, interval in (
                (self._async_look_at_storage, LOOK_INTERVAL),
                (self.async_look_at_certificate, CERTIFICATE_INTERVAL),
            )
        ]

        @callback
        def stop() -> None:
            self._started = None
            for cancel in timers:
                cancel()
            self._async_show([])

        await self.async_look_at_certificate()
        return stop

    @callback
    def async_status(self, status: RecorderStatus) -> None:
        """Show what the recorder's new status means."""
        self._status = status
        self._async_look(dt_util.utcnow())

    @callback
    def _async_look(self, now: datetime) -> None:
        """Show what is wrong now."""
        if self._started is not None:
            self._async_show(list(self._wrong(now, self._started)))

    async def _async_look_at_storage(self, _now: datetime) -> None:
        """Find out whether the storage is still there, then show what is wrong.

        A network share that hangs holds one thread, not one more at each look.
        """
        if not self._looking_at_storage:
            self._looking_at_storage = True
            try:
                self._storage_there = await self._hass.async_add_executor_job(
                    is_storage, self._entry.data[CONF_STORAGE_FOLDER]
                )
            finally:
                self._looking_at_storage = False
        self._async_look(dt_util.utcnow())

    async def async_look_at_certificate(self, _now: datetime | None = None) -> None:
        """Find out when the owner's own certificate expires."""
        if certificate := own_certificate(self._entry.data):
            try:
                self._expires = await self._hass.async_add_executor_job(
                    expires, certificate
                )
            except (OSError, ValueError) as err:
                # The receiver goes on with what it has read, and says so.
                LOGGER.debug("When the certificate expires is unknown: %s", err)
        # Reading took its time: what was due then may be told already.
        self._async_look(dt_util.utcnow())

    @callback
    def _async_show(self, issues: list[Issue]) -> None:
        """Show these issues and no others."""
        for issue in issues:
            _create(self._hass, issue)
        ids = {issue.id for issue in issues}
        for issue_id in self._shown - ids:
            ir.async_delete_issue(self._hass, DOMAIN, issue_id)
        self._shown = ids

    def _wrong(self, now: datetime, started: datetime) -> Iterator[Issue]:
        """Yield what is wrong."""
        if not self._storage_there:
            yield _setup_failure(self._entry, StorageMissingError.key, {})
        for camera in self._cameras.values():
            if is_plain(camera.data):
                yield Issue(
                    key="plain_ftp",
                    about=camera.subentry_id,
                    placeholders={
                        "camera": camera.title,
                        "address": camera.data[CONF_HOST],
                    },
                    data={
                        "entry_id": self._entry.entry_id,
                        "camera_id": camera.subentry_id,
                    },
                )
            if has_old_algorithms(camera.data) and sftp_port(self._entry.data):
                yield Issue(
                    key="old_ssh_algorithms",
                    about=camera.subentry_id,
                    placeholders={
                        "camera": camera.title,
                        "address": camera.data[CONF_HOST],
                    },
                    data={
                        "entry_id": self._entry.entry_id,
                        "camera_id": camera.subentry_id,
                    },
                )
        if self._status is not None:
            yield from self._wrong_with_devices(self._status)
        if self._expires is not None and self._expires - now < RENEWAL_TIME:
            yield self._certificate_expiring(now, self._expires)
        if self._status is not None:
            yield from self._wrong_with_cameras(self._status, now, started)
            yield from map(self._banned, self._status.receiver.bans[-MOST_BANS:])
            if self._status.offsite_error in OFFSITE_ERRORS:
                yield self._offsite(self._status.offsite_error, fixable=True)
            elif is_upload_stalled(self._status, started, now):
                yield self._stalled(self._status)
            yield from self._wrong_with_recordings(self._status)
            if self._status.storage_pressure is StoragePressure.OTHERS:
                yield self._storage("storage_others")
            elif self._status.storage_pressure is StoragePressure.FULL:
                yield self._storage("storage_full", ir.IssueSeverity.ERROR)
            if self._status.offsite_lock_missing:
                yield self._offsite("offsite_lock_missing")
            if self._status.uploads is not None and self._status.uploads.quarantined:
                yield self._quarantined(self._status.uploads.quarantined)
            yield from map(
                self._manifest_conflict, sorted(self._status.manifest_conflicts)
            )

    def _wrong_with_cameras(
        self, status: RecorderStatus, now: datetime, started: datetime
    ) -> Iterator[Issue]:
        """Yield which cameras are silent, and whose clocks are wrong."""
        for camera_id, camera_status in status.cameras.items():
            camera = self._cameras[camera_id]
            hours: int = camera.data.get(CONF_SILENT_HOURS, DEFAULT_SILENT_HOURS)
            silence = now - (camera_status.last_seen or started)
            if hours and silence >= timedelta(hours=hours):
                yield Issue(
                    key="camera_silent",
                    about=camera_id,
                    placeholders={"camera": camera.title, "hours": str(hours)},
                    data={"entry_id": self._entry.entry_id, "camera_id": camera_id},
                )
            offset = camera_status.clock_offset
            if offset is not None and abs(offset) > LARGE_OFFSET:
                yield Issue(
                    key="clock_offset_large",
                    about=camera_id,
                    placeholders={"camera": camera.title, "offset": _clock(offset)},
                )

    def _wrong_with_devices(self, status: RecorderStatus) -> Iterator[Issue]:
        """Yield which devices cannot be asked, and which were never set up."""
        for camera_id, device in status.devices.items():
            camera = self._cameras[camera_id]
            if device.error in _DEVICE_ERRORS:
                yield Issue(
                    key=device.error,
                    about=camera_id,
                    placeholders={
                        "camera": camera.title,
                        "host": camera.data[CONF_HOST],
                    },
                )
            if (
                device.can_deliver
                and device.error is None
                and CONF_PROVISIONED not in camera.data
                and status.cameras[camera_id].last_seen is None
            ):
                yield Issue(
                    key="camera_not_set_up",
                    about=camera_id,
                    placeholders={"camera": camera.title},
                    data={"entry_id": self._entry.entry_id, "camera_id": camera_id},
                )

    def _certificate_expiring(self, now: datetime, end: datetime) -> Issue:
        """Return the issue of the owner's own certificate."""
        return Issue(
            key="certificate_expiring",
            about=self._entry.entry_id,
            placeholders={
                "recorder": self._entry.title,
                "date": dt_util.as_local(end).date().isoformat(),
            },
            severity=(
                ir.IssueSeverity.ERROR if end <= now else ir.IssueSeverity.WARNING
            ),
            data={"entry_id": self._entry.entry_id},
        )

    def _banned(self, ban: Ban) -> Issue:
        """Return the issue of an address that is banned."""
        return Issue(
            key="address_banned",
            about=f"{self._entry.entry_id}_{ban.address}",
            placeholders={
                "recorder": self._entry.title,
                "address": ban.address,
                "until": dt_util.as_local(ban.until).strftime("%H:%M"),
            },
            data={"entry_id": self._entry.entry_id, "address": ban.address},
        )

    def _manifest_conflict(self, folder: str) -> Issue:
        """Return the issue of a chain that someone else has continued."""
        return Issue(
            key="manifest_conflict",
            about=f"{self._entry.entry_id}_{folder}",
            placeholders={"recorder": self._entry.title, "camera": folder},
            severity=ir.IssueSeverity.ERROR,
        )

    def _quarantined(self, count: int) -> Issue:
        """Return the issue of captures of which there is nothing left to send."""
        return Issue(
            key="uploads_quarantined",
            about=self._entry.entry_id,
            placeholders={"recorder": self._entry.title, "count": str(count)},
            severity=ir.IssueSeverity.ERROR,
            data={"entry_id": self._entry.entry_id},
        )

    def _storage(
        self, key: str, severity: ir.IssueSeverity = ir.IssueSeverity.WARNING
    ) -> Issue:
        """Return the issue of a disk that has too little room."""
        return Issue(
            key=key,
            about=self._entry.entry_id,
            placeholders={
                "recorder": self._entry.title,
                "folder": self._entry.data[CONF_STORAGE_FOLDER],
            },
            severity=severity,
        )

    def _wrong_with_recordings(self, status: RecorderStatus) -> Iterator[Issue]:
        """Yield which cameras send video that cannot be recorded, or not be played."""
        for camera_id, recording in status.recordings.items():
            key = None
            if recording.error == StreamUnsupportedError.key:
                key = StreamUnsupportedError.key
            elif self._video_codec(camera_id) is VideoCodec.H265:
                key = "codec_unplayable"
            if key is not None:
                yield Issue(
                    key=key,
                    about=camera_id,
                    placeholders={"camera": self._cameras[camera_id].title},
                )

    def _stalled(self, status: RecorderStatus) -> Issue:
        """Return the issue of uploads that get nowhere, for a reason that may pass."""
        assert status.backlog is not None
        issue = self._offsite("upload_stalled", fixable=True)
        minutes = str(STALLED_AFTER // timedelta(minutes=1))
        return replace(
            issue,
            placeholders={
                **issue.placeholders,
                "count": str(status.backlog.files),
                "minutes": minutes,
            },
        )

    def _offsite(self, key: str, *, fixable: bool = False) -> Issue:
        """Return the issue of a bucket that cannot be used."""
        return Issue(
            key=key,
            about=self._entry.entry_id,
            placeholders={
                "recorder": self._entry.title,
                "bucket": self._entry.data[CONF_S3][CONF_BUCKET],
            },
            severity=ir.IssueSeverity.ERROR,
            data={"entry_id": self._entry.entry_id} if fixable else None,
        )


def _clock(seconds: float) -> str:
    """Return hours, minutes and seconds, with a minus for a clock that is fast."""
    minutes, second = divmod(round(abs(seconds)), 60)
    hour, minute = divmod(minutes, 60)
    return f"{'-' if seconds < 0 else ''}{hour}:{minute:02}:{second:02}"
