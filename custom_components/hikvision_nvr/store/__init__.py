"""The store: the local truth. Files on the disk, and a catalogue that indexes them.

What is stored here survives a power cut at any moment from the time ``keep`` returns.
"""

from .jobs import JobTable, StoredJob
from .names import camera_folder, is_temporary_name, upload_name
from .root import prepare_storage_root
from .store import Store
from .uploads import Begun, Lane, Upload, UploadQueue

__all__ = [
    "Begun",
    "JobTable",
    "Lane",
    "Store",
    "StoredJob",
    "Upload",
    "UploadQueue",
    "camera_folder",
    "is_temporary_name",
    "prepare_storage_root",
    "upload_name",
]
