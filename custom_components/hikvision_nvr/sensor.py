"""Sensors: the recorder's disk, receiver and way to S3, and what cameras do."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import (
    EntityCategory,
    UnitOfDataRate,
    UnitOfInformation,
    UnitOfTime,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import CONF_S3, CONF_SFTP
from .coordinator import RecorderCoordinator, RecorderEntry
from .costs import Cost, monthly_cost, prices
from .device_entity import async_add_when_known
from .device_sensor import device_sensors
from .entity import CameraStatusEntity, RecorderEntity
from .local_jobs import KIND_PURGE_LOCAL, KIND_PURGE_RECORDINGS, KIND_SORT_FOLDER
from .model import BucketTotal, CameraStatus, JobState, RecorderStatus, RecordingMode
from .offsite import KIND_ARCHIVE, KIND_PURGE, KIND_RESTORE, KIND_SORT, KIND_VERIFY
from .recording import KIND_EXPORT
from .recording_sensor import RECORDING_SENSORS, RecordingSensor
from .recording_settings import recording_mode

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class RecorderSensorDescription(SensorEntityDescription):
    """A sensor of the recorder and where its value is in the status."""

    value_fn: Callable[[RecorderStatus], str | float | datetime | None]
    attributes_fn: Callable[[RecorderStatus], dict[str, Any]] | None = None


@dataclass(frozen=True, kw_only=True)
class CameraSensorDescription(SensorEntityDescription):
    """A sensor of a camera and where its value is in the camera's status."""

    value_fn: Callable[[CameraStatus], float | datetime | None]


@dataclass(frozen=True, kw_only=True)
class CameraBucketSensorDescription(SensorEntityDescription):
    """A sensor of what a camera has in the bucket and which figure it shows."""

    figure: Literal["objects", "bytes"]


NO_JOB = "idle"


def _job_attributes(status: RecorderStatus) -> dict[str, Any]:
    """Return how far the job is that the sensor shows, or how the last one ended."""
    if (job := status.job) is None:
        return {}
    return {
        "job_id": job.id,
        "kind": job.kind,
        "state": job.state.value,
        "percent": job.percent,
        "items_done": job.items_done,
        "items_total": job.items_total,
        "bytes_done": job.bytes_done,
        "bytes_total": job.bytes_total,
        "seconds_left": job.seconds_left,
        "waiting": job.waiting,
        "ended": job.ended,
        "error": job.error,
    }


def _job_kind(status: RecorderStatus) -> str:
    """Return what kind of job runs, idle for none."""
    running = status.job is not None and status.job.state is JobState.RUNNING
    return status.job.kind if running and status.job else NO_JOB


JOB_SENSORS: tuple[RecorderSensorDescription, ...] = (
    RecorderSensorDescription(
        key="job",
        translation_key="job",
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        options=[
            NO_JOB,
            KIND_ARCHIVE,
            KIND_EXPORT,
            KIND_PURGE,
            KIND_PURGE_LOCAL,
            KIND_PURGE_RECORDINGS,
            KIND_RESTORE,
            KIND_SORT,
            KIND_SORT_FOLDER,
            KIND_VERIFY,
        ],
        value_fn=_job_kind,
        attributes_fn=_job_attributes,
    ),
)

STORAGE_SENSORS: tuple[RecorderSensorDescription, ...] = (
    RecorderSensorDescription(
        key="storage_used",
        translation_key="storage_used",
        device_class=SensorDeviceClass.DATA_SIZE,
        entity_category=EntityCategory.DIAGNOSTIC,
        native_unit_of_measurement=UnitOfInformation.BYTES,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=2,
        suggested_unit_of_measurement=UnitOfInformation.GIGABYTES,
        value_fn=lambda status: status.storage_used,
    ),
    RecorderSensorDescription(
        key="storage_free",
        translation_key="storage_free",
        device_class=SensorDeviceClass.DATA_SIZE,
        entity_category=EntityCategory.DIAGNOSTIC,
        native_unit_of_measurement=UnitOfInformation.BYTES,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        suggested_unit_of_measurement=UnitOfInformation.GIGABYTES,
        value_fn=lambda status: status.storage_free,
    ),
)

