"""Sorts and archives as hikvision-aws-toolkit does, alone in a process.

Written anew from what it was seen to do: one file at a time; to sort, it asks for source
and target, copies and deletes; to archive, it downloads, packs with gzip -9 into parts
in memory, uploads, copies the archive within the bucket into its class, and deletes.
"""

from collections.abc import Iterator
from contextlib import suppress
import gzip
import io
import json
import resource
import sys
import tarfile
import time
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from benchmarks._s3_service import ACCESS_KEY, REGION, SECRET_KEY

_PART = 50 << 20
_DELETED_AT_ONCE = 1000


def keys(client: Any, bucket: str, prefix: str) -> Iterator[str]:
    """List what is below a prefix."""
    for page in client.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=prefix
    ):
        for entry in page.get("Contents", ()):
            yield entry["Key"]


def sort(client: Any, bucket: str, camera: str) -> int:
    """Sort a camera's files by the day of their upload; return how many."""
    done = 0
    for key in list(keys(client, bucket, f"{camera}/")):
        if key.count("/") != 1:
            continue
        modified = client.head_object(Bucket=bucket, Key=key)["LastModified"]
        target = f"{camera}/{modified:%Y-%m-%d}/{key.rpartition('/')[2]}"
        with suppress(ClientError):
            client.head_object(Bucket=bucket, Key=target)
        client.copy_object(
            Bucket=bucket, Key=target, CopySource={"Bucket": bucket, "Key": key}
        )
        client.delete_object(Bucket=bucket, Key=key)
        done += 1
    return done


def archive(client: Any, bucket: str, camera: str, day: str) -> int:
    """Archive a camera's day; return how many files."""
    sources = list(keys(client, bucket, f"{camera}/{day}/"))
    target = f"{camera}/archive/{day}.tar.gz"
    upload = client.create_multipart_upload(Bucket=bucket, Key=target)["UploadId"]
    parts: list[dict[str, Any]] = []
    buffer = io.BytesIO()

    def send() -> None:
        answer = client.upload_part(
            Bucket=bucket,
            Key=target,
            UploadId=upload,
            PartNumber=len(parts) + 1,
            Body=buffer.getvalue(),
        )
        parts.append({"ETag": answer["ETag"], "PartNumber": len(parts) + 1})
        buffer.seek(0)
        buffer.truncate()

    for key in sources:
        content = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        member = io.BytesIO()
        info = tarfile.TarInfo(key)
        info.size = len(content)
        member.write(info.tobuf())
        member.write(content)
        member.write(bytes(-len(content) % tarfile.BLOCKSIZE))
        buffer.write(gzip.compress(member.getvalue(), 9))
        if buffer.tell() >= _PART:
            send()
    send()
    client.complete_multipart_upload(
        Bucket=bucket,
        Key=target,
        UploadId=upload,
        MultipartUpload={"Parts": parts},
    )
    for first in range(0, len(sources), _DELETED_AT_ONCE):
        batch = sources[first : first + _DELETED_AT_ONCE]
        client.delete_objects(
            Bucket=bucket, Delete={"Objects": [{"Key": key} for key in batch]}
        )
    client.head_object(Bucket=bucket, Key=target)
    client.copy_object(
        Bucket=bucket,
        Key=target,
        CopySource={"Bucket": bucket, "Key": target},
        MetadataDirective="REPLACE",
        StorageClass="GLACIER",
    )
    return len(sources)


def main() -> None:
    """Do what the arguments say: address, bucket, action and what it needs."""
    url, bucket, action, *rest = sys.argv[1:]
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(s3={"addressing_style": "path"}),
    )
    client.list_objects_v2(Bucket=bucket, MaxKeys=1)
    before = resource.getrusage(resource.RUSAGE_SELF)
    began = time.monotonic()
    done = {"sort": sort, "archive": archive}[action](client, bucket, *rest)
    seconds = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "seconds": seconds,
                "cpu": after.ru_utime
                + after.ru_stime
                - before.ru_utime
                - before.ru_stime,
                "extra_memory": (after.ru_maxrss - before.ru_maxrss) * 1024,
                "result": {"files": done},
            }
        )
    )


if __name__ == "__main__":
    main()
