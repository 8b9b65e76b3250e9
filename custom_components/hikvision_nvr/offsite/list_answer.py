"""Reads a page of a listing (AWS S3 API, ListObjectsV2).

botocore spends a quarter of a second on a page of 1000 objects, on the loop.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, NoReturn
from urllib.parse import unquote_plus
from xml.parsers import expat

MOST_LISTING: Final = 16 << 20
"""Bytes of a page: 1000 keys of 1024 bytes each, encoded, and what is said of them."""

_MOST_DEEP: Final = 8
_ROOT: Final = "ListBucketResult"
_OBJECT: Final = (_ROOT, "Contents")
_FOLDER: Final = (_ROOT, "CommonPrefixes", "Prefix")


@dataclass(frozen=True, slots=True)
class ListedObject:
    """An object as the service lists it; ``storage_class`` is None where it is untold."""

    key: str
    size: int
    etag: str
    modified: datetime
    storage_class: str | None


@dataclass(frozen=True, slots=True)
class ListAnswer:
    """A page: objects, folders, and what asks for the next one if there is one."""

    objects: tuple[ListedObject, ...]
    folders: tuple[str, ...]
    next_token: str | None


def parse_listing(body: bytes) -> ListAnswer:
    """Read a page (blocking); raises ValueError when it is none."""
    reader = _Reader()
    # Services differ in the namespace: names are taken without it.
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.data
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(body, True)
        return reader.answer()
    except (expat.ExpatError, KeyError) as error:
        raise ValueError(f"it is no listing: {error!r}") from error


def _refuse(*_arguments: object) -> NoReturn:
    # Entities could make a small document a huge one.
    raise ValueError("a document type definition")


class _Reader:
    """Collects what the parser reports."""

    def __init__(self) -> None:
        self._path: tuple[str, ...] = ()
        self._text = ""
        self._page: dict[str, str] = {}
        self._object: dict[str, str] = {}
        self._objects: list[dict[str, str]] = []
        self._folders: list[str] = []

    def start(self, tag: str, _attributes: dict[str, str]) -> None:
        if len(self._path) >= _MOST_DEEP:
            raise ValueError("deeper than a listing")
        self._path += (tag.rpartition(" ")[2],)
        self._text = ""

    def data(self, text: str) -> None:
        self._text += text

    def end(self, _tag: str) -> None:
        path, self._path = self._path, self._path[:-1]
        if self._path == _OBJECT:
            self._object[path[-1]] = self._text
        elif path == _OBJECT:
            self._objects.append(self._object)
            self._object = {}
        elif path == _FOLDER:
            self._folders.append(self._text)
        elif len(path) <= len(_OBJECT):
            self._page["/".join(path)] = self._text
        self._text = ""

    def answer(self) -> ListAnswer:
        """Return the page; raises ValueError and KeyError."""
        page = self._page
        if _ROOT not in page:
            raise ValueError("another document")
        token = None
        if page.get(f"{_ROOT}/IsTruncated") == "true":
            token = page.get(f"{_ROOT}/NextContinuationToken")
            if not token:
                # What is not listed would be taken for gone.
                raise ValueError("it goes on and does not say where")
        encoded = page.get(f"{_ROOT}/EncodingType") == "url"
        return ListAnswer(
            objects=tuple(
                ListedObject(
                    key=unquote_plus(told["Key"]) if encoded else told["Key"],
                    size=int(told["Size"]),
                    etag=told["ETag"].strip('"'),
                    modified=datetime.fromisoformat(told["LastModified"]),
                    storage_class=told.get("StorageClass") or None,
                )
                for told in self._objects
            ),
            folders=tuple(
                unquote_plus(one) if encoded else one for one in self._folders
            ),
            next_token=token,
        )
