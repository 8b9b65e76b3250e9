"""Each language says all that English says, with the same names in it."""

from collections.abc import Iterator
import json
from pathlib import Path
import re
from typing import Any

import pytest

FOLDER = (
    Path(__file__).parents[1] / "custom_components" / "hikvision_nvr" / "translations"
)
REQUIRED = {"de", "en", "es", "fr", "uk", "zh-Hans"}
OTHERS = sorted(path.stem for path in FOLDER.glob("*.json") if path.stem != "en")

# Names and abbreviations, which are the same in every language.
TECHNICAL = {
    "Axis",
    "DEEP_ARCHIVE",
    "Dahua, Amcrest, IMOU",
    "FFmpeg",
    "GLACIER",
    "GLACIER_IR",
    "Glacier Deep Archive",
    "Glacier Flexible Retrieval",
    "Glacier Instant Retrieval",
    "HTTPS",
    "Hikvision",
    "Hikvision NVR",
    "ID",
    "NTP",
    "PIR",
    "Reolink",
    "STANDARD",
    "STANDARD_IA",
    "Standard",
    "TVT",
    "Uniview",
    "Vivotek",
}
# Words that a language spells as English does.
SHARED = {
    "de": {
        "Audio",
        "Bucket",
        "Host",
        "Name",
        "Port",
        "Recorder",
        "Region",
        "Standby",
        "Uploads",
    },
    "es": {"Audio", "Bucket", "Error", "Host"},
    "fr": {
        "Archives",
        "Audio",
        "Capture",
        "Captures",
        "Date",
        "Intrusion",
        "Options",
        "Port",
        "Type",
    },
}
# Frequent English words that no other language here has: where one stands, a
# sentence was translated in part only.
ENGLISH_WORDS = {"and", "are", "from", "is", "of", "that", "the", "this", "with"}

CODE = re.compile(
    r"`[^`]*`|https?://(?:[\w.-]*\w)?|\bhikvision_nvr\.\w+|\bs3:\w+", re.ASCII
)
LABEL = re.compile(r"(?<!\*)\*([^*]+)\*(?!\*)")
LATIN_WORD = re.compile(r"[A-Za-zÀ-ɏ]+")
PLACEHOLDER = re.compile(r"{\w+}")


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    assert len(content) == len(pairs), [key for key, _ in pairs]
    return content


def leaves(content: dict[str, Any], trail: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{trail}{key}.")
        else:
            yield f"{trail}{key}", value


def texts_of(language: str) -> dict[str, Any]:
    text = (FOLDER / f"{language}.json").read_text(encoding="utf-8")
    return dict(leaves(json.loads(text, object_pairs_hook=once)))


ENGLISH = texts_of("en")


def pairs_of(language: str) -> dict[str, tuple[str, str]]:
    """The English text and its translation by path, where both are there."""
    texts = texts_of(language)
    return {key: (ENGLISH[key], texts[key]) for key in ENGLISH if key in texts}


def test_the_languages_of_the_house_are_there() -> None:
    assert {*OTHERS, "en"} >= REQUIRED


@pytest.mark.parametrize("language", OTHERS)
def test_each_text_of_english_is_there_and_no_other(language: str) -> None:
    texts = texts_of(language)
    assert sorted(ENGLISH.keys() - texts.keys()) == []
    assert sorted(texts.keys() - ENGLISH.keys()) == []


@pytest.mark.parametrize("language", [*OTHERS, "en"])
def test_no_text_is_empty(language: str) -> None:
    texts = texts_of(language)
    assert texts
    assert [
        key
        for key, text in texts.items()
        if not isinstance(text, str) or not text or text != text.strip()
    ] == []


@pytest.mark.parametrize("language", OTHERS)
def test_placeholders_are_those_of_english(language: str) -> None:
    assert {
        key: text
        for key, (english, text) in pairs_of(language).items()
        if set(PLACEHOLDER.findall(text)) != set(PLACEHOLDER.findall(english))
    } == {}


@pytest.mark.parametrize("language", OTHERS)
def test_code_and_addresses_are_those_of_english(language: str) -> None:
    assert {
        key: text
        for key, (english, text) in pairs_of(language).items()
        if set(CODE.findall(text)) != set(CODE.findall(english))
    } == {}


@pytest.mark.parametrize("language", OTHERS)
def test_no_text_is_left_in_english(language: str) -> None:
    may_stay = TECHNICAL | SHARED.get(language, set())
    left = {}
    for key, (english, text) in pairs_of(language).items():
        words = LATIN_WORD.findall(CODE.sub(" ", PLACEHOLDER.sub(" ", text)))
        if (text == english and words and english not in may_stay) or (
            not ENGLISH_WORDS.isdisjoint(words)
        ):
            left[key] = text
    assert left == {}


@pytest.mark.parametrize("language", OTHERS)
def test_a_text_that_names_another_calls_it_as_it_is_called(language: str) -> None:
    pairs = pairs_of(language)
    called: dict[str, set[str]] = {}
    for english, text in pairs.values():
        called.setdefault(english, set()).add(text)
    wrong = {}
    for key, (english, text) in pairs.items():
        for label in LABEL.findall(english):
            names = called.get(label)
            if names is not None and not any(f"*{name}*" in text for name in names):
                wrong[key] = names
    assert wrong == {}
