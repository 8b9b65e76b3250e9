"""Home Assistant is killed between the camera's 226 and the upload to S3."""

from collections.abc import Iterator
import os
import signal

import pytest

from tests.simulators.s3_server import Fault

from .bucket import Bucket, until
from .conftest import CameraUnderTest
from .demo import Demo
from .home_assistant import HomeAssistant


@pytest.fixture
def versioned(bucket: Bucket) -> Iterator[Bucket]:
    """Let the bucket keep every version, so that a second upload would show."""
    bucket.client.put_bucket_versioning(
        Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"}
    )
    yield bucket
    bucket.set_fault(Fault.NONE)
    bucket.client.put_bucket_versioning(
        Bucket=bucket.name, VersioningConfiguration={"Status": "Suspended"}
    )


def _kill(demo: Demo, home_assistant: HomeAssistant) -> None:
    """Kill Home Assistant as a power cut would, and wait until the demo restarts it."""
    pid: int = demo.pids["home_assistant"]
    os.kill(pid, signal.SIGKILL)
    until("a new process", lambda: demo.pids["home_assistant"] != pid)
    until("Home Assistant after the crash", home_assistant.runs, 90)


def test_killed_before_the_upload(
    demo: Demo,
    home_assistant: HomeAssistant,
    versioned: Bucket,
    front_door: CameraUnderTest,
    recorder: dict[str, str],
) -> None:
    """What was confirmed to the camera arrives in S3 exactly once."""
    pictures = [front_door.uploader.picture() for _ in range(3)]
    versioned.set_fault(Fault.UNAVAILABLE)
    front_door.uploader.by_ftplib(*pictures)
    _kill(demo, home_assistant)

    versioned.set_fault(Fault.NONE)
    for picture in pictures:
        key = picture.key("Front door")
        assert versioned.wait_for(key, 90) == picture.sha256
    home_assistant.wait_for_state(recorder["upload_backlog_files"], "0")
    for picture in pictures:
        assert versioned.versions(picture.key("Front door")) == 1


def test_killed_before_the_answer(
    demo: Demo,
    home_assistant: HomeAssistant,
    versioned: Bucket,
    driveway: CameraUnderTest,
    recorder: dict[str, str],
) -> None:
    """S3 has the file but Home Assistant never heard: it is not stored twice."""
    picture = driveway.uploader.picture()
    key = picture.key("Driveway")
    versioned.set_fault(Fault.SILENT)
    driveway.uploader.by_ftplib(picture)
    assert versioned.wait_for(key) == picture.sha256
    _kill(demo, home_assistant)

    versioned.set_fault(Fault.NONE)
    home_assistant.wait_for_state(recorder["upload_backlog_files"], "0", 90)
    assert versioned.versions(key) == 1
