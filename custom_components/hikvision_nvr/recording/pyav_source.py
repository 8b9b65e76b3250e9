"""Reads a camera with PyAV, which is FFmpeg: one thread a camera."""

import logging
import threading

from ..errors import StreamEndedError, StreamError, StreamUnsupportedError
from .source import Sink

_LOGGER = logging.getLogger(__name__)


class PyAvSource:
    """One stream, read in a thread that never outlives its socket timeout by much."""

    def __init__(self, url: str, audio: bool, sink: Sink) -> None:
        """Read ``url``, which holds the credentials, into ``sink``."""
        self._url = url
        self._with_audio = audio
        self._sink = sink
        self._stopping = False
        # A thread that waits for a camera must not keep the process alive.
        self._thread = threading.Thread(
            target=self._run, name="hikvision_nvr-stream", daemon=True
        )

    def start(self) -> None:
        """Begin to read; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; it does so with the next packet or timeout."""
        self._stopping = True

    def join(self, timeout: float) -> bool:
        """Wait for the thread's end (blocking)."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        error: StreamError = StreamEndedError("The camera has ended the stream")
        try:
            # FFmpeg takes 15 MB and a good part of a second to load: only where a
            # stream needs it, and in the thread of that stream.
            from .pyav_stream import read_stream

            read_stream(self._url, self._with_audio, self._sink, lambda: self._stopping)
        except StreamError as err:
            error = err
        except Exception as err:
            _LOGGER.exception("A stream cannot be read")
            error = StreamUnsupportedError(str(err))
        if not self._stopping:
            self._sink.closed(error)
