"""The bucket as an independent client sees it."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
import json
from pathlib import Path
import shutil
import subprocess
import sys
import time
from typing import Any

import boto3
from botocore.exceptions import ClientError
import requests

from tests.simulators.s3_server import Fault


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of the demo's S3 service."""

    client: Any
    endpoint_url: str
    name: str

    @classmethod
    def of(cls, s3: dict[str, str]) -> Bucket:
        """Open the demo's bucket."""
        client = boto3.client(
            "s3",
            endpoint_url=s3["endpoint_url"],
            region_name=s3["region"],
            aws_access_key_id=s3["access_key_id"],
            aws_secret_access_key=s3["secret_access_key"],
        )
        return cls(client, s3["endpoint_url"], s3["bucket"])

    def keys(self, prefix: str) -> list[str]:
        """List the keys below a prefix."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix=prefix
        )
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def listed_by_s5cmd(self, prefix: str) -> list[str]:
        """List the keys below a prefix with a client that shares no code with ours."""
        credentials = self.client._get_credentials()
        listing = subprocess.run(
            [
                *(shutil.which("s5cmd", path=Path(sys.executable).parent) or "s5cmd",),
                *("--endpoint-url", self.endpoint_url, "--json"),
                *("ls", f"s3://{self.name}/{prefix}*"),
            ],
            env={
                "AWS_ACCESS_KEY_ID": credentials.access_key,
                "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
                "AWS_REGION": self.client.meta.region_name,
                "HOME": "/nonexistent",
            },
            capture_output=True,
            text=True,
            check=True,
        )
        start = f"s3://{self.name}/"
        return [
            json.loads(line)["key"].removeprefix(start)
            for line in listing.stdout.splitlines()
        ]

    def put(self, key: str, content: bytes) -> None:
        """Store an object, as somebody else would."""
        self.client.put_object(Bucket=self.name, Key=key, Body=content)

    def read(self, key: str) -> bytes:
        """Return an object's bytes."""
        body: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return body

    def storage_class(self, key: str) -> str:
        """Return what an object is stored as."""
        head = self.client.head_object(Bucket=self.name, Key=key)
        found: str = head.get("StorageClass", "STANDARD")
        return found

    def wait_for(self, key: str, seconds: float = 30) -> str:
        """Wait until an object is there; returns the SHA-256 of its bytes."""

        def fingerprint() -> str | None:
            try:
                return sha256(self.read(key)).hexdigest()
            except ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchKey":
                    raise
                return None

        return until(f"{key} in the bucket", fingerprint, seconds)

    def versions(self, key: str) -> int:
        """Count how often an object was written, in a bucket with versions."""
        found = self.client.list_object_versions(Bucket=self.name, Prefix=key)
        return len(found.get("Versions", []))

    def set_fault(self, fault: Fault) -> None:
        """Break the service, or mend it."""
        self._control("fault", fault)

    def make_older(self, prefix: str, seconds: int) -> None:
        """Let objects have been stored earlier."""
        self._control(f"age/{self.name}/{prefix}", str(seconds))

    def _control(self, wish: str, body: str) -> None:
        requests.put(
            f"{self.endpoint_url}/_simulator/{wish}", data=body, timeout=10
        ).raise_for_status()


def until[T](what: str, check: Callable[[], T | None], seconds: float = 30) -> T:
    """Ask a service that tells nothing by itself until its answer is true."""
    end = time.monotonic() + seconds
    while not (answer := check()):
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.1)
    return answer
