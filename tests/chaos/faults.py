"""What goes wrong: each fault is begun, lasts for a while, and is mended."""

from collections.abc import Callable
from dataclasses import dataclass, field
import math
import random
import ssl
import time
from typing import Final

from benchmarks._certificate import write_certificate
from tests.simulators.camera import ftps_session
from tests.simulators.fault_proxy import Fault

from .cameras import Cameras
from .clock import Clock
from .configuration import RESERVE
from .disk import Disk
from .recorder import Recorder
from .s3 import S3Service

_NOTICE_SECONDS = 90
"""Files of a certificate are looked at each minute."""
_STORM = 16
"""Bursts of one camera at the same time."""


type Mend = Callable[[], None]


@dataclass
class Life:
    """When an engine ended and the next one was ready (monotonic seconds)."""

    ended: float
    ready: float
    killed: bool


@dataclass
class Scene:
    """Everything that faults act on."""

    recorder: Recorder
    disk: Disk
    clock: Clock
    s3: S3Service
    cameras: Cameras
    chance: random.Random
    lives: list[Life] = field(default_factory=list)
    turn: int = 0

    def begin_new_engine(self, *, killed: bool = False) -> Mend:
        """Note that an engine ends now; returns what waits for the next one."""
        life = Life(time.monotonic(), math.inf, killed)
        self.lives.append(life)

        def wait() -> None:
            self.recorder.wait_until_ready()
            life.ready = time.monotonic()

        return wait


def _kill(scene: Scene) -> Mend:
    mend = scene.begin_new_engine(killed=True)
    scene.recorder.kill()
    scene.recorder.start()
    return _at_any_time(scene, mend)


def _restart(scene: Scene) -> Mend:
    mend = scene.begin_new_engine()
    assert scene.recorder.stop() == 0
    scene.recorder.start()
    return _at_any_time(scene, mend)


def _at_any_time(scene: Scene, ready: Mend) -> Mend:
    """Let what comes next meet a recorder that runs, or one that starts."""
    if scene.chance.random() < 0.5:
        ready()
        return _nothing
    return ready


def _freeze(scene: Scene) -> Mend:
    scene.recorder.freeze()
    time.sleep(scene.chance.uniform(1, 3))
    scene.recorder.thaw()
    return _nothing


def _nothing() -> None:
    """Mend what is over by itself."""


def _fill_disk(scene: Scene) -> Mend:
    # Nothing at all, less than the reserve, or hardly more than it.
    scene.disk.fill(scene.chance.choice((0, RESERVE << 19, (RESERVE << 20) + 300_000)))
    return scene.disk.release


def _read_only(scene: Scene) -> Mend:
    scene.disk.make_read_only()
    return scene.disk.plug_in


def _unplug(scene: Scene) -> Mend:
    scene.disk.unplug()

    def mend() -> None:
        outside = scene.disk.left_outside()
        scene.disk.plug_in()
        assert not outside, f"written beside the disk: {outside}"

    return mend


def _start_read_only(scene: Scene) -> Mend:
    plug_in = _read_only(scene)
    wait = scene.begin_new_engine(killed=True)
    scene.recorder.kill()
    scene.recorder.start()
    scene.recorder.wait_until_refused()

    def mend() -> None:
        plug_in()
        wait()

    return mend


def _s3_down(scene: Scene) -> Mend:
    scene.s3.take_down()
    return scene.s3.mend


def _s3_faulty(scene: Scene) -> Mend:
    scene.s3.always(
        scene.chance.choice(
            (
                Fault.ERROR_500,
                Fault.SLOW_DOWN,
                Fault.RESET_IN_BODY,
                Fault.STALL,
                Fault.EXPIRED_TOKEN,
                Fault.QUOTA,
            )
        )
    )
    return scene.s3.mend


def _s3_unsure(scene: Scene) -> Mend:
    """Uploads are carried out, and the recorder does not hear so."""
    kinds = (Fault.LOST_ANSWER, Fault.TRUNCATED_ANSWER, Fault.WRONG_ETAG)
    scene.s3.fail_once(*scene.chance.choices(kinds, k=6))
    return scene.s3.mend


def _s3_slow(scene: Scene) -> Mend:
    scene.s3.slow_down(scene.chance.uniform(0.3, 1.5))
    return scene.s3.mend


def _step_clock(scene: Scene) -> Mend:
    hour = 3600
    ahead = scene.chance.choice((-20 * hour, -2 * hour, -70, 70, hour, 30 * hour))
    scene.clock.set_ahead(ahead)
    return lambda: scene.clock.set_ahead(0)


def _storm(scene: Scene) -> Mend:
    scene.cameras.storm(scene.chance.randrange(12), _STORM)
    return _nothing


def _reload(scene: Scene) -> Mend:
    mend = scene.begin_new_engine()
    scene.recorder.reload()
    return mend


def _reconfigure(scene: Scene) -> Mend:
    scene.turn += 1
    mend = scene.begin_new_engine()
    scene.recorder.reconfigure(scene.turn)
    return mend


def _new_certificate(scene: Scene) -> Mend:
    write_certificate(scene.recorder.certificates)
    wanted = (scene.recorder.certificates / "certificate.pem").read_text()

    def mend() -> None:
        end = time.monotonic() + _NOTICE_SECONDS
        while _shown_certificate(scene) not in wanted:
            assert time.monotonic() < end, "the old certificate is still shown"
            time.sleep(0.5)

    return mend


def _shown_certificate(scene: Scene) -> str:
    with ftps_session(scene.recorder.account(0)) as ftp:
        assert isinstance(ftp.sock, ssl.SSLSocket)
        found = ftp.sock.getpeercert(binary_form=True)
    assert found is not None
    return ssl.DER_cert_to_PEM_cert(found).strip()


type Begin = Callable[[Scene], Mend]

PROCESS: Final[dict[str, Begin]] = {
    "SIGKILL": _kill,
    "SIGSTOP": _freeze,
    "restart": _restart,
    "disk read-only at start": _start_read_only,
    "reload": _reload,
    "reconfigure": _reconfigure,
    "new certificate": _new_certificate,
}
DISK: Final[dict[str, Begin]] = {
    "disk full": _fill_disk,
    "disk read-only": _read_only,
    "disk unplugged": _unplug,
}
WORLD: Final[dict[str, Begin]] = {
    "S3 down": _s3_down,
    "S3 refuses": _s3_faulty,
    "S3 answers get lost": _s3_unsure,
    "S3 slow": _s3_slow,
    "clock step": _step_clock,
    "camera storm": _storm,
}
"""Of each kind there may be one at a time, begun in this order and mended in the other:
a recorder that starts again needs its disk to be ready."""
FAULTS: Final = PROCESS | DISK | WORLD
