"""Whatever goes wrong, and in whatever order, what was acknowledged is there.

A few rounds with a seed that is always the same; with ``scripts/test --chaos`` many,
with any. The seed is printed: HIKVISION_NVR_CHAOS_SEED plays its plan again.
HIKVISION_NVR_CHAOS is the number of rounds of the long form.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
import os
from pathlib import Path
import time

import pytest

from .cameras import CAMERAS
from .chaos import Chaos
from .evidence import Evidence
from .invariants import CHECKS, MOST_GROWTH
from .s3 import BUCKET

ROUNDS = int(os.environ.get("HIKVISION_NVR_CHAOS") or 4)
_ROUND_SECONDS = 240


@pytest.mark.timeout(_ROUND_SECONDS * ROUNDS)
def test_nothing_is_lost_whatever_goes_wrong(chaos: Chaos) -> None:
    print(f"\nseed {chaos.seed}, {ROUNDS} rounds")
    for reason in chaos.left_out:
        print(f"left out: {reason}")
    # What a quiet recorder is like, to compare with.
    found = chaos.round()
    print(f"quiet: {len(found.files)} on the disk, {found.memory >> 20} MiB")
    ledger = chaos.story.ledger
    assert ledger.broken == 0, "a recorder that is well refuses nothing"
    for number, faults in enumerate(chaos.plan(ROUNDS)):
        begun = time.monotonic()
        if number % 3 == 1:
            chaos.archive(number % CAMERAS)
        print(f"round {number + 1}: {', '.join(faults)}", end="", flush=True)
        found = chaos.round(*faults)
        print(
            f": {time.monotonic() - begun:.0f} s, {len(ledger.hashes)} acknowledged,"
            f" {ledger.broken} broken off, {ledger.refused} refused,"
            f" {len(found.files)} on the disk, {len(found.objects)} objects,"
            f" {len(found.archived)} archived, {found.memory >> 20} MiB"
        )
    # There must have been something to lose, and something must have gone wrong.
    assert len(ledger.hashes) > CAMERAS * ROUNDS
    assert ledger.broken > 0


type Breakage = Callable[[Chaos], object]


@contextmanager
def _lost(chaos: Chaos) -> Iterator[None]:
    """The last copy of a file is gone."""
    found = chaos.reader.read()
    path = next(
        path
        for path, digest in found.files.items()
        if found.objects.get(path) == digest and digest not in found.archived
    )
    file, s3 = chaos.scene.recorder.storage / path, chaos.scene.s3
    status, content = file.stat(), file.read_bytes()
    file.unlink()
    s3.client.delete_object(Bucket=BUCKET, Key=path)
    yield
    s3.client.put_object(Bucket=BUCKET, Key=path, Body=content)
    file.write_bytes(content)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


@contextmanager
def _changed(chaos: Chaos) -> Iterator[None]:
    """A byte of a file on the disk is another one."""
    path = next(iter(chaos.reader.read().files))
    file = chaos.scene.recorder.storage / path
    content = file.read_bytes()
    status = file.stat()
    file.write_bytes(content[:-3] + b"X" + content[-2:])
    yield
    file.write_bytes(content)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


@contextmanager
def _witness(chaos: Chaos, change: Callable[[list[str]], list[str]]) -> Iterator[None]:
    file = chaos.scene.recorder.config / "witness"
    said = file.read_text()
    file.write_text("".join(change(said.splitlines(keepends=True))))
    yield
    file.write_text(said)


def _told_twice(chaos: Chaos) -> object:
    return _witness(chaos, lambda lines: [*lines, _first_told(lines)])


def _never_told(chaos: Chaos) -> object:
    def change(lines: list[str]) -> list[str]:
        lines.remove(_first_told(lines))
        return lines

    return _witness(chaos, change)


def _first_told(lines: list[str]) -> str:
    # Of the quiet first round, where nothing is an excuse.
    return next(line for line in lines if '"file"' in line)


@contextmanager
def _a_file(file: Path) -> Iterator[None]:
    made = [folder for folder in file.parents if not folder.exists()]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"nobody's")
    yield
    file.unlink()
    for folder in made:
        folder.rmdir()


def _temporary(chaos: Chaos) -> object:
    return _a_file(chaos.scene.recorder.storage / ".incoming" / "left.part")


def _orphan(chaos: Chaos) -> object:
    return _a_file(chaos.scene.recorder.storage / "Camera 03/2026-01-01/orphan.jpg")


def _orphan_segment(chaos: Chaos) -> object:
    return _a_file(
        chaos.scene.recorder.storage / "Camera 00/recordings/2026-01-01/10/orphan.mp4"
    )


@contextmanager
def _parts(chaos: Chaos) -> Iterator[None]:
    """Somebody begins an upload in parts and forgets it."""
    client = chaos.scene.s3.client
    begun = client.create_multipart_upload(Bucket=BUCKET, Key="Camera 01/forgotten")
    yield
    client.abort_multipart_upload(
        Bucket=BUCKET, Key="Camera 01/forgotten", UploadId=begun["UploadId"]
    )


@contextmanager
def _backlog(chaos: Chaos) -> Iterator[None]:
    """The bucket is away, and files come all the same."""
    chaos.scene.s3.take_down()
    chaos.scene.cameras.start()
    chaos.scene.cameras.finish(60)
    yield
    chaos.scene.s3.mend()


type Tamper = Callable[[Evidence, Chaos], Evidence]
"""Says what would be found; for what cannot be done to a real recorder from outside."""


def _leak(found: Evidence, chaos: Chaos) -> Evidence:
    return replace(found, log=f"{found.log}{chaos.story.secrets[0]}\n")


def _show(found: Evidence, chaos: Chaos) -> Evidence:
    return replace(found, shown=f"{found.shown}{chaos.story.secrets[-1]}")


def _grow(found: Evidence, _chaos: Chaos) -> Evidence:
    return replace(found, memory=found.memory + 2 * MOST_GROWTH)


def _second_engine(found: Evidence, _chaos: Chaos) -> Evidence:
    return replace(found, threads=[*found.threads, "hikvision_nvr-e"])


def _error(kind: str) -> Tamper:
    def log(found: Evidence, _chaos: Chaos) -> Evidence:
        trace = (
            "2026-11-22 12:00:00.000 ERROR (MainThread) [somewhere] No idea\n"
            "Traceback (most recent call last):\n"
            '  File "custom_components/hikvision_nvr/engine.py", line 1, in start\n'
            f"    raise {kind}\n"
            f"{kind}\n"
        )
        return replace(found, log=found.log + trace)

    return log


def _stay(found: Evidence, _chaos: Chaos) -> Evidence:
    left = (
        "2026-11-22 12:00:00.000 ERROR (hikvision_nvr-engine) [somewhere] A part of the"
        " recorder does not stop and is left behind.\n"
    )
    return replace(found, log=found.log + left)


BROKEN: list[tuple[str, Breakage]] = [
    ("nothing_is_lost", _lost),
    ("rows_and_files_agree", _changed),
    ("each_detection_is_told_once", _told_twice),
    ("each_detection_is_told_once", _never_told),
    ("no_temporary_file", _temporary),
    ("rows_and_files_agree", _orphan),
    ("segments_and_files_agree", _orphan_segment),
    ("no_upload_in_parts_is_left", _parts),
    ("nothing_waits", _backlog),
]
TAMPERED: list[tuple[str, Tamper]] = [
    ("no_secret_is_shown", _leak),
    ("no_secret_is_shown", _show),
    ("memory_is_bounded", _grow),
    ("no_thread_is_left", _second_engine),
    ("no_error_of_our_own", _error("RuntimeError")),
    ("no_error_of_our_own", _stay),
    (
        "no_error_of_our_own",
        _error("custom_components.hikvision_nvr.errors.StorageError: no room"),
    ),
]


def _complaints(check: str, found: Evidence, chaos: Chaos) -> list[str]:
    (wanted,) = (one for one in CHECKS if one.__name__ == check)
    return wanted(found, chaos.story)


def test_each_check_has_been_seen_to_fail(chaos: Chaos) -> None:
    # Nothing may be excused: a quiet round of a new engine.
    wait = chaos.scene.begin_new_engine()
    chaos.scene.recorder.reload()
    wait()
    chaos.round()
    for check, break_it in BROKEN:
        chaos.check()
        with break_it(chaos):
            found = chaos.reader.read()
            assert _complaints(check, found, chaos), f"{check} does not see it"
    found = chaos.check()
    for check, tamper in TAMPERED:
        tampered = tamper(found, chaos)
        assert _complaints(check, tampered, chaos), f"{check} does not see it"
    seen = {check for check, _ in (*BROKEN, *TAMPERED)}
    assert seen == {check.__name__ for check in CHECKS}
    # What is looked for a secret, and for an error, is the real log.
    assert "custom_components.hikvision_nvr" in found.log


def test_the_same_seed_is_the_same_plan(chaos: Chaos) -> None:
    def plan(seed: int) -> list[tuple[str, ...]]:
        return list(Chaos(chaos.scene, seed, has_streams=True).plan(20))

    assert plan(chaos.seed) == plan(chaos.seed)
    assert plan(chaos.seed) != plan(chaos.seed + 1)


def test_nothing_is_left_a_day_later(chaos: Chaos) -> None:
    """What crashes have left in the bucket is gone, and all the rest is there."""
    if not chaos.scene.clock.can_step:
        pytest.skip("there is no C compiler: the clock cannot be set")
    client = chaos.scene.s3.client
    client.create_multipart_upload(
        Bucket=BUCKET, Key="Camera 01/2026-01-01/20260101T120000.mp4"
    )
    chaos.let_a_day_pass()
    end = time.monotonic() + 60
    while left := chaos.scene.s3.unfinished_uploads():
        assert time.monotonic() < end, f"left for ever: {left}"
        time.sleep(0.2)
    chaos.check()
