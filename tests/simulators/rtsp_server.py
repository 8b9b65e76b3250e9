"""A camera's RTSP server with digest authentication, made of GStreamer's.

It runs as a program of its own, under the system's Python, because GStreamer's
bindings belong to that and not to a virtual environment: keep to the syntax of
Python 3.9 and to the standard library here. Settings arrive as one line of JSON on
standard input; when that input ends, so does the server, so that it never outlives
the process that started it. It prints "ready" once it can be played.
"""

from datetime import UTC, datetime
import json
from pathlib import Path
import sys
import time
from urllib.parse import parse_qs

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
    if settings["transport"] == "udp":
        factory.set_protocols(GstRtsp.RTSPLowerTrans.UDP)
    factory.connect("media-configure", start_playing)
    return factory


class Tape:
    """Feeds one viewer with what was recorded at a time, as fast as it is taken."""

    def __init__(self, units, rate, query, honours_end):
        """Begin with the key frame of the start; each frame belongs to one moment."""
        asked = {name: moment(values[0]) for name, values in parse_qs(query).items()}
        self._units = units
        self._rate = rate
        self._next = int(asked["starttime"]) * rate % len(units)
        while not units[self._next][1]:
            self._next = (self._next - 1) % len(units)
        self._left = None
        if honours_end and "endtime" in asked:
            self._left = int((asked["endtime"] - asked["starttime"]) * rate)
        self._sent = 0

    def feed(self, source, _length):
        """Give GStreamer the next frame."""
        if self._left is not None and self._sent >= self._left:
            source.emit("end-of-stream")
            return
        data, is_key = self._units[self._next]
        frame = Gst.Buffer.new_wrapped(data)
        frame.duration = Gst.SECOND // self._rate
        frame.pts = frame.dts = self._sent * Gst.SECOND // self._rate
        if not is_key:
            frame.set_flags(Gst.BufferFlags.DELTA_UNIT)
        self._next = (self._next + 1) % len(self._units)
        self._sent += 1
        source.emit("push-buffer", frame)


def moment(text):
    """Return seconds since 1970 of a time such as 20261101T092030Z."""
    at = datetime.strptime(text.upper(), "%Y%m%dT%H%M%SZ")
    return at.replace(tzinfo=UTC).timestamp()


class TapeFactory(GstRtspServer.RTSPMediaFactory):
    """Builds a replay for each viewer, of the time that its address names."""

    def __init__(self, settings, units):
        """Replay these access units."""
        super().__init__()
        self._settings = settings
        self._units = units
        self.set_permissions(permissions())
        self.connect("media-configure", hurry)

    def do_create_element(self, url):
        """Build the stream."""
        print("replay", url.query, file=sys.stderr, flush=True)
        codec, rate = self._settings["codec"], self._settings["frames_per_second"]
        video = VIDEO.format(codec=codec, rate=rate)
        element = Gst.parse_launch(f"({video} )")
        tape = Tape(self._units, rate, url.query, self._settings["honours_end"])
        element.get_by_name("clip").connect("need-data", tape.feed)
        return element


def hurry(_factory, media):
    """Let the viewer read as fast as it can: a test has no time for real time."""
    media.connect("new-state", lambda media, _: media.set_rate_control(False))


class Doorkeeper:
    """Refuses those who come when so many sessions are open."""

    def __init__(self, most):
        """Let ``most`` in; None is any number."""
        self._most = most
        self._inside = set()

    def watch(self, _server, client):
        """Look at each client."""
        client.connect("pre-setup-request", self.admit)
        client.connect("closed", self._inside.discard)

    def admit(self, client, _context):
        """Say 453 (RFC 2326) to one too many."""
        if client not in self._inside and len(self._inside) >= self._most:
            print("refused", file=sys.stderr, flush=True)
            return GstRtsp.RTSPStatusCode.NOT_ENOUGH_BANDWIDTH
        self._inside.add(client)
        return GstRtsp.RTSPStatusCode.OK


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
    units = access_units(Path(settings["clip"]).read_bytes(), settings["codec"])
    for path in settings["tracks"]:
        server.get_mount_points().add_factory(path, TapeFactory(settings, units))
    if settings["sessions"] is not None:
        doorkeeper = Doorkeeper(settings["sessions"])
        server.connect("client-connected", doorkeeper.watch)
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
