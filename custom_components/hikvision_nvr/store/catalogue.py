"""The catalogue: one SQLite database with a thread that writes and one that reads.

Writes that arrive together share one transaction, so that a burst of uploads costs
one sync of the disk and not one each.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
import logging
from pathlib import Path
import queue
import sqlite3
import threading
from typing import Any

from ..errors import CatalogueError
from .schema import migrate

_LOGGER = logging.getLogger(__name__)
_MAX_BATCH = 128

type Work[T] = Callable[[sqlite3.Connection], T]


@dataclass(slots=True)
class _Job:
    work: Work[Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None

    def settle(self) -> None:
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Catalogue:
    """Runs transactions on the database, off the event loop."""

    def __init__(self, path: Path) -> None:
        """Name the database's file; ``open`` makes it."""
        self._path = path
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._reader = ThreadPoolExecutor(1, "hikvision_nvr-catalogue-reader")
        self._writer: threading.Thread | None = None
        self._read_connection: sqlite3.Connection | None = None
        self.new = False
        """Whether the database was made by ``open``, so that it knows no file yet."""

    def open(self) -> None:
        """Open or make the database (blocking). Raises CatalogueError.

        A database that is damaged is put aside and made anew: the files are the
        truth, and the store reads them again.
        """
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                connection = self._open()
            except sqlite3.DatabaseError as err:
                if isinstance(err, sqlite3.OperationalError):
                    raise
                _LOGGER.error("The catalogue is damaged and is built anew: %s", err)
                self._put_aside()
                connection = self._open()
            self._read_connection = self._connect()
            self._read_connection.execute("PRAGMA query_only = ON")
        except (OSError, sqlite3.Error) as err:
            raise CatalogueError(
                f"The catalogue {self._path} cannot be opened: {err}",
                path=str(self._path),
                error=str(err),
            ) from err
        self._writer = threading.Thread(
            target=self._write_jobs,
            args=(connection,),
            name="hikvision_nvr-catalogue-writer",
            daemon=True,
        )
        self._writer.start()

    def close(self) -> None:
        """Finish what is queued and close the database (blocking)."""
        if self._writer is not None:
            self._jobs.put(None)
            self._writer.join()
            self._writer = None
        self._reader.shutdown()
        if self._read_connection is not None:
            self._read_connection.close()
            self._read_connection = None

    async def write[T](self, work: Work[T]) -> T:
        """Run ``work`` in a transaction; when this returns it is on the disk.

        It shares the transaction with others and is run twice when one of them fails:
        it must change nothing but the database.
        Raises what ``work`` raises, with nothing of it kept, and CatalogueError when
        the transaction cannot be committed.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.write_for(future, work)
        return await future

    def write_for[T](self, future: asyncio.Future[T], work: Work[T]) -> None:
        """Do what ``write`` does, in whatever thread, for whoever awaits ``future``."""
        self._jobs.put(_Job(work, future))

    async def read[T](self, work: Work[T]) -> T:
        """Run ``work``, which must not change anything, beside the writer."""
        assert self._read_connection is not None
        return await asyncio.get_running_loop().run_in_executor(
            self._reader, work, self._read_connection
        )

    def _open(self) -> sqlite3.Connection:
        connection = self._connect()
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            self.new = version == 0
            migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=30, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        # FULL: a row that was acknowledged must survive a power cut.
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _put_aside(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            path = self._path.with_name(self._path.name + suffix)
            with suppress(FileNotFoundError):
                path.replace(path.with_name(path.name + ".damaged"))

    def _write_jobs(self, connection: sqlite3.Connection) -> None:
        stop = False
        while not stop:
            batch: list[_Job] = []
            job = self._jobs.get()
            while job is not None:
                batch.append(job)
                if len(batch) == _MAX_BATCH:
                    break
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
            else:
                stop = True
            if batch:
                _commit(connection, batch)
                _settle(batch)
        connection.close()


def _commit(connection: sqlite3.Connection, batch: list[_Job]) -> None:
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            for job in batch:
                job.result = job.work(connection)
        except Exception:  # noqa: BLE001 - it comes again, and the caller gets it
            # A savepoint copies each page that its job changes: too dear for all.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            connection.execute("BEGIN IMMEDIATE")
            for job in batch:
                _run_apart(connection, job)
        if connection.in_transaction:
            connection.execute("COMMIT")
    except sqlite3.Error as err:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        for job in batch:
            job.error = _failure(err)


def _run_apart(connection: sqlite3.Connection, job: _Job) -> None:
    """Run a job so that it can fail without the others of its transaction."""
    connection.execute("SAVEPOINT job")
    try:
        job.result = job.work(connection)
    except Exception as err:  # noqa: BLE001 - the caller gets it
        job.error = err
        if isinstance(err, sqlite3.OperationalError):
            # A full disk, most of all; what is no fault of the disk's stays.
            job.error = _failure(err)
        connection.execute("ROLLBACK TO job")
    connection.execute("RELEASE job")


def _failure(error: sqlite3.Error) -> CatalogueError:
    failure = CatalogueError(
        f"The catalogue cannot be written: {error}", error=str(error)
    )
    failure.__cause__ = error
    return failure


def _settle(batch: list[_Job]) -> None:
    def settle_all() -> None:
        for job in batch:
            job.settle()

    # The loop may be gone when a caller did not wait for its answer.
    with suppress(RuntimeError):
        batch[0].future.get_loop().call_soon_threadsafe(settle_all)
