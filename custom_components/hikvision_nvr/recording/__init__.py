"""Recording: what comes from the cameras by RTSP, written around the clock."""

from .export import KIND_EXPORT, Exporter
from .film import FilmFile, plan_films
from .pyav_source import PyAvSource
from .recording import Recording
from .replay import Replay
from .rtsp_url import replay_url
from .source import SourceFactory

__all__ = [
    "KIND_EXPORT",
    "Exporter",
    "FilmFile",
    "PyAvSource",
    "Recording",
    "Replay",
    "SourceFactory",
    "plan_films",
    "replay_url",
]
