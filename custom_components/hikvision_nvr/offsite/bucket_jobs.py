"""The kinds of jobs that work on the bucket: from plain arguments to plain results."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, Final

from ..jobs import JobRun, JobWork
from ..model import Describe
from .archive import Archiver
from .archive_job import ArchiveJob, DayChoice
from .bucket import Bucket
from .purge import Purger, PurgeScope
from .restore import Restorer, Wish
from .sort import Sorter
from .verify import Scope, Verifier

if TYPE_CHECKING:
    from ..store import Store

KIND_SORT: Final = "sort"
KIND_ARCHIVE: Final = "archive"
KIND_PURGE: Final = "purge"
KIND_RESTORE: Final = "restore"
KIND_VERIFY: Final = "verify"


class BucketJobs:
    """What jobs do with a recorder's bucket."""

    def __init__(
        self,
        bucket: Callable[[], Awaitable[Bucket]],
        store: Store,
        describe: Describe,
        time_zone: tzinfo,
    ) -> None:
        """Work on what ``bucket`` opens."""
        self._bucket = bucket
        self._store = store
        self._describe = describe
        self._time_zone = time_zone

    def kinds(self) -> dict[str, JobWork]:
        """Return the work of each kind."""
        return {
            KIND_SORT: self.sort,
            KIND_ARCHIVE: self.archive,
            KIND_PURGE: self.purge,
            KIND_RESTORE: self.restore,
            KIND_VERIFY: self.verify,
        }

    async def sort(self, job: JobRun) -> dict[str, Any]:
        """Arguments: ``camera`` (or None), ``patterns``, ``grace`` (s), ``dry_run``."""
        sorter = Sorter(
            await self._bucket(),
            self._store,
            self._describe,
            self._time_zone,
            grace=timedelta(seconds=job.arguments["grace"]),
        )
        result = await sorter.sort(
            job.arguments["camera"],
            patterns=job.arguments["patterns"],
            dry_run=job.arguments["dry_run"],
            job=job,
        )
        return result.as_dict()

    async def archive(self, job: JobRun) -> dict[str, Any]:
        """Arguments: those of ``DayChoice``, ``storage_class``, ``limit``, ``dry_run``."""
        bucket = await self._bucket()
        archiver = Archiver(bucket, self._store, self._time_zone)
        return await ArchiveJob(bucket, self._store, archiver).run(
            DayChoice(
                camera=job.arguments["camera"],
                first=_date(job.arguments, "first"),
                last=_date(job.arguments, "last"),
                pattern=job.arguments["pattern"],
            ),
            storage_class=job.arguments["storage_class"],
            limit=job.arguments["limit"],
            dry_run=job.arguments["dry_run"],
            job=job,
        )

    async def purge(self, job: JobRun) -> dict[str, Any]:
        """Arguments: those of ``Purger.purge``."""
        purger = Purger(await self._bucket(), self._store, self._time_zone)
        result = await purger.purge(
            date.fromisoformat(job.arguments["before"]),
            camera=job.arguments["camera"],
            pattern=job.arguments["pattern"],
            scope=PurgeScope(job.arguments["scope"]),
            dry_run=job.arguments["dry_run"],
            max_delete=job.arguments["max_delete"],
            job=job,
        )
        return result.as_dict()

    async def restore(self, job: JobRun) -> dict[str, Any]:
        """Arguments: those of ``Wish``, ``first`` and ``last`` as ISO times."""
        restorer = Restorer(
            await self._bucket(), self._store, self._describe, self._time_zone
        )
        first, last = job.arguments["first"], job.arguments["last"]
        wish = Wish(
            camera=job.arguments["camera"],
            day=date.fromisoformat(job.arguments["date"]),
            patterns=tuple(job.arguments["patterns"]),
            first=None if first is None else time.fromisoformat(first),
            last=None if last is None else time.fromisoformat(last),
            tier=job.arguments["tier"],
            days=job.arguments["days"],
            extract=job.arguments["extract"],
        )
        return await restorer.restore(wish, job)

    async def verify(self, job: JobRun) -> dict[str, Any]:
        """Arguments: those of ``Scope``."""
        verifier = Verifier(await self._bucket(), self._store, self._describe)
        scope = Scope(
            camera=job.arguments["camera"],
            first=_date(job.arguments, "first"),
            last=_date(job.arguments, "last"),
            checks=tuple(job.arguments["checks"]),
            repair=job.arguments["repair"],
            full=job.arguments["full"],
        )
        return await verifier.verify(scope, job)


def _date(arguments: Mapping[str, Any], name: str) -> date | None:
    text = arguments[name]
    return None if text is None else date.fromisoformat(text)
