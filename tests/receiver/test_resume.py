"""Uploads that go on where an earlier one was cut off."""

import ftplib
import io
from pathlib import Path
import subprocess

import pytest

from .conftest import HOST, JPEG, PASSWORD, USERNAME, Site, data_socket, login, run

NAME = "10.55.48.12_01_20251119124208101_MOTION_DETECTION.jpg"
HALF = len(JPEG) // 2


@pytest.mark.parametrize("command", ["REST", "APPE"])
async def test_rest_of_a_file_makes_it_whole(site: Site, command: str) -> None:
    def attempt() -> None:
        client = login(site.port)
        client.storbinary(f"STOR {NAME}", io.BytesIO(JPEG[:HALF]))
        client.close()
        client = login(site.port)
        assert client.size(NAME) == HALF
        if command == "REST":
            client.storbinary(f"STOR {NAME}", io.BytesIO(JPEG[HALF:]), rest=HALF)
        else:
            client.storbinary(f"APPE {NAME}", io.BytesIO(JPEG[HALF:]))
        assert client.size(NAME) == len(JPEG)
        client.quit()

    await run(attempt)
    assert site.captures[-1].complete is True
    assert site.store.path(site.captures[-1]).read_bytes() == JPEG
    assert len(site.detections) == 1


async def test_append_to_nothing_is_a_whole_file(site: Site) -> None:
    client = await run(lambda: login(site.port))
    await run(lambda: client.storbinary(f"APPE {NAME}", io.BytesIO(JPEG)))
    assert list(site.files().values()) == [JPEG]
    await run(client.quit)


@pytest.mark.parametrize("start", [HALF + 1, 10**12])
async def test_part_that_is_not_here_is_refused(site: Site, start: int) -> None:
    def attempt() -> str:
        client = login(site.port)
        client.storbinary(f"STOR {NAME}", io.BytesIO(JPEG[:HALF]))
        with pytest.raises(ftplib.error_perm) as caught:
            client.storbinary(f"STOR {NAME}", io.BytesIO(b"x"), rest=start)
        # The number is for one transfer only.
        client.storbinary("STOR other.jpg", io.BytesIO(JPEG))
        client.quit()
        return str(caught.value)

    assert (await run(attempt)).startswith("554")
    assert sorted(map(len, site.files().values())) == [HALF, len(JPEG)]


async def test_part_that_was_purged_meanwhile(site: Site) -> None:
    def attempt() -> str:
        client = login(site.port)
        client.storbinary(f"STOR {NAME}", io.BytesIO(JPEG[:HALF]))
        site.store.path(site.captures[0]).unlink()
        client.sendcmd(f"REST {HALF}")
        data_socket(client, f"STOR {NAME}").close()
        with pytest.raises(ftplib.error_temp) as caught:
            client.voidresp()
        client.quit()
        return str(caught.value)

    assert (await run(attempt)).startswith("452")
    assert site.files() == {}


async def test_curl_resumes(site: Site, tmp_path: Path) -> None:
    file = tmp_path / NAME
    file.write_bytes(JPEG[:HALF])

    def curl(*options: str) -> None:
        subprocess.run(
            [
                "curl",
                "--silent",
                "--show-error",
                "--ssl-reqd",
                "--insecure",
                *("--user", f"{USERNAME}:{PASSWORD}"),
                *("--upload-file", str(file)),
                *options,
                f"ftp://{HOST}:{site.port}/day/",
            ],
            check=True,
            timeout=60,
        )

    await run(lambda: curl("--ftp-create-dirs"))
    file.write_bytes(JPEG)
    await run(lambda: curl("--continue-at", "-"))
    assert site.store.path(site.captures[-1]).read_bytes() == JPEG
