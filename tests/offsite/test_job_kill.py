"""Sort, archive and purge are killed at each of their steps, and lose nothing.

A step is a request: the process is killed before it reaches the service, or after it
was carried out and before the answer is heard. A few of them; with
HIKVISION_NVR_FULL=1 every step of every job, and moments between them: 320 rounds.

A purge of recordings asks no service. Its steps are what it does on the disk: before a
file is deleted, before and after each transaction of the catalogue.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing, suppress
import gzip
from hashlib import sha256
import io
import json
import os
from pathlib import Path
import random
import signal
import sqlite3
import sys
import tarfile
from typing import Any, Final
import uuid

from aiohttp import web
import pytest

from .conftest import Remote, open_remote
from .job_process import START
from .proxy import S3Proxy

FULL: Final = os.environ.get("HIKVISION_NVR_FULL") == "1"
SHORT_ROUNDS: Final = 3
FULL_ROUNDS: Final = 80
"""Of each job."""
LONGEST_DELAY: Final = 0.06
"""Seconds from an answer to the kill: what is done on the disk between two requests."""
LARGE: Final = 6 << 20
ROOT: Final = Path(__file__).parents[2]

ARCHIVE: Final = {
    "camera": "CAM",
    "first": "2026-11-18",
    "last": "2026-11-19",
    "pattern": None,
    "storage_class": "STANDARD",
    "limit": 31,
    "dry_run": False,
}
SORT: Final = {"camera": None, "patterns": ["*"], "grace": 0, "dry_run": False}
PURGE: Final = {
    "before": "2026-11-19",
    "camera": None,
    "pattern": "*",
    "scope": "captures",
    "dry_run": False,
    "max_delete": 100,
}
PURGE_LOCAL: Final = {
    "before": "2026-11-19",
    "camera": None,
    "pattern": "*",
    "dry_run": False,
    "max_delete": 100,
    "include_not_offsite": False,
}


PURGE_RECORDINGS: Final = {
    "before": "2026-11-19",
    "camera": None,
    "pattern": "*",
    "dry_run": False,
    "max_delete": 1000,
    "include_not_offsite": False,
}
OLD_SEGMENTS: Final = 24
NEW_SEGMENTS: Final = 5


def noise(seed: int, size: int = 2000) -> bytes:
    return random.Random(seed).randbytes(size)


class Case:
    """A job, what is in the bucket and the store before it, and what may go."""

    def __init__(
        self,
        kind: str,
        arguments: dict[str, Any],
        objects: dict[str, bytes],
        keep: list[tuple[str, int, int]] | None = None,
        may_go: tuple[str, ...] = (),
    ) -> None:
        self.kind = kind
        self.arguments = arguments
        self.objects = objects
        self.keep = keep or []
        self.may_go = {sha256(objects[key]).hexdigest() for key in may_go}

    def acknowledged(self) -> set[str]:
        contents = [
            *self.objects.values(),
            *(noise(seed, size) for _, seed, size in self.keep),
        ]
        return {sha256(content).hexdigest() for content in contents} - self.may_go


CASES: Final = {
    "sort": Case(
        "sort",
        SORT,
        {
            **{f"CAM/20261118T10000{n}.jpg": noise(n) for n in range(6)},
            "CAM/2026-11-18/20261118T100000.jpg": noise(0),
            "CAM/2026-11-18/20261118T100001.jpg": noise(50),
            "OTHER/20261119T100000.mp4": noise(51),
        },
    ),
    "archive": Case(
        "archive",
        ARCHIVE,
        {
            **{f"CAM/2026-11-18/{n}.jpg": noise(n) for n in range(5)},
            "CAM/2026-11-19/large.mp4": noise(60, LARGE),
            "CAM/2026-11-19/small.jpg": noise(61),
            "CAM/2026-11-20/other.jpg": noise(62),
        },
        keep=[("20261118T120000.jpg", 70, 3000), ("20261119T120000.jpg", 71, 3000)],
    ),
    "purge": Case(
        "purge",
        PURGE,
        {
            **{f"CAM/2026-11-17/{n}.jpg": noise(n) for n in range(4)},
            "CAM/2026-11-20/kept.jpg": noise(9),
            "CAM/archive/2026-11-01.tar.gz": noise(10),
        },
        may_go=tuple(f"CAM/2026-11-17/{n}.jpg" for n in range(4)),
    ),
    "purge_local": Case(
        "purge_local",
        PURGE_LOCAL,
        {"CAM/2026-11-20/kept.jpg": noise(9)},
        keep=[(f"2026111{n}T120000.jpg", 80 + n, 3000) for n in (5, 6, 7, 8, 9)],
    ),
}


class Processes:
    """The process that forks a child for each job."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.child = 0

    async def run(self, order: dict[str, Any]) -> int:
        """Return the exit code of a child, negative for the signal that ended it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self.child = int(await self._said())
        code = int(await self._said())
        self.child = 0
        return code

    def kill(self) -> None:
        """Kill the child, if it still runs."""
        if self.child:
            # It may just have ended by itself.
            with suppress(ProcessLookupError):
                os.kill(self.child, signal.SIGKILL)

    async def _said(self) -> bytes:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        assert line, "the process has ended"
        return line


@pytest.fixture
async def processes() -> AsyncIterator[Processes]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.offsite.job_process",
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    yield Processes(process)
    assert process.stdin is not None
    process.stdin.close()
    await process.wait()


class Killer:
    """Counts the requests of a job, and kills it at one of them."""

    def __init__(self, proxy: S3Proxy, processes: Processes) -> None:
        self._proxy = proxy
        self._processes = processes
        self.at: int | None = None
        self.after = False
        self.delay: float | None = None
        self.requests = 0
        self._begun = False
        self._later: asyncio.TimerHandle | None = None
        proxy.fault = self._fault

    def aim(
        self, at: int | None, *, after: bool = False, delay: float | None = None
    ) -> None:
        """Kill at this request; with ``delay`` so long after it was answered."""
        if self._later is not None:
            # A job that has ended before it was to be killed: not the next one instead.
            self._later.cancel()
        self.at, self.after, self.delay = at, after, delay
        self.requests, self._begun = 0, False

    async def _fault(self, request: web.Request) -> web.StreamResponse | None:
        if request.path.endswith(START):
            self._begun = True
            return None
        if not self._begun:
            return None
        self.requests += 1
        if self.requests != self.at:
            return None
        if self.delay is not None:
            answer = await self._proxy.forward(request)
            self._later = asyncio.get_running_loop().call_later(
                self.delay, self._processes.kill
            )
            return answer
        if self.after:
            await self._proxy.forward(request)
        self._processes.kill()
        return web.Response(status=500)


def members_of(archive: bytes) -> list[bytes]:
    found = []
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as opened:
        for entry in opened:
            file = opened.extractfile(entry)
            assert file is not None
            found.append(file.read())
    return found


def check(case: Case, remote: Remote, prefix: str, folder: Path) -> None:
    """Each acknowledged content is in the store, the bucket or an archive."""
    there: set[str] = set()
    keys = remote.listed(prefix)
    for key in keys:
        if "/_hikvision_nvr/" in key:
            continue
        content = remote.read(key)
        there.add(sha256(content).hexdigest())
        index = key.replace(".tar.gz", ".index.json.gz")
        if key.endswith(".tar.gz") and index in keys:
            packed = [sha256(one).hexdigest() for one in members_of(content)]
            there.update(packed)
            listed = json.loads(gzip.decompress(remote.read(index)))
            assert listed["size"] == len(content)
            assert [one["sha256"] for one in listed["members"]] == packed
        elif key.endswith(".tar.gz"):
            assert key.endswith("2026-11-01.tar.gz"), "an archive without its index"
    for path in (folder / "media").rglob("*"):
        if path.is_file():
            there.add(sha256(path.read_bytes()).hexdigest())
    assert case.acknowledged() - there == set()


async def one_round(
    case: Case,
    killer: Killer,
    processes: Processes,
    proxy: S3Proxy,
    remote: Remote,
    folder: Path,
) -> bool:
    """Run the job, killed or not, then resume it; return whether it was killed."""
    prefix = f"{uuid.uuid4().hex}/"
    for key, content in case.objects.items():
        remote.put(prefix + key, content)
    order = {
        "folder": str(folder),
        "url": proxy.url,
        "bucket": remote.name,
        "prefix": prefix,
    }
    begin = {
        **order,
        "kind": case.kind,
        "arguments": case.arguments,
        "keep": case.keep,
    }
    code = await processes.run(begin)
    assert code in (0, -signal.SIGKILL)
    # Nothing is lost meanwhile, and nothing once the job has gone on.
    check(case, remote, prefix, folder)
    if code:
        killer.aim(None)
        assert await processes.run(order) == 0
        check(case, remote, prefix, folder)
    done(case, remote, prefix, folder)
    return code != 0


def done(case: Case, remote: Remote, prefix: str, folder: Path) -> None:
    """The job has done its work in the end."""
    keys = [key.removeprefix(prefix) for key in remote.listed(prefix)]
    match case.kind:
        case "sort":
            assert not [key for key in keys if key.count("/") == 1]
            names = [key for key in keys if key.startswith("CAM/2026-11-18/")]
            # The one that was there with other content, and the six.
            assert len(names) == 7
        case "archive":
            assert [key for key in keys if key.startswith("CAM/2026-")] == [
                "CAM/2026-11-20/other.jpg"
            ]
        case "purge":
            assert [key for key in keys if key.startswith("CAM/2026-")] == [
                "CAM/2026-11-20/kept.jpg"
            ]
        case "purge_local":
            left = [path.name for path in (folder / "media" / "CAM").rglob("*.jpg")]
            assert left == ["20261119T120000.jpg"]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", list(CASES))
async def test_killed_job_loses_nothing_and_goes_on(
    kind: str, moto: str, proxy: S3Proxy, processes: Processes, tmp_path: Path
) -> None:
    case = CASES[kind]
    remote = open_remote(moto, f"bucket-{uuid.uuid4().hex}")
    killer = Killer(proxy, processes)
    killer.aim(None)
    assert not await one_round(
        case, killer, processes, proxy, remote, tmp_path / "whole"
    )
    chance = random.Random(20261122)
    requests = killer.requests
    steps: list[tuple[int, bool, float | None]] = [
        (at, after, None) for at in range(1, requests + 1) for after in (False, True)
    ]
    must_be_killed = len(steps)
    if FULL:
        steps += [
            (chance.randint(1, requests), True, chance.uniform(0, LONGEST_DELAY))
            for _ in range(FULL_ROUNDS - len(steps))
        ]
    else:
        steps = chance.sample(steps, min(SHORT_ROUNDS, len(steps)))
        must_be_killed = len(steps)
    killed = 0
    for number, (at, after, delay) in enumerate(steps):
        killer.aim(at, after=after, delay=delay)
        killed += await one_round(
            case, killer, processes, proxy, remote, tmp_path / str(number)
        )
    print(f"{kind}: {requests} requests, {len(steps)} rounds, {killed} killed")
    assert killed >= must_be_killed


def segments() -> list[tuple[str, int, int]]:
    """Return recordings of six hours before the day, and of some minutes of it."""
    old = [
        (f"2026-11-18T{16 + number // 4}:{number % 4:02}:00+01:00", 100 + number, 3000)
        for number in range(OLD_SEGMENTS)
    ]
    new = [
        (f"2026-11-19T00:{number:02}:00+01:00", 200 + number, 3000)
        for number in range(NEW_SEGMENTS)
    ]
    return [*old, *new]


def known_segments(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "catalogue.sqlite")) as catalogue:
        (count,) = catalogue.execute("SELECT count(*) FROM segments").fetchone()
        return int(count)


def footage(folder: Path) -> set[str]:
    return {
        sha256(path.read_bytes()).hexdigest()
        for path in (folder / "media" / "CAM" / "recordings").rglob("*.mp4")
    }


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_killed_purge_of_recordings_keeps_what_is_not_meant_and_goes_on(
    moto: str, processes: Processes, tmp_path: Path
) -> None:
    remote = open_remote(moto, f"bucket-{uuid.uuid4().hex}")
    hashes = [sha256(noise(seed, size)).hexdigest() for _, seed, size in segments()]
    meant, kept = set(hashes[:OLD_SEGMENTS]), set(hashes[OLD_SEGMENTS:])

    async def one_round(name: str, die_at: int) -> tuple[int, int]:
        """Purge, killed or not, then go on; return the exit code and the steps."""
        folder = tmp_path / name
        order = {
            "folder": str(folder),
            "url": moto,
            "bucket": remote.name,
            "prefix": f"{name}/",
        }
        begin = {
            **order,
            "kind": "purge_recordings",
            "arguments": PURGE_RECORDINGS,
            "recordings": segments(),
            "die_at": die_at,
        }
        code = await processes.run(begin)
        assert code in (0, -signal.SIGKILL)
        left = footage(folder)
        assert kept <= left <= kept | meant
        # A file goes before its row: what is on the disk is known.
        assert known_segments(folder) >= len(left)
        if code:
            assert await processes.run(order) == 0
            left = footage(folder)
        # Killed before the job itself was noted, there is nothing to go on with.
        assert left == (kept | meant if code and die_at == 1 else kept)
        assert known_segments(folder) == len(left)
        assert not list((folder / "media" / "CAM").glob("recordings/*/*/.*"))
        return code, int((folder / "steps").read_text())

    code, steps = await one_round("whole", 0)
    assert code == 0
    # Each file, and for each batch what is noted of it.
    assert steps > OLD_SEGMENTS
    at = list(range(1, steps + 1))
    if not FULL:
        at = random.Random(20261122).sample(at, SHORT_ROUNDS)
    for number in at:
        code, _ = await one_round(str(number), number)
        assert code == -signal.SIGKILL
    print(f"purge_recordings: {steps} steps, {len(at)} rounds")
