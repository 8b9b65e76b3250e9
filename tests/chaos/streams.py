"""The streams of the cameras that are recorded: a short film, over and over."""

from pathlib import Path
import socket

import av
from av.filter import Graph

from tests.simulators.stream import RtspServer, StreamSettings, gstreamer_python

from .configuration import HOST, RTSP_PASSWORD

STREAMS = 4
_RATE, _SECONDS = 10, 6


def make_film(path: Path) -> None:
    """Encode a test picture, one key frame a second."""
    graph = Graph()
    source = graph.add("testsrc2", f"size=320x240:rate={_RATE}")
    form, sink = graph.add("format", "yuv420p"), graph.add("buffersink")
    source.link_to(form)
    form.link_to(sink)
    graph.configure()
    options = {
        "preset": "ultrafast",
        "x264-params": f"aud=1:bframes=0:scenecut=0:keyint={_RATE}:sliced-threads=0",
    }
    with av.open(str(path), "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=_RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(_RATE * _SECONDS):
            frame = graph.pull()
            assert isinstance(frame, av.VideoFrame)
            frame.pts = number
            frame.pict_type = av.video.frame.PictureType.NONE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


class Streams:
    """A server for all of them; without GStreamer there is none."""

    def __init__(self, folder: Path) -> None:
        """Start it."""
        self.urls: list[str] = []
        self._server: RtspServer | None = None
        if (python := gstreamer_python()) is None:
            return
        make_film(folder / "film.h264")
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port: int = probe.getsockname()[1]
        settings = StreamSettings(
            host=HOST,
            port=port,
            username="admin",
            password=RTSP_PASSWORD,
            channel=1,
            channels=STREAMS,
            clip=folder / "film.h264",
            frames_per_second=_RATE,
        )
        self._server = RtspServer(python, settings, folder / "rtsp.log")
        self.urls = settings.urls

    def stop(self) -> None:
        """End the server."""
        if self._server is not None:
            self._server.stop()
