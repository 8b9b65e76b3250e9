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
    """The catalogue cannot be opened or was written by a newer version."""

    key = "catalogue_unusable"


class ReceiverError(RecorderError):
    """The receiver cannot start."""


class PortInUseError(ReceiverError):
    """Another program listens on the receiver's port."""

    key = "port_in_use"


class CertificateError(ReceiverError):
    """The certificate or its key cannot be read or do not belong together."""

    key = "certificate_invalid"


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


class BucketNotFoundError(OffsiteError):
    """The bucket does not exist, or not in this region."""

    key = "offsite_bucket_not_found"


class ClockSkewError(OffsiteError):
    """This machine's clock differs too much from the S3 service's."""

    key = "offsite_clock_skew"


class ArchiveError(OffsiteError):
    """A day cannot be archived now; nothing was deleted."""

    key = "archive_refused"
