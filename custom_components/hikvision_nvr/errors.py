"""What can go wrong in the recorder, in a form that a user interface can translate.

Each error has a ``key`` that names it for translation and ``placeholders`` with the
values its text needs. The English text in ``str(error)`` is for the log.
"""

from typing import ClassVar


class RecorderError(Exception):
    """Something the owner can understand and act on."""

    key: ClassVar[str] = "unknown"

    def __init__(self, message: str, **placeholders: str) -> None:
        """Keep the values that the translated text shows."""
        super().__init__(message)
        self.placeholders = placeholders


class NotRunningError(RecorderError):
    """The recorder is stopped, or stops just now."""

    key = "not_running"


class JobCancelledError(RecorderError):
    """A job was cancelled before it was done."""

    key = "job_cancelled"


class JobUnknownError(RecorderError):
    """There is no such job, or this recorder cannot do it."""

    key = "job_unknown"


class StorageError(RecorderError):
    """The storage folder cannot be used."""


class StorageNotWritableError(StorageError):
    """The storage folder cannot be created or written."""

    key = "storage_not_writable"


class StorageMissingError(StorageError):
    """The storage folder is not the one that was used before: is the disk mounted?"""

    key = "storage_missing"


class StorageInUseError(StorageError):
    """Another recorder uses the storage folder."""

    key = "storage_in_use"


class StorageFullError(StorageError):
    """There is no room left for another file."""

    key = "storage_full"


class CatalogueError(StorageError):
    """The catalogue cannot be opened or written."""

    key = "catalogue_unusable"


class CatalogueNewerError(CatalogueError):
    """The catalogue was written by a newer release; nothing of it was changed."""

    key = "catalogue_newer"


class ReceiverError(RecorderError):
    """The receiver cannot start."""


class PortInUseError(ReceiverError):
    """Another program listens on the receiver's port."""

    key = "port_in_use"


class CertificateError(ReceiverError):
    """The certificate or its key cannot be read or do not belong together."""

    key = "certificate_invalid"


class HostKeyError(ReceiverError):
    """A host key of SFTP cannot be read or written."""

    key = "host_key_invalid"


class OffsiteError(RecorderError):
    """S3 refused or could not be reached."""

    key = "offsite_failed"


class OffsiteUnreachableError(OffsiteError):
    """The S3 service does not answer."""

    key = "offsite_unreachable"


class OffsiteAuthError(OffsiteError):
    """S3 does not know the access key, or the secret key does not match."""

    key = "offsite_invalid_auth"


class OffsiteAccessDeniedError(OffsiteError):
    """The access key may not do what the recorder needs."""

    key = "offsite_access_denied"


class OffsiteQuotaError(OffsiteError):
    """The bucket or the account is full, or its bill is not paid."""

    key = "offsite_quota_exceeded"


class BucketNotFoundError(OffsiteError):
    """The bucket does not exist, or not in this region."""

    key = "offsite_bucket_not_found"


class ClockSkewError(OffsiteError):
    """This machine's clock differs too much from the S3 service's."""

    key = "offsite_clock_skew"


class RestoreError(OffsiteError):
    """There is nothing to restore, or the service cannot do it."""

    key = "restore_refused"


class CaptureGoneError(OffsiteError):
    """A capture is neither on this machine nor in the bucket any more."""

    key = "media_gone"


class CaptureColdError(OffsiteError):
    """A capture must be restored before it can be read."""

    key = "media_needs_restore"


class ArchiveError(OffsiteError):
    """A day cannot be archived now; nothing was deleted."""

    key = "archive_refused"


class DeviceError(RecorderError):
    """A camera's or recorder's own web service did not do what it was asked for."""

    key = "device_failed"


class DeviceOfflineError(DeviceError):
    """The device does not answer."""

    key = "device_offline"


class DeviceAuthError(DeviceError):
    """The device refuses the user name or the password."""

    key = "device_invalid_auth"


class DeviceLockedError(DeviceError):
    """The device has locked the account after wrong passwords."""

    key = "device_locked"


class DeviceForbiddenError(DeviceError):
    """The account may not do this on the device."""

    key = "device_forbidden"


class DeviceUnsupportedError(DeviceError):
    """The device does not have this function."""

    key = "device_unsupported"


class NotADeviceError(DeviceError):
    """Something else answers at this address, a web page for example."""

    key = "not_a_device"


class DeviceWantsHttpsError(DeviceError):
    """The device answers by HTTPS only."""

    key = "device_wants_https"


class DeviceCertificateError(DeviceError):
    """The device shows another certificate than the one it was added with."""

    key = "device_certificate_changed"


class DeviceAnswerError(DeviceError):
    """The device's answer is cut off, too large or not what it should be."""

    key = "device_answer_unusable"


class PlainNotAcceptedError(DeviceError):
    """The device delivers by plain FTP only, and its owner has not agreed to that."""

    key = "plain_not_accepted"


class HostNotAnAddressError(DeviceError):
    """What needs the camera's IP address has only its name."""

    key = "host_not_an_address"


class NeverProvisionedError(DeviceError):
    """Its owner has never seen and confirmed what would be written to the device."""

    key = "never_provisioned"


class NotSeenError(DeviceError):
    """Everything was written to the device, and no upload has arrived."""

    key = "upload_not_seen"


class ProvisioningError(DeviceError):
    """The device could not be set up; what was written before has been put back."""

    key = "provisioning_failed"


class StreamError(RecorderError):
    """A camera's stream cannot be recorded now."""

    key = "stream_failed"


class StreamUnreachableError(StreamError):
    """The camera does not answer at its RTSP port."""

    key = "stream_unreachable"


class StreamUnauthorizedError(StreamError):
    """The camera refuses the user name or the password."""

    key = "stream_unauthorized"


class StreamBasicError(StreamError):
    """The camera wants the password as it is, and the owner has not allowed that."""

    key = "stream_basic"


class StreamNotFoundError(StreamError):
    """The camera has no such stream: the channel is wrong."""

    key = "stream_not_found"


class StreamBusyError(StreamError):
    """The camera serves no more streams, or refuses for another reason of its own."""

    key = "stream_busy"


class StreamStalledError(StreamError):
    """The camera has sent nothing for too long."""

    key = "stream_stalled"


class StreamEndedError(StreamError):
    """The camera has ended the stream."""

    key = "stream_ended"


class StreamUnsupportedError(StreamError):
    """The stream has no video, or one that is neither H.264 nor H.265."""

    key = "stream_unsupported"


class ClockWrongError(RecorderError):
    """This machine's clock shows a time that cannot be; footage would be misplaced."""

    key = "clock_wrong"


class FootageNotFoundError(RecorderError):
    """Nothing was recorded in the time that was asked for."""

    key = "footage_not_found"


class DeviceRecordingsError(RecorderError):
    """The camera has no device whose own recordings could be asked for."""

    key = "device_recordings_unavailable"


class DeviceReplayBusyError(RecorderError):
    """The device replays a recording already; it does so for one viewer at a time."""

    key = "device_replay_busy"
