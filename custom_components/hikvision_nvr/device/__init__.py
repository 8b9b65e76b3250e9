"""Cameras and recorders themselves: what they are, their settings, their events."""

from .backup import Backups
from .client import IsapiClient, read_fingerprint
from .describe import Channel, Description, DeviceInfo, UploadAbilities, describe
from .discovery import FoundDevice, scan
from .intents import Intent, Intents
from .onvif import StreamAddress, find_stream
from .provisioning import Change, Edit, Plan, Protocol, Target, Wanted
from .recordings import DeviceRecording, DeviceTimes, find_recordings, read_times

__all__ = [
    "Backups",
    "Change",
    "Channel",
    "Description",
    "DeviceInfo",
    "DeviceRecording",
    "DeviceTimes",
    "Edit",
    "FoundDevice",
    "Intent",
    "Intents",
    "IsapiClient",
    "Plan",
    "Protocol",
    "StreamAddress",
    "Target",
    "UploadAbilities",
    "Wanted",
    "describe",
    "find_recordings",
    "find_stream",
    "read_fingerprint",
    "read_times",
    "scan",
]
