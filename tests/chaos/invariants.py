"""What must hold after each round, whatever went wrong in it.

Each check takes what was found and returns complaints; none is good.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
import re

from .cameras import Burst, Ledger, camera_name
from .evidence import Evidence, Told
from .faults import Life

MOST_GROWTH = 128 << 20
"""Bytes that a process may gain after its first round, and after its first storm."""
MOST_MEMORY = 700 << 20
"""Bytes of a whole Home Assistant with the recorder in it."""
MOST_THREADS = 140
"""Of the whole process; Home Assistant's own pool may have 64, and its database's."""
_SINGLE = ("hikvision_nvr-e", "hikvision_nvr-r")
"""The engine and the reader of streams: one thread each."""
_BEFORE_A_KILL = 1.0
"""Seconds in which an acknowledged file may be one that Home Assistant never heard of."""
_RECORD = re.compile(r"^(?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3})", re.MULTILINE)
"""Where a line of Home Assistant's log begins, and not the rest of one."""


@dataclass
class Story:
    """What was done to the recorder so far, and what is known of it."""

    ledger: Ledger
    lives: list[Life]
    secrets: list[str]
    may_leave_parts: bool = False
    """Whether an upload in parts may have been cut off since the last check."""
    may_leave_temporary: bool = False
    """Whether the disk was away since this engine began: it could not tidy up there."""
    unfinished: set[str] = field(default_factory=set)
    """Uploads in parts that were found before: the janitor waits for a day."""
    first_memory: int | None = None
    """Resident bytes of this process at its first check, and after its first storm."""


type Check = Callable[[Evidence, Story], list[str]]


def nothing_is_lost(found: Evidence, story: Story) -> list[str]:
    """Each file that was acknowledged is on the disk, in the bucket or an archive."""
    there = {*found.files.values(), *found.objects.values(), *found.archived}
    return [
        f"lost: {name}"
        for name, digest in story.ledger.hashes.items()
        if digest not in there
    ]


def each_detection_is_told_once(found: Evidence, story: Story) -> list[str]:
    """One event for each burst.

    An engine that ends in the middle of a burst may leave the rest of it to the next
    one, which knows nothing of the beginning; one that is killed may have had no time
    to tell.
    """
    told: defaultdict[tuple[str, str], list[Told]] = defaultdict(list)
    for one in found.told:
        told[one.camera, one.file].append(one)
    complaints = []
    known = set()
    for burst in story.ledger.bursts:
        camera = camera_name(burst.camera)
        keys = [(camera, name) for name in burst.names]
        known.update(keys)
        events = [event for key in keys for event in told[key]]
        most = 1 + sum(_overlaps(burst, life) for life in story.lives)
        if len(events) > most:
            complaints.append(
                f"told more than once: {camera}, {burst.names} [{events}]"
            )
        if not events and burst.acknowledged and not _hidden(burst, story.lives):
            complaints.append(f"never told: {camera}, {burst.names}")
    complaints += [f"told, but never sent: {key}" for key in told.keys() - known]
    return complaints


def _overlaps(burst: Burst, life: Life) -> bool:
    return burst.begun <= life.ready and burst.ended >= life.ended


def _hidden(burst: Burst, lives: list[Life]) -> bool:
    """Whether a kill came right after a file was acknowledged."""
    return any(
        life.killed
        and burst.begun <= life.ready
        and life.ended - _BEFORE_A_KILL <= burst.ended
        for life in lives
    )


def no_temporary_file(found: Evidence, story: Story) -> list[str]:
    """Nothing is left of uploads that were broken off.

    What was under way when the disk went away is deleted by the next engine.
    """
    if story.may_leave_temporary:
        return []
    return [f"temporary: {name}" for name in found.temporary]


def rows_and_files_agree(found: Evidence, _story: Story) -> list[str]:
    """Each row has its file, with the bytes that it says, and each file its row."""
    complaints = [
        f"a row without its file: {path}"
        for path, digest in found.capture_rows.items()
        if found.files.get(path) != digest
    ]
    complaints += [
        f"a file without a row: {path}"
        for path in found.files.keys() - found.capture_rows.keys()
    ]
    return complaints


def segments_and_files_agree(found: Evidence, _story: Story) -> list[str]:
    """The same of recordings, but for those that are being written and removed."""
    complaints = [
        f"a segment without its file: {path}"
        for path in found.segment_rows - found.segments
    ]
    return complaints + [
        f"a segment's file without a row: {path}"
        for path in found.segments - found.segment_rows
    ]


def nothing_waits(found: Evidence, _story: Story) -> list[str]:
    """All is offsite, and no job runs: no row is left over."""
    complaints = [f"rows still wait [{found.waiting}]"] if found.waiting else []
    return complaints + (["a job runs for ever"] if found.running_jobs else [])


def no_upload_in_parts_is_left(found: Evidence, story: Story) -> list[str]:
    """Only what cuts an upload off may leave its parts, for a day."""
    new = found.unfinished - story.unfinished
    if story.may_leave_parts:
        return []
    return [f"parts of an upload are left: {one}" for one in new]


def no_thread_is_left(found: Evidence, _story: Story) -> list[str]:
    """One engine with its threads, whatever was reloaded."""
    names = Counter(found.threads)
    complaints = [
        f"{names[name]} threads {name}" for name in _SINGLE if names[name] > 1
    ]
    if names[_SINGLE[0]] != 1:
        complaints.append(f"{names[_SINGLE[0]]} engines run")
    if found.all_threads > MOST_THREADS:
        complaints.append(f"{found.all_threads} threads")
    return complaints


def memory_is_bounded(found: Evidence, story: Story) -> list[str]:
    """A process gains little after its first round, and is never large."""
    complaints = []
    if found.memory > MOST_MEMORY:
        complaints.append(f"too much memory [{found.memory >> 20} MiB]")
    if story.first_memory and found.memory - story.first_memory > MOST_GROWTH:
        grown = found.memory - story.first_memory
        complaints.append(f"memory grows [by {grown >> 20} MiB]")
    return complaints


def no_secret_is_shown(found: Evidence, story: Story) -> list[str]:
    """No password, key or token is in a log or in a state."""
    return [
        f"a secret is in the {where}: {secret[:3]}…"
        for where, text in (("log", found.log), ("states", found.shown))
        for secret in story.secrets
        if secret in text
    ]


def no_error_of_our_own(found: Evidence, _story: Story) -> list[str]:
    """What goes wrong is understood: it is told in a line, never by a traceback.

    That holds for our own errors, too: whoever writes down how one came about has not
    foreseen it. And every part of the engine stops when it is asked to.
    """
    return [
        record[-4000:]
        for record in _RECORD.split(found.log)
        if (
            "Traceback (most recent call last)" in record
            and "custom_components/hikvision_nvr" in record
        )
        or "does not stop and is left behind" in record
    ]


CHECKS: tuple[Check, ...] = (
    nothing_is_lost,
    each_detection_is_told_once,
    no_temporary_file,
    rows_and_files_agree,
    segments_and_files_agree,
    nothing_waits,
    no_upload_in_parts_is_left,
    no_thread_is_left,
    memory_is_bounded,
    no_secret_is_shown,
    no_error_of_our_own,
)


def complaints(found: Evidence, story: Story) -> dict[str, str]:
    """Return all that does not hold, by what it is without its figures."""
    return {
        f"{check.__name__}: {complaint.partition(' [')[0]}": complaint
        for check in CHECKS
        for complaint in check(found, story)
    }
