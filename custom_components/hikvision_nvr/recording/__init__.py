"""Recording: what comes from the cameras by RTSP, written around the clock."""

from .export import KIND_EXPORT, Exporter
from .recording import Recording

__all__ = ["KIND_EXPORT", "Exporter", "Recording"]
