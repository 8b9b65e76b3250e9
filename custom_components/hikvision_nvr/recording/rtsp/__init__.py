"""Reads cameras' streams over RTSP: one thread and one loop for all of them."""

from .reader import RtspReader, RtspSource

__all__ = ["RtspReader", "RtspSource"]
