"""Reads what the recorder has, from outside: files, rows, objects, events, logs."""

from contextlib import closing
from dataclasses import dataclass, field
from hashlib import file_digest, sha256
import io
import json
import re
import sqlite3
import tarfile

from custom_components.hikvision_nvr.store.segment import segment_path

from .faults import Scene
from .recorder import Recorder
from .s3 import S3Service

_CAPTURE = re.compile(r"[^/.][^/]*/\d{4}-\d{2}-\d{2}/[^/]+")
_SEGMENT = re.compile(r"[^/.][^/]*/recordings/.+\.mp4")
_TEMPORARY = re.compile(r"(^|/)\.incoming/|\.(part|tmp|temp|partial)$")


@dataclass(frozen=True)
class Told:
    """A detection that Home Assistant was told, by which process, when."""

    process: int
    at: float
    camera: str
    file: str


@dataclass
class Evidence:
    """What there is at one moment, in which nothing is under way."""

    files: dict[str, str]
    """SHA-256 of each capture on the disk by its path."""
    segments: set[str]
    temporary: list[str]
    capture_rows: dict[str, str]
    """The same as ``files``, as the catalogue has it."""
    segment_rows: set[str]
    waiting: int
    """Rows of captures that are not offsite."""
    running_jobs: int
    objects: dict[str, str]
    """SHA-256 of each object by its key."""
    archived: set[str]
    """SHA-256 of each member of an archive."""
    unfinished: set[str]
    told: list[Told]
    threads: list[str]
    all_threads: int
    memory: int
    log: str
    shown: str
    """All states of Home Assistant, as text."""


@dataclass
class Reader:
    """Reads again and again, and each file and object once."""

    scene: Scene
    _files: dict[tuple[str, int, int], str] = field(default_factory=dict)
    _objects: dict[tuple[str, str], tuple[str, set[str]]] = field(default_factory=dict)

    def read(self) -> Evidence:
        """Read everything."""
        recorder = self.scene.recorder
        with closing(open_catalogue(recorder)) as catalogue:
            captures = dict(
                catalogue.execute(
                    "SELECT camera || '/' || day || '/' || name, sha256 FROM captures"
                    " WHERE local = 1"
                ).fetchall()
            )
            segments = {
                (camera, start, run, number)
                for camera, start, run, number in catalogue.execute(
                    "SELECT camera, start_us, run, sequence FROM segments"
                )
            }
            waiting = catalogue.execute("SELECT count(*) FROM uploads").fetchone()[0]
            jobs = catalogue.execute(
                "SELECT count(*) FROM jobs WHERE state = 'running'"
            ).fetchone()[0]
        files, found_segments, temporary = self._read_disk(recorder)
        objects, archived = self._read_bucket(self.scene.s3)
        return Evidence(
            files=files,
            segments=found_segments,
            temporary=temporary,
            capture_rows=captures,
            segment_rows={segment_path(*row) for row in segments},
            waiting=waiting,
            running_jobs=jobs,
            objects=objects,
            archived=archived,
            unfinished=set(self.scene.s3.unfinished_uploads()),
            told=read_told(recorder),
            threads=recorder.threads(),
            all_threads=recorder.all_threads(),
            memory=recorder.memory(),
            log=recorder.log_file.read_text(errors="replace"),
            shown=recorder.api.get("/api/states").text,
        )

    def _read_disk(
        self, recorder: Recorder
    ) -> tuple[dict[str, str], set[str], list[str]]:
        files, segments, temporary = {}, set(), []
        for path in recorder.storage.rglob("*"):
            name = str(path.relative_to(recorder.storage))
            try:
                status = path.stat()
                if path.is_dir():
                    continue
                if _TEMPORARY.search(name):
                    temporary.append(name)
                elif _SEGMENT.fullmatch(name):
                    segments.add(name)
                elif _CAPTURE.fullmatch(name):
                    what = (name, status.st_size, status.st_mtime_ns)
                    if what not in self._files:
                        with path.open("rb") as file:
                            digest = file_digest(file, "sha256").hexdigest()
                        self._files[what] = digest
                    files[name] = self._files[what]
            except FileNotFoundError:
                # Retention makes room for the recordings that go on.
                continue
        state = recorder.catalogue.parent
        temporary += [
            str(path)
            for path in state.rglob("*")
            if _TEMPORARY.search(str(path.relative_to(state)))
        ]
        return files, segments, temporary

    def _read_bucket(self, s3: S3Service) -> tuple[dict[str, str], set[str]]:
        objects, archived = {}, set()
        for key, etag in s3.objects().items():
            if key.startswith("_hikvision_nvr/") or "/_hikvision_nvr/" in key:
                continue
            if (key, etag) not in self._objects:
                content = s3.read(key)
                members = _members(content) if key.endswith(".tar.gz") else set()
                self._objects[key, etag] = sha256(content).hexdigest(), members
            objects[key], packed = self._objects[key, etag]
            archived |= packed
        return objects, archived


def open_catalogue(recorder: Recorder) -> sqlite3.Connection:
    """Open the catalogue of a recorder that runs, to read it."""
    return sqlite3.connect(f"file:{recorder.catalogue}?mode=ro", uri=True, timeout=30)


def read_told(recorder: Recorder) -> list[Told]:
    """Return what the witness has written down, one line for each detection."""
    told = []
    for line in (recorder.config / "witness").read_text().splitlines():
        said = json.loads(line)
        if "file" in said:
            told.append(
                Told(said["process"], said["at"], said["camera"], said["file"] or "")
            )
    return told


def _members(archive: bytes) -> set[str]:
    found = set()
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as opened:
        for entry in opened:
            if (file := opened.extractfile(entry)) is not None:
                found.add(sha256(file.read()).hexdigest())
    return found
