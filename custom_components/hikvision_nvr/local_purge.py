"""Purging the disk: captures that the bucket is proven to have, and recordings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from typing import Any, Final

from .jobs import JobRun
from .model import Capture
from .purging import PurgeTally, matches
from .store import Store
from .store.capture_removal import Proof
from .store.rows import to_us
from .store.segment_removal import OldSegment, Position

_BATCH: Final = 250
"""Segments that are looked at, and deleted, at once."""


class LocalPurge:
    """Deletes from the disk what the owner no longer wants there."""

    def __init__(self, store: Store, time_zone: tzinfo, proof: Proof | None) -> None:
        """Count days in ``time_zone``; ``proof`` is None where there is no bucket."""
        self._store = store
        self._time_zone = time_zone
        self._proof = proof

    async def purge_local(self, job: JobRun) -> dict[str, Any]:
        """Delete captures from the disk, oldest days first.

        Arguments: ``before`` (ISO date), ``camera`` (or None), ``pattern``,
        ``max_delete``, ``dry_run``, ``include_not_offsite``: without the latter only
        what the bucket is proven to have goes. What is of a protected time stays.
        Raises OffsiteError, StorageError.
        """
        tally = _Tally(deleted=job.checkpoint.get("deleted", 0))
        limit: int = job.arguments["max_delete"]
        days = await self._store.captures.local_days(
            date.fromisoformat(job.arguments["before"]), job.arguments["camera"]
        )
        job.expect(len(days))
        for day, camera in days:
            if job.cancelled:
                break
            meant = [
                one
                for one in await self._store.captures.local_on(camera, day)
                if matches(one.name, [job.arguments["pattern"]])
            ]
            held = await self._store.captures.held_on(camera, day) if meant else set()
            captures = [one for one in meant if one.id not in held]
            tally.held += len(meant) - len(captures)
            room = max(0, limit - tally.deleted)
            if not job.arguments["dry_run"] and not room:
                tally.match_captures(captures)
                tally.remaining += len(captures)
                job.done()
                continue
            going = await self._may_go(captures, job)
            tally.match_captures(going)
            tally.not_offsite += len(captures) - len(going)
            if job.arguments["dry_run"]:
                tally.remaining += max(0, tally.matched - limit) - tally.remaining
            else:
                tally.remaining += len(going) - len(going[:room])
                gone = await self._store.drop(going[:room])
                tally.deleted += len(gone)
                tally.failed += len(going[:room]) - len(gone)
                await job.save(deleted=tally.deleted)
            job.done()
        return {**tally.result(job), "scope": "local"}

    async def _may_go(self, captures: Sequence[Capture], job: JobRun) -> list[Capture]:
        if job.arguments["include_not_offsite"]:
            return list(captures)
        if self._proof is None:
            return []
        proven = await self._proof(captures)
        return [one for one in captures if one.id in proven]

    async def purge_recordings(self, job: JobRun) -> dict[str, Any]:
        """Delete segments of recordings, oldest first.

        Arguments: those of ``purge_local``; a segment goes when it ended before the
        day began. What is held, watched by somebody, or still to be brought offsite
        stays; the last of these goes with ``include_not_offsite``. Raises StorageError.
        """
        tally = _Tally(deleted=job.checkpoint.get("deleted", 0))
        before = date.fromisoformat(job.arguments["before"])
        midnight = to_us(datetime.combine(before, time.min, self._time_zone))
        camera: str | None = job.arguments["camera"]
        footage = self._store.recordings.retention.footage
        job.expect(*await footage.count_before(midnight, camera=camera))
        after: Position | None = None
        while not job.cancelled:
            segments = await footage.before(
                midnight, camera=camera, after=after, limit=_BATCH
            )
            if not segments:
                break
            after = segments[-1].position
            going = [one for one in segments if self._segment_may_go(one, job, tally)]
            tally.match_segments(going)
            chosen = going[: max(0, job.arguments["max_delete"] - tally.chosen)]
            tally.chosen += len(chosen)
            tally.remaining += len(going) - len(chosen)
            if chosen and not job.arguments["dry_run"]:
                removed = await footage.remove(chosen)
                tally.deleted += len(removed.gone)
                tally.failed += len(removed.errors)
                await job.save(deleted=tally.deleted)
            job.done(len(segments), sum(one.size for one in segments))
        self._store.changed()
        return {
            **tally.result(job),
            "scope": "recordings",
            "watched": tally.watched,
        }

    def _segment_may_go(self, segment: OldSegment, job: JobRun, tally: _Tally) -> bool:
        if not matches(segment.name, [job.arguments["pattern"]]):
            return False
        due = segment.offsite_due and not job.arguments["include_not_offsite"]
        tally.held += segment.held
        tally.watched += segment.watched and not segment.held
        tally.not_offsite += due and not (segment.held or segment.watched)
        return not (segment.held or segment.watched or due)


@dataclass(slots=True)
class _Tally(PurgeTally):
    chosen: int = 0
    not_offsite: int = 0
    held: int = 0
    watched: int = 0
    remaining: int = 0
    failed: int = 0

    def __post_init__(self) -> None:
        # What went before a restart counts for the limit.
        self.chosen = self.deleted

    def match_captures(self, captures: Sequence[Capture]) -> None:
        for one in captures:
            self.match(one.camera, one.relative_path, one.size)

    def match_segments(self, segments: Sequence[OldSegment]) -> None:
        for one in segments:
            self.match(one.camera, one.path, one.size)

    def result(self, job: JobRun) -> dict[str, Any]:
        return {
            "dry_run": job.arguments["dry_run"],
            "before": job.arguments["before"],
            "matched": self.matched,
            "bytes": self.bytes,
            "deleted": self.deleted,
            "held": self.held,
            "not_offsite": self.not_offsite,
            "remaining": self.remaining,
            "by_camera": dict(sorted(self.by_camera.items())),
            "bytes_by_camera": dict(sorted(self.bytes_by_camera.items())),
            "sample": self.sample,
            "failed": self.failed,
            "complete": not job.cancelled,
        }
