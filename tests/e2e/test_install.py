"""What a release is made of is installed into a Home Assistant that is new."""

from collections.abc import Iterator
from pathlib import Path
import subprocess
import zipfile

import pytest

from .bucket import Bucket
from .conftest import _camera
from .demo import ROOT, Demo
from .home_assistant import HomeAssistant


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive, as scripts/release makes it."""
    made = subprocess.run(
        [ROOT / "scripts" / "release", "--output", tmp_path_factory.mktemp("release")],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Path(made.stdout.strip())


@pytest.fixture(scope="module")
def installed(
    package: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Demo]:
    """A new Home Assistant that knows nothing but the archive."""
    demo = Demo(tmp_path_factory.mktemp("installed"), ("--package", package))
    demo.start()
    yield demo
    demo.stop()


def test_a_new_home_assistant_runs_what_was_installed(
    package: Path, installed: Demo
) -> None:
    """From the archive to a picture in the bucket: nothing of the repository is used."""
    folder = installed.state / "config" / "custom_components" / "hikvision_nvr"
    assert not folder.is_symlink()
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
        for name in names:
            assert (folder / name).read_bytes() == archive.read(name)

    found = installed.endpoints["ha"]
    home_assistant = HomeAssistant(found["url"], found["token"])
    entities = home_assistant.entities()
    assert {entity["entity_id"].partition(".")[0] for entity in entities} >= {
        "binary_sensor",
        "button",
        "camera",
        "event",
        "image",
        "sensor",
        "switch",
    }
    # Each has the name that its translation gives it.
    assert not [one["entity_id"] for one in entities if "_none" in one["entity_id"]]
    camera = _camera(installed, home_assistant, "Front door")
    picture = camera.uploader.picture()
    with home_assistant.listen() as events:
        camera.uploader.by_ftplib(picture)
        assert events.detection_of(picture.name)["camera"] == "Front door"
    bucket = Bucket.of(installed.endpoints["s3"])
    assert bucket.wait_for(picture.key("Front door")) == picture.sha256

    card = home_assistant.get("/hikvision_nvr_frontend/hikvision-nvr-card.js")
    assert card.ok
    assert card.content == (folder / "frontend/hikvision-nvr-card.js").read_bytes()
    assert "Traceback" not in installed.log
    assert "Error" not in installed.log
