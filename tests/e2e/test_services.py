"""The services, called as an owner would, checked in the bucket by other clients."""

from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
import subprocess

from .bucket import Bucket
from .conftest import CameraUnderTest
from .home_assistant import HomeAssistant

HOUR = 3600


def test_list_cameras(home_assistant: HomeAssistant, bucket: Bucket) -> None:
    """The summary counts what others put there, too."""
    bucket.put("Shed/2024-05-05/a.jpg", b"x")
    bucket.put("Shed/2024-05-07/b.jpg", b"x")
    bucket.put("Shed/left.jpg", b"12345")
    answer = home_assistant.call_by_websocket("list_cameras", {})
    assert answer["success"], answer
    cameras = answer["result"]["response"]["cameras"]
    shed = next(found for found in cameras if found["camera"] == "Shed")
    assert shed["unsorted"] == 1
    assert shed["unsorted_bytes"] == 5
    assert shed["days"] == 2
    assert (shed["oldest_day"], shed["newest_day"]) == ("2024-05-05", "2024-05-07")


def test_sort(home_assistant: HomeAssistant, bucket: Bucket) -> None:
    """What others left in a camera's folder moves to its day, byte for byte."""
    files = {
        "192.0.2.80_01_20240301081500123_MOTION_DETECTION.jpg": "2024-03-01",
        "192.0.2.80_01_20240301235959999_LINE_DETECTION.jpg": "2024-03-01",
        "192.0.2.80_01_20240302000000000_TIMING.jpg": "2024-03-02",
    }
    for name in files:
        bucket.put(f"Garden/{name}", name.encode())
    bucket.put("Garden/notes.txt", b"not ours")
    # Younger ones may still be written to, so they are left alone.
    bucket.make_older("Garden/", HOUR)
    bucket.put("Garden/192.0.2.80_01_20240303120000000_TIMING.jpg", b"new")
    before = bucket.keys("Garden/")

    tried = home_assistant.call("sort", {"camera": "Garden", "dry_run": True})
    assert tried["moved"] == len(files)
    assert bucket.keys("Garden/") == before

    done = home_assistant.call("sort", {"camera": "Garden"})
    assert done["moved"] == len(files)
    assert done["failed"] == 0
    assert sorted(bucket.listed_by_s5cmd("Garden/")) == sorted(
        [
            *(f"Garden/{day}/{name}" for name, day in files.items()),
            "Garden/192.0.2.80_01_20240303120000000_TIMING.jpg",
            "Garden/notes.txt",
        ]
    )
    for name, day in files.items():
        assert bucket.read(f"Garden/{day}/{name}") == name.encode()


def test_archive(
    home_assistant: HomeAssistant,
    bucket: Bucket,
    front_door: CameraUnderTest,
    tmp_path: Path,
) -> None:
    """A day becomes one archive that GNU tar reads, and only then is it deleted."""
    uploader = front_door.uploader
    noon = datetime.now(uploader.time_zone).replace(hour=12) - timedelta(days=2)
    pictures = [
        uploader.picture(taken=noon + timedelta(minutes=number)) for number in range(3)
    ]
    uploader.by_ftplib(*pictures)
    for picture in pictures:
        bucket.wait_for(picture.key("Front door"))
    day = f"{noon:%Y-%m-%d}"

    done = home_assistant.call("archive", {"camera": "Front door", "date": day})
    assert done["members"] == done["deleted"] == 3
    assert (done["archived"], done["left"]) == (1, 0)
    (archived,) = done["days"]
    assert archived["verified"] is True
    assert archived["storage_class"] == "GLACIER"
    # The pictures are still on the recorder's disk.
    assert archived["from_disk"] == 3
    key = f"Front door/archive/{day}.tar.gz"
    assert archived["key"] == key
    assert bucket.keys(f"Front door/{day}/") == []
    assert bucket.storage_class(key) == "GLACIER"

    # As an owner would get it back out of Glacier.
    bucket.client.restore_object(
        Bucket=bucket.name, Key=key, RestoreRequest={"Days": 1}
    )
    archive = tmp_path / "day.tar.gz"
    archive.write_bytes(bucket.read(key))
    subprocess.run(["tar", "-xzf", archive, "-C", tmp_path], check=True)
    unpacked = {
        str(file.relative_to(tmp_path)): sha256(file.read_bytes()).hexdigest()
        for file in tmp_path.rglob("*.jpg")
    }
    assert unpacked == {
        picture.key("Front door"): picture.sha256 for picture in pictures
    }


def test_archive_of_today_is_refused(
    home_assistant: HomeAssistant, bucket: Bucket, front_door: CameraUnderTest
) -> None:
    """A day that is not over stays, and the owner reads why."""
    picture = front_door.uploader.picture(
        taken=datetime.now(front_door.uploader.time_zone)
    )
    front_door.uploader.by_ftplib(picture)
    key = picture.key("Front door")
    bucket.wait_for(key)
    answer = home_assistant.call_by_websocket(
        "archive", {"camera": "Front door", "date": key.split("/")[1]}
    )
    assert not answer["success"]
    assert "not over yet" in answer["error"]["message"]
    assert bucket.keys(key) == [key]


def test_purge(home_assistant: HomeAssistant, bucket: Bucket) -> None:
    """A purge only tells what it would delete, until it is told to."""
    old = [f"Attic/2020-01-0{day}/a.jpg" for day in (1, 2, 3)]
    for key in (*old, "Attic/2020-02-01/kept.jpg", "Cellar/2020-01-01/other.jpg"):
        bucket.put(key, b"picture")
    limits = {"camera": "Attic", "before": "2020-02-01"}

    tried = home_assistant.call("purge", limits)
    assert tried["dry_run"] is True
    assert tried["matched"] == 3
    assert tried["deleted"] == 0
    assert bucket.keys("Attic/") == [*old, "Attic/2020-02-01/kept.jpg"]

    done = home_assistant.call("purge", limits | {"dry_run": False})
    assert done["deleted"] == 3
    assert bucket.listed_by_s5cmd("Attic/") == ["Attic/2020-02-01/kept.jpg"]
    assert bucket.keys("Cellar/") == ["Cellar/2020-01-01/other.jpg"]
