"""A camera's RTSP server with digest authentication, made of GStreamer's.

It runs as a program of its own, under the system's Python, because GStreamer's
bindings belong to that and not to a virtual environment: keep to the syntax of
Python 3.9 and to the standard library here. Settings arrive as one line of JSON on
standard input; when that input ends, so does the server, so that it never outlives
the process that started it. It prints "ready" once it can be played.
"""

import json
from pathlib import Path
import sys
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

# Of each codec: what every access unit begins with, and how to find a key frame.
DELIMITERS = {
    "h264": b"\x00\x00\x00\x01\x09",
    "h265": b"\x00\x00\x00\x01\x46\x01",
}
VIEWER = "viewer"
VIDEO = (
    " appsrc name=clip format=time caps=video/x-{codec},stream-format=byte-stream,"
    "alignment=au,framerate={rate}/1 ! {codec}parse"
    # Left to itself, the parser may hand on each slice as a picture of its own.
    " ! video/x-{codec},stream-format=byte-stream,alignment=au"
    " ! rtp{codec}pay name=pay0 pt=96 config-interval=-1"
)
AUDIO = {
    None: "",
    "pcmu": " audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1"
    " ! mulawenc ! rtppcmupay name=pay1",
    "pcma": " audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1"
    " ! alawenc ! rtppcmapay name=pay1",
    "aac": " audiotestsrc is-live=true ! audio/x-raw,rate=16000,channels=1"
    " ! voaacenc ! aacparse ! rtpmp4gpay name=pay1 pt=97",
}


def is_key_frame(codec, unit):
    """Tell whether an access unit can be shown without those before it."""
    starts = [part[0] for part in unit.split(b"\x00\x00\x01")[1:] if part]
    if codec == "h264":
        return any(first & 31 == 5 for first in starts)
    return any(16 <= first >> 1 & 63 <= 21 for first in starts)


def access_units(stream, codec):
    """Cut a byte stream at its delimiters, into (data, is key frame)."""
    delimiter = DELIMITERS[codec]
    return [
        (delimiter + rest, is_key_frame(codec, delimiter + rest))
        for rest in stream.split(delimiter)[1:]
    ]


class Player:
    """Feeds one viewer with the clip, over and over, in step with the wall clock."""

    def __init__(self, units, rate):
        """Begin at the key frame of the current second."""
        self._units = units
        self._rate = rate
        self._next = int(time.time()) * rate % len(units)
        while not units[self._next][1]:
            self._next = (self._next + 1) % len(units)
        self._sent = 0

    def feed(self, source, _length):
        """Give GStreamer the next frame; it paces the stream by the time stamps."""
        data, is_key = self._units[self._next]
        frame = Gst.Buffer.new_wrapped(data)
        frame.duration = Gst.SECOND // self._rate
        frame.pts = frame.dts = self._sent * Gst.SECOND // self._rate
        if not is_key:
            frame.set_flags(Gst.BufferFlags.DELTA_UNIT)
        self._next = (self._next + 1) % len(self._units)
        self._sent += 1
        source.emit("push-buffer", frame)


def only_for(username, password):
    """Make the authentication: this account, by digest."""
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", VIEWER)
    auth.add_digest(username, password, token)
    return auth


def permissions():
    """Let the viewer's role see and start the stream."""
    role = Gst.Structure.new_empty(VIEWER)
    role.set_value("media.factory.access", True)
    role.set_value("media.factory.construct", True)
    allowed = GstRtspServer.RTSPPermissions()
    allowed.add_role_from_structure(role)
    return allowed


def factory_of(settings):
    """Make what builds the stream for each viewer."""
    codec = settings["codec"]
    units = access_units(Path(settings["clip"]).read_bytes(), codec)
    rate = settings["frames_per_second"]

    def start_playing(_factory, media):
        player = Player(units, rate)
        clip = media.get_element().get_by_name_recurse_up("clip")
        clip.connect("need-data", player.feed)

    factory = GstRtspServer.RTSPMediaFactory()
    video = VIDEO.format(codec=codec, rate=rate)
    factory.set_launch(f"({video}{AUDIO[settings['audio']]} )")
    # Shared streams broke when several clients joined over TCP.
    factory.set_shared(False)
    factory.set_permissions(permissions())
    factory.connect("media-configure", start_playing)
    return factory


def main():
    """Serve until standard input ends."""
    settings = json.loads(sys.stdin.readline())
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address(settings["host"])
    server.set_service(str(settings["port"]))
    server.set_auth(only_for(settings["username"], settings["password"]))
    for path in settings["paths"]:
        server.get_mount_points().add_factory(path, factory_of(settings))
    if server.attach(None) == 0:
        sys.exit("port {port} on {host} is not free".format(**settings))
    loop = GLib.MainLoop()

    def input_ended(*_):
        loop.quit()
        return False

    GLib.io_add_watch(
        sys.stdin.fileno(), GLib.IO_HUP | GLib.IO_IN | GLib.IO_ERR, input_ended
    )
    print("ready", flush=True)
    loop.run()


if __name__ == "__main__":
    main()
