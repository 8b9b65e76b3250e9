"""Commands that cameras are known to send, and what they must hear."""

from dataclasses import replace
import ftplib
import io

import pytest

from .conftest import JPEG, QUICK, MakeSite, Site, connect, login, run


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("ALLO 200000", "200"),
        ("TYPE I", "200"),
        ("TYPE i", "200"),
        ("TYPE A N", "200"),
        ("TYPE L 8", "200"),
        ("MODE S", "200"),
        ("STRU F", "200"),
        ("NOOP", "200"),
        ("OPTS UTF8 ON", "200"),
        ("SYST", "215"),
        ("FEAT", "211"),
        ("STAT", "211"),
        ("HELP", "214"),
        ("SITE CHMOD 644 a.jpg", "200"),
        ("EPSV ALL", "200"),
        ("EPSV 1", "229"),
        ("XPWD", "257"),
        ("XMKD /new", "257"),
        ("XCWD /new", "250"),
        ("CDUP", "250"),
        ("REST 0", "350"),
        ("REST 100", "350"),
        ("MLST /", "250"),
    ],
)
async def test_command_is_accepted(site: Site, command: str, code: str) -> None:
    client = await run(lambda: login(site.port))
    assert (await run(lambda: client.sendcmd(command)))[:3] == code
    await run(client.quit)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("PORT 127,0,0,1,4,1", "502"),
        ("PORT 127,0,0,1,4", "501"),
        ("PORT 1,2,3,4,5,256", "501"),
        ("EPRT |1|127.0.0.1|1025|", "502"),
        ("EPRT |1|127.0.0.1|", "501"),
        ("EPRT", "501"),
        ("REST x", "501"),
        ("REST ²", "501"),
        ("RNFR missing.jpg", "550"),
        ("RNTO a.jpg", "503"),
        ("RETR a.jpg", "502"),
        ("DELE a.jpg", "550"),
        ("RMD /", "550"),
        ("SIZE DVRWorkDirectory", "550"),
        ("STOR a.jpg", "425"),
        ("IS GONE", "502"),
        ("TIMED OUT", "502"),
        ("WHATEVER", "502"),
    ],
)
async def test_command_is_refused_and_the_session_goes_on(
    site: Site, command: str, code: str
) -> None:
    client = await run(lambda: login(site.port))
    with pytest.raises(ftplib.Error) as caught:
        await run(lambda: client.sendcmd(command))
    assert str(caught.value)[:3] == code
    assert (await run(lambda: client.sendcmd("NOOP")))[:3] == "200"
    await run(client.quit)


async def test_folders_appear_when_they_are_made_or_entered(site: Site) -> None:
    def attempt() -> None:
        client = login(site.port)
        assert client.mkd("/Camera 01") == "/Camera 01"
        assert client.mkd("/Camera 01") == "/Camera 01"
        client.cwd('/with "quotes"/deep')
        assert client.pwd() == '/with "quotes"/deep'
        assert client.nlst("/") == ["Camera 01", 'with "quotes"']
        client.quit()

    await run(attempt)


async def test_delivered_files_are_seen_by_their_camera(site: Site) -> None:
    def attempt() -> None:
        client = login(site.port)
        client.cwd("/day")
        client.storbinary("STOR a.jpg", io.BytesIO(JPEG))
        assert client.size("a.jpg") == len(JPEG)
        assert client.sendcmd("MDTM /day/a.jpg").startswith("213 20")
        lines: list[str] = []
        client.retrlines("LIST", lines.append)
        [line] = lines
        assert line.startswith("-rw------- 1 ftp ftp")
        assert line.endswith("a.jpg")
        [(name, facts)] = list(client.mlsd("/day"))
        assert (name, facts["type"], facts["size"]) == ("a.jpg", "file", str(len(JPEG)))
        client.quit()
        later = login(site.port)
        assert later.size("/day/a.jpg") == len(JPEG)
        assert "type=file" in later.sendcmd("MLST /day/a.jpg")
        later.quit()

    await run(attempt)


async def test_client_that_never_reads_its_replies_is_dropped(
    make_site: MakeSite,
) -> None:
    """Its replies must not fill the memory, nor its session stay for ever."""
    site = await make_site(limits=replace(QUICK, idle_time=0.5))

    def flood() -> int:
        client = connect(site.port)
        assert client.sock is not None
        sent = 0
        # Many times what the buffers of both ends can hold.
        with pytest.raises(ConnectionError):
            while sent < 256 << 20:
                sent += client.sock.send(b"FEAT\r\n" * 1000)
        client.close()
        return sent

    assert 0 < await run(flood) < 64 << 20
