"""How cameras write names: no protocol of theirs makes them say it."""

_ENCODINGS = ("utf-8", "gb18030")


def decode_name(name: bytes) -> str:
    """Return text in the first encoding that fits; Latin-1 reads everything."""
    for encoding in _ENCODINGS:
        try:
            return name.decode(encoding)
        except UnicodeDecodeError:
            continue
    return name.decode("latin-1")
