"""Redaction of a corpus of texts: documented texts stay word for word, marked words go."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors.redaction import redact

_CORPUS = Path(__file__).with_name("redaction_corpus.txt").read_text(encoding="utf-8")
TEXTS = [line for line in _CORPUS.splitlines() if not line.startswith("# ")]
PERSONAL = [text for text in TEXTS if "⟦" in text]
_MARKED = re.compile("⟦(.*?)⟧")


def expected_text(text: str) -> str:
    """The text with one ellipsis for adjacent marked words."""
    masked = re.sub(r"…(?:[\s,;:'\"]*…)+", "…", _MARKED.sub("…", text)).replace("(…)", "…")
    return re.sub(r"…(?:[\s,;:'\"()]*…)+", "…", masked)


def marked_words(text: str) -> Iterator[str]:
    """Words of the marked parts that do not also stand outside them."""
    outside = set(re.findall(r"\w+", _MARKED.sub(" ", text)))
    for part in _MARKED.findall(text):
        yield from (word for word in re.findall(r"\w+", part) if word not in outside)


def test_corpus_is_large_enough() -> None:
    assert len(TEXTS) >= 200
    assert len(PERSONAL) >= 100
    assert len(TEXTS) - len(PERSONAL) >= 90
    assert len(set(TEXTS)) == len(TEXTS)


@pytest.mark.parametrize("text", TEXTS)
def test_only_marked_words_are_masked(text: str) -> None:
    redacted = redact(re.sub("[⟦⟧]", "", text))
    assert redacted == expected_text(text)
    assert [word for word in marked_words(text) if re.search(rf"\b{re.escape(word)}\b", redacted)] == []


@pytest.mark.parametrize("text", PERSONAL)
def test_marked_words_go_in_any_surroundings(text: str) -> None:
    plain = re.sub("[⟦⟧]", "", text)
    for surrounding in (f"Bad Request: {plain}", f"{plain}; Not Found", f"({plain})"):
        redacted = redact(surrounding)
        assert [word for word in marked_words(text) if re.search(rf"\b{re.escape(word)}\b", redacted)] == []


_TEMPLATES = [
    "Patient {} is locked",
    "patient {} is locked",
    "{} is away on that date",
    "Login failed for user {}.",
    "Dr {} cannot be contacted",
    "Violation of UNIQUE KEY constraint. The duplicate key value is ({}).",
    "Value '{}' is not valid",
    "Patient/{} could not be resolved.",
    "family={}&_count=1",
    "the name {} exists already",
    "record of {} ({}) with medicare {}",
]
#: Letters, of which no word of three is in the vocabulary.
_NAME = st.text("zqxjkvŽé", min_size=3, max_size=12).filter(lambda name: name.lower() != "zzz")
_JOINER = st.sampled_from(["'", "-", " ", ", ", ". ", "\u2019", "\u2011", "\u2013", "_", "."])


@st.composite
def _names(draw: st.DrawFn) -> str:
    first, joiner, last = draw(_NAME), draw(_JOINER), draw(_NAME)
    case = draw(st.sampled_from([str.lower, str.upper, str.title]))
    return case(first) + joiner + case(last)


@given(st.sampled_from(_TEMPLATES), _names())
def test_random_names_go(template: str, name: str) -> None:
    redacted = redact(template.replace("{}", name))
    assert not set(re.findall(r"[zqxjkvŽéžé]{3,}", redacted, re.IGNORECASE))


_ZEROS = (ord("0"), 0x0660, 0x0966, 0xFF10)  # ASCII, Arabic, Devanagari, full width
_DIGITS = st.sampled_from(["".join(chr(zero + digit) for digit in range(10)) for zero in _ZEROS])
_SEPARATORS = st.sampled_from(["", " ", "-", "/", ".", "\u2010", "\u2011", "\u2013", "\u2212", "\u00a0"])


@st.composite
def _numbers(draw: st.DrawFn) -> str:
    digits, separator = draw(_DIGITS), draw(_SEPARATORS)
    return separator.join(draw(st.lists(st.text(digits, min_size=1, max_size=9), min_size=1, max_size=5)))


@given(st.sampled_from(_TEMPLATES), _numbers())
def test_random_numbers_go(template: str, number: str) -> None:
    redacted = redact(template.replace("{}", number)).replace("_count=1", "")
    assert not any(char.isdigit() for char in redacted)


@given(st.sampled_from(["patient", "Patient", "PATIENT", "Dr", "user", "surname"]), st.data())
def test_words_of_errors_go_where_names_stand(title: str, data: st.DataObject) -> None:
    words = ["will", "page", "mark", "grant", "field", "case", "park", "king", "april", "long", "stage"]
    name = data.draw(st.lists(st.sampled_from(words), min_size=1, max_size=3))
    case = data.draw(st.sampled_from([str.lower, str.upper, str.title]))
    redacted = redact(f"{title} {case(' '.join(name))} is locked")
    assert set(redacted.lower().replace("…", "").split()) <= {title.lower(), "is", "locked"}
