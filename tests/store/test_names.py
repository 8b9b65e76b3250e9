"""Names that come from outside are made safe."""

from hypothesis import given, strategies as st
import pytest

from custom_components.hikvision_nvr.store import camera_folder, upload_name


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("CAM-EXT-001", "CAM-EXT-001"),
        ("Front door", "Front door"),
        (" Küche ", "Küche"),
        ("a/b\\c", "a_b_c"),
        ("line\nbreak", "line_break"),
    ],
)
def test_camera_folder(name: str, folder: str) -> None:
    assert camera_folder(name) == folder


@pytest.mark.parametrize("name", ["", " ", "..", "archive", "Archive", "_x", "///"])
def test_unusable_camera_names(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        camera_folder(name)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a/b/c.jpg", "c.jpg"),
        ("\\MAC\\2021-01-09\\c.jpg", "c.jpg"),
        ("c\x1b[31m.jpg", "c_[31m.jpg"),
        (".hidden.jpg", "_hidden.jpg"),
        ("x" * 300 + ".jpg", "x" * 196 + ".jpg"),
    ],
)
def test_upload_name(path: str, name: str) -> None:
    assert upload_name(path) == name


@pytest.mark.parametrize("path", ["", "/", "/a/", "/a/..", ".", " "])
def test_path_without_a_file_name(path: str) -> None:
    with pytest.raises(ValueError, match="name"):
        upload_name(path)


@given(st.text())
def test_any_upload_name_is_one_plain_path_part(path: str) -> None:
    try:
        name = upload_name(path)
    except ValueError:
        return
    assert name not in ("", ".", "..")
    assert not name.startswith(".")
    assert not set("/\\\0\r\n") & set(name)
    assert len(name.encode()) <= 255
