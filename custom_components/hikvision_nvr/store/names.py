"""Safe names for camera folders and files.

A camera chooses the names of its uploads and anyone may name a camera, so nothing of
either reaches the file system or S3 unchecked.
"""

import posixpath
import re
import unicodedata

RESERVED_FOLDERS = frozenset({"archive"})
"""``archive`` is where a camera's archives are in the bucket."""

_TEMPORARY_SUFFIXES = frozenset(
    {".filepart", ".part", ".partial", ".temp", ".tmp", ".upload", ".uploading"}
)

_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u2028\u2029]')
_MAX_FOLDER_BYTES = 64
_MAX_NAME_BYTES = 200
"""Below the 255 bytes of common file systems, which leaves room for a suffix."""


def camera_folder(name: str) -> str:
    """Make a camera's folder name of its display name.

    Raises ValueError when nothing usable remains or the name is reserved.
    """
    folder = _clean(name).strip(" .")
    folder = _shorten(folder, _MAX_FOLDER_BYTES).rstrip(" .")
    if not folder:
        raise ValueError("The name has no usable character")
    if folder.casefold() in RESERVED_FOLDERS or folder.startswith(("_", ".")):
        raise ValueError(f"The name {folder!r} is reserved")
    return folder


def upload_name(path: str) -> str:
    """Make a file name of the path that a camera uploads to: its last part, cleaned.

    Raises ValueError when the path ends with no file name.
    """
    leaf = path.replace("\\", "/").rsplit("/", 1)[-1]
    if leaf.strip(" .") == "":
        raise ValueError("The path has no file name")
    leaf = _clean(leaf)
    if leaf.startswith("."):
        leaf = "_" + leaf[1:]
    stem, suffix = posixpath.splitext(leaf)
    if len(suffix.encode()) > 16:
        stem, suffix = leaf, ""
    return _shorten(stem, _MAX_NAME_BYTES - len(suffix.encode())) + suffix


def is_temporary_name(name: str) -> bool:
    """Tell whether a client uses such a name until its upload is whole."""
    return posixpath.splitext(name)[1].casefold() in _TEMPORARY_SUFFIXES


def numbered(name: str, number: int) -> str:
    """Return the name with ``~number`` before its extension; unchanged for 0."""
    if number == 0:
        return name
    stem, suffix = posixpath.splitext(name)
    return f"{stem}~{number}{suffix}"


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("_", unicodedata.normalize("NFC", text))


def _shorten(text: str, limit: int) -> str:
    return text.encode()[:limit].decode(errors="ignore")