RECORDING_DAYS = RecorderSensorDescription(
    key="recording_days",
    translation_key="recording_days",
    device_class=SensorDeviceClass.DURATION,
    entity_category=EntityCategory.DIAGNOSTIC,
    native_unit_of_measurement=UnitOfTime.DAYS,
    state_class=SensorStateClass.MEASUREMENT,
    suggested_display_precision=1,
    value_fn=lambda status: status.recording_days,
)

RECEIVER_SENSORS: tuple[RecorderSensorDescription, ...] = (
    RecorderSensorDescription(
        key="uploads_today",
        translation_key="uploads_today",
        state_class=SensorStateClass.TOTAL_INCREASING,
        value_fn=lambda status: status.uploads_today,
    ),
    RecorderSensorDescription(
        key="connected_cameras",
        translation_key="connected_cameras",
        entity_category=EntityCategory.DIAGNOSTIC,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda status: status.receiver.connected_cameras,
    ),
    RecorderSensorDescription(
        key="rejected_logins",
        translation_key="rejected_logins",
        entity_category=EntityCategory.DIAGNOSTIC,
        state_class=SensorStateClass.TOTAL_INCREASING,
        value_fn=lambda status: status.receiver.rejected_logins,
    ),
    RecorderSensorDescription(
        key="banned_addresses",
        translation_key="banned_addresses",
        entity_category=EntityCategory.DIAGNOSTIC,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda status: len(status.receiver.bans),
        attributes_fn=lambda status: {
            "addresses": [
                {"address": ban.address, "until": ban.until.isoformat()}
                for ban in status.receiver.bans
            ]
        },
    ),
)

SFTP_SENSORS: tuple[RecorderSensorDescription, ...] = (
    RecorderSensorDescription(
        key="sftp_host_key",
        translation_key="sftp_host_key",
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda status: next(iter(status.receiver.host_keys), None),
        attributes_fn=lambda status: {
            "fingerprints": list(status.receiver.host_keys),
        },
    ),
)

OFFSITE_SENSORS: tuple[RecorderSensorDescription, ...] = (
    RecorderSensorDescription(
        key="upload_backlog_files",
        translation_key="upload_backlog_files",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda status: status.backlog.files if status.backlog else None,
    ),
    RecorderSensorDescription(
        key="upload_backlog_bytes",
        translation_key="upload_backlog_bytes",
        device_class=SensorDeviceClass.DATA_SIZE,
        entity_category=EntityCategory.DIAGNOSTIC,
        native_unit_of_measurement=UnitOfInformation.BYTES,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        suggested_unit_of_measurement=UnitOfInformation.MEGABYTES,
        value_fn=lambda status: status.backlog.bytes if status.backlog else None,
    ),
    RecorderSensorDescription(
        key="oldest_waiting_upload",
        translation_key="oldest_waiting_upload",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda status: status.backlog.oldest if status.backlog else None,
    ),
    RecorderSensorDescription(
        key="last_upload",
        translation_key="last_upload",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda status: status.last_upload,
    ),
    RecorderSensorDescription(
        key="upload_rate",
        translation_key="upload_rate",
        device_class=SensorDeviceClass.DATA_RATE,
        entity_category=EntityCategory.DIAGNOSTIC,
        native_unit_of_measurement=UnitOfDataRate.BYTES_PER_SECOND,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        suggested_unit_of_measurement=UnitOfDataRate.KILOBYTES_PER_SECOND,
        value_fn=lambda status: status.uploads.rate if status.uploads else None,
    ),
    RecorderSensorDescription(
        key="offsite_delay",
        translation_key="offsite_delay",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        value_fn=lambda status: status.uploads.last_delay if status.uploads else None,
    ),
    RecorderSensorDescription(
        key="usual_offsite_delay",
        translation_key="usual_offsite_delay",
        device_class=SensorDeviceClass.DURATION,
        entity_category=EntityCategory.DIAGNOSTIC,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        value_fn=lambda status: status.uploads.usual_delay if status.uploads else None,
    ),
    RecorderSensorDescription(
        key="offsite_today",
        translation_key="offsite_today",
        state_class=SensorStateClass.TOTAL_INCREASING,
        value_fn=lambda status: status.uploads.today if status.uploads else None,
    ),
    RecorderSensorDescription(
        key="upload_failures",
        translation_key="upload_failures",
        entity_category=EntityCategory.DIAGNOSTIC,
        state_class=SensorStateClass.TOTAL_INCREASING,
        value_fn=lambda status: status.uploads.failures if status.uploads else None,
    ),
    RecorderSensorDescription(
        key="quarantined_uploads",
        translation_key="quarantined_uploads",
        entity_category=EntityCategory.DIAGNOSTIC,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda status: status.uploads.quarantined if status.uploads else None,
    ),
    RecorderSensorDescription(
        key="bucket_objects",
        translation_key="bucket_objects",
        entity_category=EntityCategory.DIAGNOSTIC,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda status: sum(total.objects for total in status.bucket),
        attributes_fn=lambda status: _by_class(status.bucket, "objects"),
    ),
    RecorderSensorDescription(
        key="bucket_size",
        translation_key="bucket_size",
        device_class=SensorDeviceClass.DATA_SIZE,
        entity_category=EntityCategory.DIAGNOSTIC,
        native_unit_of_measurement=UnitOfInformation.BYTES,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=2,
        suggested_unit_of_measurement=UnitOfInformation.GIGABYTES,
        value_fn=lambda status: sum(total.bytes for total in status.bucket),
        attributes_fn=lambda status: _by_class(status.bucket, "bytes"),
    ),
    RecorderSensorDescription(
        key="last_manifest",
        translation_key="last_manifest",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda status: max(
            (head.written for head in status.manifests), default=None
        ),
        attributes_fn=lambda status: {
            "chains": [
                {
                    "camera": head.camera,
                    "number": head.number,
                    "day": head.day.isoformat(),
                    "sha256": head.sha256,
                }
                for head in status.manifests
            ]
        },
    ),
)

