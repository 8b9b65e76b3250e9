"""Cameras and recorders themselves: what they are, their settings, their events."""

from .backup import Backups
from .client import IsapiClient, read_fingerprint
from .describe import Channel, Description, DeviceInfo, UploadAbilities, describe
from .discovery import FoundDevice, scan
from .onvif import StreamAddress, find_stream
from .provisioning import Change, Edit, Plan, Protocol, Target, Wanted

__all__ = [
    "Backups",
    "Change",
    "Channel",
    "Description",
    "DeviceInfo",
    "Edit",
    "FoundDevice",
    "IsapiClient",
    "Plan",
    "Protocol",
    "StreamAddress",
    "Target",
    "UploadAbilities",
    "Wanted",
    "describe",
    "find_stream",
    "read_fingerprint",
    "scan",
]
