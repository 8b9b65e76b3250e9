"""The S3 service of the chaos: moto behind the fault proxy, in a thread of its own."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
import threading
from typing import Any, Self

import boto3
from botocore.config import Config

from tests.offsite.servers import ACCESS_KEY, SECRET_KEY
from tests.simulators.fault_proxy import Fault, FaultProxy, is_capture_upload

BUCKET = "evidence"
REGION = "us-east-1"
_CHECK_CLOCKS = timedelta(microseconds=1)
"""That the service's clock is right has to be said for it to look at others."""


class SlowProxy(FaultProxy):
    """The fault proxy, and a line that is slow or gone."""

    def __init__(self, target: str) -> None:
        """Forward to this server."""
        super().__init__(target)
        self.clock = _CHECK_CLOCKS
        self.delay = 0.0
        self.down = False
        self.lost = 0
        """How many requests had a fault that may leave parts behind."""

    async def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self.down:
            writer.transport.abort()
            return
        await super()._accept(reader, writer)

    def _fault(self, method: str, path: str) -> Fault:
        # The bodies of a long run would be its memory.
        del self.seen[:-1]
        fault = super()._fault(method, path)
        self.lost += fault is not Fault.NONE
        return fault

    async def _forwarded(self, head: bytes, body: bytes, *, bodiless: bool) -> bytes:
        await asyncio.sleep(self.delay)
        return await super()._forwarded(head, body, bodiless=bodiless)

    def hang_up(self) -> None:
        """Break all connections off, as a line does that is gone."""
        self.lost += len(self._connections)
        for task in tuple(self._connections):
            task.cancel()


class S3Service:
    """The service; faults are switched from any thread."""

    def __init__(self, server: str) -> None:
        """Stand before a moto server."""
        self._server = server
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._open = AsyncExitStack()
        self.proxy = SlowProxy(server)
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=server,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            # Each camera's files are read while others come.
            config=Config(max_pool_connections=20),
        )

    def __enter__(self) -> Self:
        """Make the bucket and listen."""
        self.client.create_bucket(Bucket=BUCKET)
        self._thread.start()
        self._call(self._open.enter_async_context(self.proxy.run()))
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self._call(self._open.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """Where the recorder finds the service."""
        return self.proxy.url

    def always(self, fault: Fault) -> None:
        """Let each upload of a capture meet a fault."""
        self.proxy.always = fault

    def fail_once(self, *faults: Fault) -> None:
        """Let the next uploads of captures meet faults."""
        self.proxy.faults.extend(faults)

    def take_down(self) -> None:
        """Let nothing through, and end what is under way."""
        self.proxy.down = True
        self._loop.call_soon_threadsafe(self.proxy.hang_up)

    def slow_down(self, seconds: float) -> None:
        """Let each request take longer."""
        self.proxy.delay = seconds

    def mend(self) -> None:
        """Let the service be well; what hangs is broken off."""
        stalled = self.proxy.always is Fault.STALL
        self.proxy.down, self.proxy.delay = False, 0.0
        self.proxy.always, self.proxy.meant = Fault.NONE, is_capture_upload
        self.proxy.faults.clear()
        if stalled:
            self._loop.call_soon_threadsafe(self.proxy.hang_up)

    def objects(self) -> dict[str, str]:
        """Return the ETag of each object by its key."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return {
            entry["Key"]: entry["ETag"]
            for page in pages
            for entry in page.get("Contents", [])
        }

    def read(self, key: str) -> bytes:
        """Return an object's bytes."""
        body: bytes = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return body

    def unfinished_uploads(self) -> list[str]:
        """Return the ids of uploads in parts that were begun and not ended."""
        found = self.client.list_multipart_uploads(Bucket=BUCKET)
        return [one["UploadId"] for one in found.get("Uploads", [])]

    def _call(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(60)
