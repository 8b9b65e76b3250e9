"""The rounds: cameras deliver, something goes wrong and is mended, all is looked at."""

from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
import random
import sqlite3
import time
from typing import Final

import requests

from .cameras import CAMERAS, camera_name
from .evidence import Evidence, Reader, open_catalogue
from .faults import DISK, FAULTS, PROCESS, WORLD, Scene
from .invariants import Story, complaints

_CUTS_OFF: Final = {
    "SIGKILL",
    "SIGSTOP",
    "restart",
    "reload",
    "reconfigure",
    "new certificate",
    "disk read-only at start",
    "S3 down",
    "S3 refuses",
    "S3 answers get lost",
    "S3 slow",
    "clock step",
}
"""Faults after which parts of an upload may be left, for the janitor."""
_DISK_AWAY: Final = {"disk read-only", "disk unplugged"}
_DELIVER_SECONDS = 90
_DRAIN_SECONDS = 120
_LOOK_SECONDS = 10
_LOOK_AGAIN = 0.3
_A_DAY = 25 * 3600
_PRESS_AGAIN = 3.0


class Chaos:
    """A recorder, and everything that happens to it."""

    def __init__(self, scene: Scene, seed: int, *, has_streams: bool) -> None:
        """Plan with this seed."""
        self.scene, self.seed = scene, seed
        self.reader = Reader(scene)
        self.story = Story(scene.cameras.ledger, scene.lives, scene.recorder.secrets())
        self.left_out = [] if has_streams else ["streams: there is no GStreamer"]
        if not scene.disk.is_real:
            self.left_out.append("faults of the disk: only root can mount one")
        if not scene.clock.can_step:
            self.left_out.append("clock steps: there is no C compiler")
        self._starts = scene.recorder.starts
        self._has_met_storm = False
        self._away_at = 0.0
        self._chance = random.Random(f"{seed} plan")

    def plan(self, rounds: int) -> Iterator[tuple[str, ...]]:
        """Yield the faults of each round: one, two or three of different kinds.

        Of each kind all come, in any order, before any of them comes again.
        """
        kinds = [self._order([*kind]) for kind in (PROCESS, DISK, WORLD)]
        for number in range(rounds):
            # A short run has no time for a fault that comes alone.
            count = 3 if number < 6 else self._chance.choice((1, 1, 2, 3))
            chosen = sorted(self._chance.sample(range(3), count))
            yield tuple(name for kind in chosen if (name := next(kinds[kind], "")))

    def _order(self, names: list[str]) -> Iterator[str]:
        possible = [
            name
            for name in names
            if (self.scene.disk.is_real or not name.startswith("disk"))
            and (self.scene.clock.can_step or name != "clock step")
        ]
        while possible:
            yield from self._chance.sample(possible, len(possible))

    def round(self, *names: str) -> Evidence:
        """Let cameras deliver while these faults come and go, and check everything.

        Raises AssertionError with all that does not hold.
        """
        scene, chance = self.scene, self.scene.chance
        self.story.may_leave_parts = not _CUTS_OFF.isdisjoint(names)
        clip = chance.randrange(CAMERAS) if chance.random() < 0.5 else None
        scene.cameras.start(clip)
        time.sleep(chance.uniform(0.0, 1.0))
        mends = []
        try:
            for name in names:
                mends.append(FAULTS[name](scene))
                time.sleep(chance.uniform(0.2, 1.5))
            time.sleep(chance.uniform(0.0, 1.0))
        finally:
            for mend in reversed(mends):
                mend()
        scene.recorder.wait_until_ready()
        if not _DISK_AWAY.isdisjoint(names):
            self._away_at = time.monotonic()
        scene.cameras.finish(_DELIVER_SECONDS)
        return self.check(storm="camera storm" in names)

    def archive(self, number: int) -> None:
        """Ask for a camera's first day to be archived, and to be purged from the disk.

        Both are jobs: they go on whatever happens next.
        """
        day = datetime.now(UTC).date() - timedelta(days=2)
        api = self.scene.recorder.api
        api.call(
            "archive",
            {
                "camera": camera_name(number),
                "date": day.isoformat(),
                "storage_class": "STANDARD",
                "wait": False,
            },
        )
        api.call(
            "purge",
            {
                "camera": camera_name(number),
                "before": (day + timedelta(days=1)).isoformat(),
                "scope": "local",
                "dry_run": False,
                "max_delete": 100_000,
                "wait": False,
            },
        )

    def let_a_day_pass(self) -> None:
        """Begin a new engine for which it is tomorrow, as it is for the service."""
        self.scene.s3.proxy.clock = timedelta(seconds=_A_DAY)
        self.scene.clock.set_ahead(_A_DAY)
        wait = self.scene.begin_new_engine()
        self.scene.recorder.reload()
        wait()

    def check(self, *, storm: bool = False) -> Evidence:
        """Wait until nothing is under way, and look at everything."""
        self._drain()
        began = max((life.ready for life in self.scene.lives), default=0.0)
        self.story.may_leave_temporary = self._away_at > began
        if self._starts != self.scene.recorder.starts:
            self._starts = self.scene.recorder.starts
            self.story.first_memory, self._has_met_storm = None, False
        if storm and not self._has_met_storm:
            # What so many sessions at a time take is kept for the next ones.
            self.story.first_memory, self._has_met_storm = None, True
        # A recorder goes on recording and making room while it is looked at: only what
        # is wrong each time is wrong.
        found = self.reader.read()
        wrong = complaints(found, self.story)
        # The first look is long: it reads whatever is new.
        end = time.monotonic() + _LOOK_SECONDS
        while wrong:
            if time.monotonic() > end:
                raise AssertionError(
                    "\n".join(f"{key}: {text}" for key, text in wrong.items())
                )
            time.sleep(_LOOK_AGAIN)
            found = self.reader.read()
            again = complaints(found, self.story)
            wrong = {key: again[key] for key in wrong.keys() & again.keys()}
        self.story.unfinished = found.unfinished
        self.story.first_memory = self.story.first_memory or found.memory
        return found

    def _drain(self) -> None:
        """Let everything be uploaded, as an owner does who presses the button."""
        end = time.monotonic() + _DRAIN_SECONDS
        pressed = 0.0
        recorder = self.scene.recorder
        while True:
            with (
                suppress(sqlite3.OperationalError),
                closing(open_catalogue(recorder)) as catalogue,
            ):
                waiting = catalogue.execute("SELECT count(*) FROM uploads").fetchone()[
                    0
                ]
                jobs = catalogue.execute(
                    "SELECT count(*) FROM jobs WHERE state = 'running'"
                ).fetchone()[0]
                if not waiting and not jobs:
                    return
            # The check says what still waits.
            if time.monotonic() > end:
                return
            if time.monotonic() - pressed > _PRESS_AGAIN:
                pressed = time.monotonic()
                with suppress(requests.RequestException):
                    recorder.press("upload_now")
            time.sleep(_LOOK_AGAIN)
