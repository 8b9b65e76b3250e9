"""A day without S3: newest evidence first once it is back, everything, and once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
import os

import pytest

from custom_components.hikvision_nvr.offsite.uploader import Uploader

from .conftest import LocalStore, Remote, captures
from .proxy import S3Proxy

FULL = os.environ.get("HIKVISION_NVR_FULL") == "1"
FILES = 24_000 if FULL else 240
WORKERS = 4
START = datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.mark.timeout(3600 if FULL else 120)
async def test_a_day_without_s3_drains_newest_first_and_once(
    local: LocalStore,
    remote: Remote,
    proxy: S3Proxy,
    start_uploader: Callable[[], Uploader],
) -> None:
    proxy.down = True
    uploader = start_uploader()
    apart = timedelta(days=1) / FILES
    hashes = {}
    for number in range(FILES):
        content = f"picture {number}".encode()
        capture = await local.keep(
            content, f"{number:05}.jpg", event_time=START + number * apart
        )
        hashes[capture.relative_path] = sha256(content).hexdigest()
    await local.until(lambda: uploader.connected is False)
    assert (await local.store.uploads.backlog()).files == FILES
    assert proxy.puts() == []

    proxy.down = False
    while await local.waiting():
        await local.changes.wait()
        local.changes.clear()

    # The service has answered to each once, and has them all.
    sent = [int(path.rpartition("/")[2][:5]) for path in proxy.puts()]
    assert sorted(sent) == list(range(FILES))
    assert set(captures(remote)) == hashes.keys()
    for key in sorted(hashes)[:: FILES // 100]:
        assert sha256(remote.read(key)).hexdigest() == hashes[key]
    # Three of four workers take the newest, one the oldest; each a step ahead or behind.
    newer = [number for number in sent if number >= FILES // 2]
    expected = list(range(FILES - 1, FILES // 2 - 1, -1))
    assert all(
        abs(number - wanted) <= 2 * WORKERS
        for number, wanted in zip(newer, expected, strict=True)
    )
    assert len([n for n in sent[: FILES // 4] if n >= FILES // 2]) > FILES // 6
    older = [number for number in sent[: FILES // 2] if number < FILES // 2]
    assert older == sorted(older)
    assert older