MONTHLY_COST = SensorEntityDescription(
    key="monthly_cost",
    translation_key="monthly_cost",
    device_class=SensorDeviceClass.MONETARY,
    suggested_display_precision=2,
)


CAMERA_SENSORS: tuple[CameraSensorDescription, ...] = (
    CameraSensorDescription(
        key="last_seen",
        translation_key="last_seen",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda status: status.last_seen,
    ),
    CameraSensorDescription(
        key="last_test",
        translation_key="last_test",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda status: status.last_test,
    ),
    CameraSensorDescription(
        key="clock_offset",
        translation_key="clock_offset",
        device_class=SensorDeviceClass.DURATION,
        entity_category=EntityCategory.DIAGNOSTIC,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        value_fn=lambda status: status.clock_offset,
    ),
)

CAMERA_BUCKET_SENSORS: tuple[CameraBucketSensorDescription, ...] = (
    CameraBucketSensorDescription(
        key="bucket_objects",
        translation_key="bucket_objects",
        entity_category=EntityCategory.DIAGNOSTIC,
        state_class=SensorStateClass.MEASUREMENT,
        figure="objects",
    ),
    CameraBucketSensorDescription(
        key="bucket_size",
        translation_key="bucket_size",
        device_class=SensorDeviceClass.DATA_SIZE,
        entity_category=EntityCategory.DIAGNOSTIC,
        native_unit_of_measurement=UnitOfInformation.BYTES,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=2,
        suggested_unit_of_measurement=UnitOfInformation.GIGABYTES,
        figure="bytes",
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: RecorderEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the sensors; those of S3 only where it is set up."""
    coordinator = entry.runtime_data
    descriptions = STORAGE_SENSORS + RECEIVER_SENSORS + JOB_SENSORS
    if entry.data.get(CONF_SFTP):
        descriptions += SFTP_SENSORS
    if entry.data.get(CONF_S3):
        descriptions += OFFSITE_SENSORS
    async_add_entities(
        RecorderSensor(coordinator, description) for description in descriptions
    )
    if any(
        recording_mode(camera.data) is not RecordingMode.OFF
        for camera in coordinator.cameras.values()
    ):
        async_add_entities([RecorderSensor(coordinator, RECORDING_DAYS)])
    if entry.data.get(CONF_S3):
        async_add_entities([MonthlyCostSensor(coordinator, MONTHLY_COST)])
    async_add_when_known(entry, async_add_entities, device_sensors)
    for camera_id, camera in coordinator.cameras.items():
        async_add_entities(
            [
                CameraSensor(coordinator, camera, description)
                for description in CAMERA_SENSORS
            ],
            config_subentry_id=camera_id,
        )
        if recording_mode(camera.data) is not RecordingMode.OFF:
            async_add_entities(
                [
                    RecordingSensor(coordinator, camera, description)
                    for description in RECORDING_SENSORS
                ],
                config_subentry_id=camera_id,
            )
        if entry.data.get(CONF_S3):
            async_add_entities(
                [
                    CameraBucketSensor(coordinator, camera, description)
                    for description in CAMERA_BUCKET_SENSORS
                ],
                config_subentry_id=camera_id,
            )


class RecorderSensor(RecorderEntity, SensorEntity):
    """A sensor of the recorder."""

    entity_description: RecorderSensorDescription

    @property
    @override
    def native_value(self) -> str | float | datetime | None:
        """Return the value."""
        return self.entity_description.value_fn(self.coordinator.data)

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any] | None:
        """Return the details of the value, where it has any."""
        if self.entity_description.attributes_fn is None:
            return None
        return self.entity_description.attributes_fn(self.coordinator.data)


class MonthlyCostSensor(RecorderEntity, SensorEntity):
    """What the bucket costs a month, by the owner's table of prices."""

    def __init__(
        self, coordinator: RecorderCoordinator, description: SensorEntityDescription
    ) -> None:
        """Initialize with the prices; a change of them reloads the recorder."""
        super().__init__(coordinator, description)
        self._prices = prices(coordinator.config_entry.options)
        self._attr_native_unit_of_measurement = self._prices.currency

    @property
    def _cost(self) -> Cost:
        status = self.coordinator.data
        uploads = status.uploads.last_day if status.uploads else 0
        return monthly_cost(status.bucket, uploads, self._prices)

    @property
    @override
    def native_value(self) -> float:
        """Return the cost."""
        return round(self._cost.total, 4)

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """Return what it consists of."""
        cost = self._cost
        return {"storage": round(cost.storage, 4), "uploads": round(cost.uploads, 4)}


class CameraStatusSensor(CameraStatusEntity, SensorEntity):
    """A sensor of a camera, which shows a part of the recorder's status."""

    def __init__(
        self,
        coordinator: RecorderCoordinator,
        camera: ConfigSubentry,
        description: SensorEntityDescription,
    ) -> None:
        """Initialize a sensor of a camera."""
        super().__init__(coordinator, camera, description.key)
        self.entity_description = description


class CameraSensor(CameraStatusSensor):
    """What a camera does."""

    entity_description: CameraSensorDescription

    @property
    @override
    def native_value(self) -> float | datetime | None:
        """Return the value."""
        return self.entity_description.value_fn(
            self.coordinator.data.cameras[self.camera_id]
        )


class CameraBucketSensor(CameraStatusSensor):
    """What a camera has in the bucket."""

    entity_description: CameraBucketSensorDescription

    @property
    def _totals(self) -> list[BucketTotal]:
        return [
            total
            for total in self.coordinator.data.bucket
            if total.camera == self._folder
        ]

    @property
    @override
    def native_value(self) -> int:
        """Return the figure of all storage classes."""
        return sum(self._by_class.values())

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """Return the figure of each storage class."""
        return self._by_class

    @property
    def _by_class(self) -> dict[str, int]:
        return _by_class(self._totals, self.entity_description.figure)


def _by_class(
    totals: Iterable[BucketTotal], figure: Literal["objects", "bytes"]
) -> dict[str, int]:
    """Return a figure of each storage class."""
    sums: dict[str, int] = {}
    for total in totals:
        amount: int = getattr(total, figure)
        sums[total.storage_class] = sums.get(total.storage_class, 0) + amount
    return sums
