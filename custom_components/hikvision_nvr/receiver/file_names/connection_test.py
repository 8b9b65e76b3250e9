"""Tells what a camera's test button uploads from what it saw."""

from dataclasses import dataclass
import re

from .form import FLAGS, UploadPath

_TEXT = frozenset({"", ".txt", ".tmp", ".dat", ".log"})
_TINY = 1024
"""No camera makes a picture of so few bytes, and a test needs no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Test:
    """A test's path: the last folder's name, the file's, and its possible suffixes."""

    folder: re.Pattern[str] = re.compile(r".*", FLAGS | re.DOTALL)
    stem: re.Pattern[str] = re.compile(r".*", FLAGS | re.DOTALL)
    suffixes: frozenset[str] | None = None


_TESTS = (
    # camera_test20190222080904/…, a folder that Reolink's test makes (thread
    # ipcam2mqtt #14); what it writes there is not known.
    _Test(folder=re.compile(r"camera_test\d{14}", FLAGS)),
    # Generic: for no other brand the name of the test's file is publicly known.
    _Test(
        stem=re.compile(
            r"(?:ftp|sftp|upload|connection|camera)?[ _\-]?test"
            r"(?:[ _\-]?(?:ftp|sftp|upload|connection|file))?[ _\-]?\d{0,17}",
            FLAGS,
        ),
        suffixes=_TEXT,
    ),
)


def is_connection_test(path: str, size: int) -> bool:
    """Return whether a file is only a test of the connection, for all that is known.

    In doubt it is not: a picture that is taken for a test is a detection lost.
    """
    if size > _TINY:
        return False
    upload = UploadPath.of(path)
    folder = upload.folders.rpartition("/")[2]
    return any(
        test.folder.fullmatch(folder) is not None
        and test.stem.fullmatch(upload.stem) is not None
        and (test.suffixes is None or upload.suffix in test.suffixes)
        for test in _TESTS
    )
