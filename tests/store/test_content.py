"""What a file's structure says of its completeness, with files of real encoders."""

from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
import os
from pathlib import Path
import random
import tempfile
import time

import av
from hypothesis import given, strategies as st
from PIL import Image
import pytest

from custom_components.hikvision_nvr.store.content import Content, inspect

SIZE = (160, 120)


def str_id(value: object) -> str:
    return repr(value)[:40]


def judge(data: bytes, suffix: str = ".bin") -> Content:
    descriptor = os.memfd_create("content")
    try:
        os.write(descriptor, data)
        return inspect(partial(os.pread, descriptor), len(data), suffix)
    finally:
        os.close(descriptor)


# --- JPEG ------------------------------------------------------------------------


def noise(size: tuple[int, int], seed: int = 1) -> Image.Image:
    pixels = random.Random(seed).randbytes(size[0] * size[1] * 3)
    return Image.frombytes("RGB", size, pixels)


def encode(image: Image.Image, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def with_thumbnail() -> bytes:
    """A picture whose EXIF block has a picture with an end marker of its own."""
    thumbnail = encode(noise((64, 48), seed=2))
    # A TIFF with no entry but the place of the thumbnail in its second directory.
    tiff = (
        b"II*\0\x08\0\0\0"
        b"\0\0\x0e\0\0\0"
        b"\x02\0"
        b"\x01\x02\x04\0\x01\0\0\0\x2c\0\0\0"
        b"\x02\x02\x04\0\x01\0\0\0" + len(thumbnail).to_bytes(4, "little") + b"\0" * 4
    )
    exif = b"Exif\0\0" + tiff + thumbnail
    assert b"\xff\xd9" in exif
    picture = encode(noise(SIZE))
    return picture[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2) + exif + picture[2:]


JPEGS: dict[str, Callable[[], bytes]] = {
    "baseline": lambda: encode(noise(SIZE)),
    "progressive": lambda: encode(noise(SIZE), progressive=True),
    "optimised": lambda: encode(noise(SIZE), optimize=True, quality=30),
    "grey": lambda: encode(noise(SIZE).convert("L")),
    "restarts": lambda: encode(noise(SIZE), restart_marker_blocks=1),
    "thumbnail": with_thumbnail,
    # Its colour profile does not fit into one segment.
    "profile": lambda: encode(noise(SIZE), icc_profile=b"\xff\xd9" * 100_000),
    "comment": lambda: encode(noise(SIZE), comment=b"\xff\xd9" * 100),
}


@pytest.fixture(params=JPEGS)
def jpeg(request: pytest.FixtureRequest) -> bytes:
    return JPEGS[request.param]()


WHOLE_JPEG = Content(complete=True, width=160, height=120, media="jpeg")


def test_whole_jpeg(jpeg: bytes) -> None:
    for suffix in (".jpg", ".JPG", "", ".mp4"):
        assert judge(jpeg, suffix) == WHOLE_JPEG


@pytest.mark.parametrize("size", [1, 100, 70_000, 150_000])
def test_zeros_after_a_jpeg(jpeg: bytes, size: int) -> None:
    assert judge(jpeg + b"\0" * size) == WHOLE_JPEG


@pytest.mark.parametrize("size", [1, 1000, 60_000])
def test_vendor_data_after_a_jpeg(jpeg: bytes, size: int) -> None:
    vendor = random.Random(3).randbytes(size).replace(b"\xff\xd9", b"\xff\xd8")
    assert judge(jpeg + vendor) == WHOLE_JPEG


def test_end_marker_on_the_border_of_what_is_read() -> None:
    picture = JPEGS["baseline"]()
    for zeros in range(65_530, 65_542):
        assert judge(picture + b"\0" * zeros) == WHOLE_JPEG


def test_fill_bytes_before_a_marker() -> None:
    picture = JPEGS["baseline"]()
    for fill in (1, 2, 9, 10, 11, 12, 13, 30, 1000):
        assert judge(picture[:2] + b"\xff" * fill + picture[2:]) == WHOLE_JPEG


def cuts(length: int) -> Iterator[int]:
    yield from (length * percent // 100 for percent in range(100))
    yield from random.Random(4).sample(range(length), min(300, length))
    yield from range(length - 40, length)
    yield from range(40)


def test_cut_jpeg(jpeg: bytes) -> None:
    for cut in cuts(len(jpeg)):
        content = judge(jpeg[:cut], ".jpg")
        assert content.complete is False, cut
        assert (content.width, content.height) in {(160, 120), (None, None)}


def test_cut_jpeg_in_a_file_of_full_length(jpeg: bytes) -> None:
    for cut in list(cuts(len(jpeg)))[1:]:
        data = jpeg[:cut].ljust(len(jpeg), b"\0")
        assert judge(data, ".jpg").complete is not True, cut


def test_sizes_that_no_camera_has() -> None:
    picture = bytearray(JPEGS["baseline"]())
    frame = picture.index(b"\xff\xc0")
    for height, width in ((0, 160), (120, 0), (65_535, 160), (120, 32_769)):
        picture[frame + 5 : frame + 9] = height.to_bytes(2) + width.to_bytes(2)
        assert judge(bytes(picture)) == Content(complete=True, media="jpeg")
    picture[frame + 5 : frame + 9] = b"\x80\x00\x80\x00"
    assert judge(bytes(picture)).width == 32_768


def test_picture_larger_than_what_is_read() -> None:
    picture = encode(noise((1600, 900)), quality=95)
    assert len(picture) > 1_000_000
    assert judge(picture) == Content(
        complete=True, width=1600, height=900, media="jpeg"
    )
    assert judge(picture[:-1]).complete is False
    assert judge(picture[:500_000]) == Content(
        complete=False, width=1600, height=900, media="jpeg"
    )


@pytest.mark.parametrize(
    ("data", "complete"),
    [
        # Nothing but markers
        (b"\xff\xd8\xff\xfe\0\x02\xff\xd9", False),
        (b"\xff\xd8\xff\xd9" + bytes(100), False),
        # No marker where one must be: what comes at the end may as well be garbage.
        (b"\xff\xd8\xff\xe0\0\x04ab" + b"garbage" + b"\xff\xd9", None),
        (b"\xff\xd8\xff\xe0\0\x04ab" + b"garbage", False),
        (b"\xff\xd8\xff\xe0\0\0" + b"\xff\xd9", None),
        (b"\xff\xd8\xff\x00\0\x08" + b"\xff\xd9", None),
        # More segments than any picture has
        (b"\xff\xd8" + b"\xff\xe0\0\x02" * 100_000 + b"\xff\xd9", None),
        (b"\xff\xd8" + b"\xff\xd0" * 100_000, False),
        # More to skip than is read
        (b"\xff\xd8" + b"\xff" * 1_000_000, None),
        (b"\xff\xd8\xff\xda\0\x02" + b"\0" * 1_000_000, None),
    ],
    ids=str_id,
)
def test_hostile_jpeg(data: bytes, complete: bool | None) -> None:
    began = time.process_time()
    assert judge(data) == Content(complete=complete, media="jpeg")
    assert time.process_time() - began < 0.5


# --- MP4 -------------------------------------------------------------------------


def video(path: Path, **options: str) -> bytes:
    with av.open(str(path), "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=10, options={"g": "10"})
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for number in range(40):
            frame = av.VideoFrame.from_image(noise(SIZE, seed=number))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path.read_bytes()


OPTIONS: dict[str, dict[str, str]] = {
    "plain": {},
    "faststart": {"movflags": "+faststart"},
    "fragmented": {"movflags": "+frag_keyframe+empty_moov+default_base_moof"},
    "late header": {"movflags": "+frag_keyframe"},
}
WHOLE_MP4 = Content(complete=True, width=160, height=120, media="mp4")


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("videos")
    return {
        name: video(folder / f"{name}.mp4", **options)
        for name, options in OPTIONS.items()
    }


@pytest.fixture(params=OPTIONS)
def mp4(request: pytest.FixtureRequest, videos: dict[str, bytes]) -> bytes:
    return videos[request.param]


def boxes(data: bytes) -> list[tuple[bytes, int, int]]:
    found, offset = [], 0
    while offset < len(data):
        length = int.from_bytes(data[offset : offset + 4])
        found.append((data[offset + 4 : offset + 8], offset, offset + length))
        offset += length
    return found


def test_whole_mp4(mp4: bytes) -> None:
    for suffix in (".mp4", ".MOV", "", ".jpg"):
        assert judge(mp4, suffix) == WHOLE_MP4


def test_zeros_after_an_mp4(mp4: bytes) -> None:
    for size in (1, 7, 8, 100, 100_000):
        assert judge(mp4 + b"\0" * size) == WHOLE_MP4


def test_cut_mp4(mp4: bytes) -> None:
    # After each whole fragment the file is a whole one, as far as anyone can tell.
    kinds = boxes(mp4)
    whole = {
        end
        for (kind, _, end) in kinds
        if kind == b"mdat" and any(kind == b"moof" for kind, _, _ in kinds)
    }
    for cut in cuts(len(mp4)):
        content = judge(mp4[:cut], ".mp4")
        assert content.complete is (cut in whole), cut
        assert (content.width, content.height) in {(160, 120), (None, None)}


def test_garbage_after_an_mp4(mp4: bytes) -> None:
    assert judge(mp4 + b"\0\0\0\x20\x01\x02\x03\x04" + b"garbage!" * 4).complete is None


def box(kind: bytes, content: bytes = b"", *, large: bool = False) -> bytes:
    if large:
        return b"\0\0\0\x01" + kind + (16 + len(content)).to_bytes(8) + content
    return (8 + len(content)).to_bytes(4) + kind + content


FTYP = box(b"ftyp", b"isom\0\0\0\0")


def movie(width: int = 640, height: int = 360, *, version: int = 0) -> bytes:
    header = bytes([version]) + bytes(75 if version == 0 else 87)
    sound = box(b"trak", box(b"tkhd", header + bytes(8)))
    size = (width << 16).to_bytes(4) + (height << 16).to_bytes(4)
    return box(
        b"moov", box(b"mvhd") + sound + box(b"trak", box(b"tkhd", header + size))
    )


MOVIE = movie()
DATA = box(b"mdat", b"x" * 50)
MOOF = box(b"moof", b"y" * 20)


@pytest.mark.parametrize(
    ("data", "complete"),
    [
        (FTYP + MOVIE + DATA, True),
        (FTYP + DATA + MOVIE, True),
        (DATA + MOVIE, True),
        (FTYP + MOVIE + box(b"mdat", b"x" * 50, large=True), True),
        # The size 0 is "to the end of the file".
        (FTYP + MOVIE + b"\0\0\0\0mdat" + b"x" * 50, True),
        (FTYP + b"\0\0\0\0mdat" + b"x" * 50 + MOVIE, False),
        (FTYP + MOVIE, False),
        (FTYP + DATA, False),
        (FTYP, False),
        (FTYP + MOVIE + MOOF, False),
        (FTYP + MOVIE + MOOF + MOOF + DATA, False),
        (FTYP + MOVIE + (MOOF + DATA) * 100, True),
        (FTYP + MOVIE + (MOOF + DATA) * 440, True),
        # More boxes than are looked at
        (FTYP + MOVIE + (MOOF + DATA) * 1000, None),
        (FTYP + MOVIE + box(b"free") * 100_000, None),
        (FTYP + MOVIE + DATA + b"\0\0\0\x07free", None),
        (FTYP + MOVIE + b"\0\0\0\x07free", False),
        (FTYP + MOVIE + DATA + b"\0\0\0\x01free", False),
        (FTYP + MOVIE + DATA + b"\0\0\0\x01free" + b"\xff" * 8, False),
        (FTYP + MOVIE + DATA + b"\0\0\0\x01free" + bytes(8), None),
        (FTYP + MOVIE + DATA + b"\xff\xff\xff\xfffree", False),
    ],
    ids=str_id,
)  # fmt: skip
def test_boxes(data: bytes, complete: bool | None) -> None:
    began = time.process_time()
    assert judge(data).complete is complete
    assert judge(data).media == "mp4"
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("moov", "expected"),
    [
        (MOVIE, (640, 360)),
        (movie(version=1), (640, 360)),
        (movie(32_768, 32_768), (32_768, 32_768)),
        (movie(32_769, 100), (None, None)),
        (movie(0, 0), (None, None)),
        (movie(version=2), (None, None)),
        (box(b"moov"), (None, None)),
        (box(b"moov", box(b"trak")), (None, None)),
        (box(b"moov", box(b"trak", box(b"tkhd"))), (None, None)),
        (box(b"moov", box(b"trak", box(b"tkhd", bytes(83)))), (None, None)),
        (box(b"moov", b"\0\0\0\x02trak"), (None, None)),
        (box(b"moov", b"\xff\xff\xff\xfftrak"), (None, None)),
        (box(b"moov", box(b"trak") * 100_000), (None, None)),
        (box(b"moov", box(b"trak", box(b"free") * 100_000)), (None, None)),
    ],
    ids=str_id,
)
def test_picture_size(moov: bytes, expected: tuple[int | None, int | None]) -> None:
    content = judge(FTYP + moov + DATA)
    assert (content.width, content.height) == expected
    assert content.complete is True


# --- anything else ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "suffix", "complete"),
    [
        (b"", ".jpg", False),
        (b"", ".MP4", False),
        (b"", ".txt", None),
        # Called a picture, and none
        (b"<html>", ".jpg", False),
        (b"\0" * 5000, ".jpeg", False),
        (b"\0" * 5000, ".txt", None),
        # Pictures of other formats
        (b"\x89PNG\r\n\x1a\n", ".jpg", None),
        (b"RIFF\0\0\0\0WEBP", ".jpg", None),
        (b"\0\0\0\x18ftypheic", ".jpg", None),
        # Dahua's frames, and Hikvision's MPEG program stream, which is called mp4
        (b"DHAV\xfd\0\0\0" * 10, ".dav", None),
        (b"IMKH\x01\x01\0\0" * 10, ".mp4", None),
        (b"RIFF\0\0\0\0AVI LIST", ".avi", None),
        (b"feelfree to read this", ".txt", None),
        (b"\xff\xd8\xff", "", None),
        (b"\xff\xd8", ".jpg", False),
    ],
)
def test_other_content(data: bytes, suffix: str, complete: bool | None) -> None:
    assert judge(data, suffix) == Content(complete=complete)


def test_file_shorter_than_it_is_said_to_be() -> None:
    for whole in (JPEGS["thumbnail"](), FTYP + MOVIE + DATA):
        with tempfile.TemporaryFile() as file:
            file.write(whole)
            file.flush()
            assert (
                inspect(partial(os.pread, file.fileno()), len(whole) + 10, "").complete
                is not None
            )
            assert (
                inspect(partial(os.pread, file.fileno()), 10**15, "").complete is False
            )


def test_position_stays(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(JPEGS["baseline"]())
    with path.open("rb") as file:
        file.seek(7)
        inspect(partial(os.pread, file.fileno()), path.stat().st_size, ".jpg")
        assert file.tell() == 7


def test_reading_is_bounded(
    monkeypatch: pytest.MonkeyPatch, videos: dict[str, bytes]
) -> None:
    read: list[int] = []
    pread = os.pread

    def counted(descriptor: int, length: int, offset: int) -> bytes:
        data = pread(descriptor, length, offset)
        read.append(len(data))
        return data

    monkeypatch.setattr(os, "pread", counted)
    for data in (
        encode(noise((1600, 900)), quality=95),
        JPEGS["profile"](),
        b"\xff\xd8" + b"\xff" * 1_000_000,
        b"\xff\xd8\xff\xda\0\x02" + b"\0" * 1_000_000,
        FTYP + MOVIE + (MOOF + DATA) * 10_000,
        *videos.values(),
    ):
        judge(data)
        assert sum(read) <= 256 * 1024
        assert len(read) < 25_000
        read.clear()


PIECES = st.sampled_from(
    [
        FTYP, MOVIE, DATA, MOOF, box(b"moov"), box(b"trak"), b"\0\0\0\x01mdat", b"\0" * 8,
        b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd9", b"\xff", b"\xff\xe1\0\x10", b"\xff\xda\0\x02",
        b"\xff\xc0\0\x0b\x08\0\x10\0\x10", b"\0\0\0\0", b"\xff\xff\xff\xff", MOVIE[:-9],
    ]
)  # fmt: skip
FUZZ = st.one_of(
    st.binary(max_size=400),
    st.lists(st.one_of(PIECES, st.binary(max_size=12)), max_size=12).map(b"".join),
    st.binary(max_size=200).map(b"\xff\xd8\xff".__add__),
    st.binary(max_size=200).map(FTYP.__add__),
)


@given(FUZZ, st.sampled_from([".jpg", ".mp4", ".dav", ""]), st.integers(-3, 2**40))
def test_nothing_in_a_file_makes_it_raise(data: bytes, suffix: str, more: int) -> None:
    descriptor = os.memfd_create("content")
    try:
        os.write(descriptor, data)
        for size in (len(data), max(0, len(data) + more)):
            content = inspect(partial(os.pread, descriptor), size, suffix)
            assert (content.width is None) == (content.height is None)
            assert content.width is None or 0 < content.width <= 32_768
    finally:
        os.close(descriptor)


@given(st.data())
def test_damaged_files(data: st.DataObject) -> None:
    whole = bytearray(
        data.draw(st.sampled_from([with_thumbnail(), FTYP + MOVIE + DATA]))
    )
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, min(len(whole), 3000) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    judge(bytes(whole), ".jpg")
