"""No secret is in the repository, and none is made that could be."""

import math
from pathlib import Path
import re
import subprocess

import pytest

ROOT = Path(__file__).resolve().parents[2]

PATTERNS = {
    "private key": re.compile(
        r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/]"
    ),
    "AWS access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "AWS secret key": re.compile(
        r"(?i)secret[a-z_]{0,20}['\"]?\s*[:=]\s*['\"]([A-Za-z0-9/+]{40})['\"]"
    ),
    "GitHub token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36}\b|\bgithub_pat_\w{40,}"),
    "Slack token": re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
    "Google key": re.compile(r"\bAIza[0-9A-Za-z_-]{35}\b"),
    "JSON web token": re.compile(
        r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
    ),
    "login in an address": re.compile(
        r"(?:https?|ftps?|rtsp|sftp)://[^\s/@:'\"{}<>]+:[^\s/@'\"{}<>]+@([^\s/:'\"]+)"
    ),
}
DOCUMENTATION = re.compile(
    r"(?i)example|127\.0\.0\.1|localhost|\[::1\]|192\.0\.2\.|198\.51\.100\."
    r"|203\.0\.113\.|\.test\b|\.invalid\b|\{|%s|…|HOST|host\b|cam(era)?\b|nvr\b"
)
"""Places that nobody has (RFC 2606, RFC 5737), and what is filled in later."""
RANDOM = 3.5
"""Bits a letter: made-up words of examples are below, keys are above."""
NAMES = re.compile(
    r"(?i)(^|/)(id_(rsa|ecdsa|ed25519)|\.env|\.netrc|\.pypirc|secrets\.yaml"
    r"|credentials|[^/]+\.(p12|pfx|jks|kdbx|key))$"
)


def repository_files() -> list[Path]:
    """Return what git keeps, and what it would keep if all were added."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [file for file in files if file.is_file() and not file.is_symlink()]


def entropy(text: str) -> float:
    """Return the bits of information in each letter."""
    counts = [text.count(letter) for letter in set(text)]
    return -sum(one / len(text) * math.log2(one / len(text)) for one in counts)


def secrets_in(text: str) -> list[str]:
    """Return which kinds of secrets a text has."""
    found = []
    for kind, pattern in PATTERNS.items():
        for match in pattern.finditer(text):
            word = match[match.lastindex or 0]
            if kind == "login in an address":
                if not DOCUMENTATION.search(word):
                    found.append(f"{kind}: {word}")
            elif "EXAMPLE" in word:
                continue  # The keys that the documents of AWS show.
            elif kind == "private key" or entropy(word) > RANDOM:
                found.append(f"{kind}: {word[:8]}…")
    return found


def test_no_secret_in_any_file() -> None:
    found = {}
    for file in repository_files():
        if file == Path(__file__):
            continue
        text = file.read_bytes().decode("utf-8", "replace")
        if secrets := secrets_in(text):
            found[str(file.relative_to(ROOT))] = secrets
    assert found == {}


def test_no_file_has_the_name_of_a_secret() -> None:
    names = [str(file.relative_to(ROOT)) for file in repository_files()]
    assert [name for name in names if NAMES.search(name)] == []


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE",
        "key = 'AKIA" + "Q7ZL2MXW9RTB4KVD'",
        "secret_access_key: '" + "kJ8v2QmZ0xT5rLw9" + "Yb3NfHs7Gd1PcAe6UiWoRqXt'",
        "ghp_" + "a8Kz3LmQ9xWv2TbN7cRdY5eHf1GjUo4PsIq6",
        "rtsp://admin:" + "hunter2@192.168.1.64/Streaming",
    ],
    ids=["private key", "access key", "secret key", "token", "address"],
)
def test_a_secret_would_be_found(text: str) -> None:
    assert secrets_in(text)
