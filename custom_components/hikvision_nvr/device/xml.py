"""XML from devices: bounded, without entities, and given back as it came.

Firmware uses several namespaces and prefixes for the same documents, so elements are
matched by their local names. Tags and attributes are kept as they were written: what
is read, changed and sent back still has everything that this code does not know.
"""

from collections.abc import Iterator
from typing import NoReturn
from xml.etree.ElementTree import Element, SubElement, tostring
from xml.parsers import expat

MAX_SIZE = 1 << 20
"""Bytes. The capabilities of a large recorder take about a tenth of this."""
MAX_ELEMENTS = 20_000
MAX_DEPTH = 32


class XmlError(ValueError):
    """The document is not well-formed, or larger or deeper than any device's."""


class _Builder:
    """Builds a tree from what the parser reports, within the limits."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._last: Element | None = None
        self._count = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MAX_ELEMENTS or len(self._open) >= MAX_DEPTH:
            raise XmlError("More or deeper elements than any device sends")
        element = Element(tag, attributes)
        if self._open:
            self._open[-1].append(element)
        else:
            self.root = element
        self._open.append(element)
        self._last = None

    def end(self, _tag: str) -> None:
        self._last = self._open.pop()

    def data(self, text: str) -> None:
        if self._last is not None:
            self._last.tail = (self._last.tail or "") + text
        elif self._open:
            self._open[-1].text = (self._open[-1].text or "") + text


def _refuse(*_arguments: object) -> NoReturn:
    # Entities could make a small document a huge one, or read files.
    raise XmlError("A document type definition")


def parse(content: bytes) -> Element:
    """Return the root of a document. Raises XmlError."""
    if len(content) > MAX_SIZE:
        raise XmlError("Too large")
    builder = _Builder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    try:
        # Some firmware begins with an empty line, which XML does not allow.
        parser.Parse(content.lstrip(), True)
    except (expat.ExpatError, ValueError, LookupError) as err:
        raise XmlError(str(err)) from err
    assert builder.root is not None
    return builder.root


def serialize(root: Element) -> bytes:
    """Return a document as it is sent."""
    text: bytes = tostring(root, encoding="UTF-8", xml_declaration=True)
    return text


def local_name(element: Element) -> str:
    """Return an element's name without its prefix."""
    return element.tag.rpartition(":")[2]


def children(element: Element, name: str) -> Iterator[Element]:
    """Yield an element's direct children of a name."""
    return (child for child in element if local_name(child) == name)


def find(element: Element, *path: str) -> Element | None:
    """Return the first element on a path of names below another, None without one."""
    found: Element | None = element
    for name in path:
        if found is None:
            return None
        found = next(children(found, name), None)
    return found


def find_anywhere(element: Element, name: str) -> Element | None:
    """Return the first element of a name at any depth, None without one."""
    return next((one for one in element.iter() if local_name(one) == name), None)


def text(element: Element, *path: str) -> str:
    """Return the text on a path of names, empty without one."""
    found = find(element, *path)
    return "" if found is None or found.text is None else found.text.strip()


def truth(element: Element, *path: str) -> bool | None:
    """Return whether the text on a path says yes; None where it says nothing."""
    return {"true": True, "1": True, "false": False, "0": False}.get(
        text(element, *path).lower()
    )


def put(element: Element, value: str, *path: str) -> None:
    """Set the text on a path of names; what is missing of it is added at the end."""
    for name in path:
        child = find(element, name)
        if child is None:
            prefix, colon, _ = element.tag.rpartition(":")
            child = SubElement(element, f"{prefix}{colon}{name}")
        element = child
    element.text = value
