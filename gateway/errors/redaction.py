"""Redaction of upstream error messages: known phrases stay, all other words and numbers become `…`.

Integrators adjust their logic by phrases ("Login failed for user", "away on that date"). What may stay is an
allow-list: the vendors' documented texts, words of error messages, names of R4 and of SQL types, and numbers
beside a unit or a label. A word that can be a name stays only where no name can stand.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import islice
from typing import NamedTuple

from gateway.errors.documented_texts import documented_end
from gateway.errors.error_tokens import PUNCTUATION, Token, ascii_lower, tokens_of
from gateway.errors.error_words import SQL_TYPES, TOKENS, VOCABULARY
from gateway.errors.known_names import is_identifier, is_known_name
from gateway.errors.person_words import (
    CODE_LABELS,
    NAME_LIKE,
    NUMBER_LABELS,
    PERSON_WORDS,
    TITLES,
    UNITS,
    WORDS_AFTER_PERSON,
)
from gateway.errors.sql_text import MASK, without_sql
from gateway.fhir.resource_types import RESOURCE_TYPES

#: Characters of a redacted message: a limit on the response.
_MAX_LENGTH = 300
#: Words of a message that are read: enough for the shown length.
_MAX_TOKENS = 400

_SHOWN_BEFORE_MASK, _SHOWN_AFTER_MASK = "([", ".,;:!?)]"
_ENDS_OF_NAME = (".", ";", ":", "!", "?")
_REFERENCE = re.compile(r"([A-Z][A-Za-z]{2,63})/.+", re.DOTALL)
_FORMAT = re.compile(
    r"(?=.*(?:YYYY|yyyy|hh:mm|HH:mm))(?:Y{2,4}|y{2,4}|M{1,4}|m{2}|D{1,2}|d{1,4}|h{1,2}|H{1,2}|s{1,2}|S{1,3}"
    r"|f{1,7}|z{1,3}|T|Z|[-/:.+])+"
)
_NUMBER = re.compile(r"0|[1-9]\d{0,4}|[1-9]\d?,\d{3}", re.ASCII)
_SIZE = re.compile(r"\d{1,4}(?:kb|mb|gb|ms)", re.ASCII | re.IGNORECASE)

_LIKE_NAME = re.compile(r"[^\W\d_]+(?:['\u2019./:;,_-][^\W\d_]+)*")
_STATUSES = frozenset(str(int(status)) for status in HTTPStatus)
_REPEATED_MASKS = re.compile(r"…(?:[\s,;:'\"]*…)+")
_REPEATED_MASKS_IN_BRACKETS = re.compile(r"…(?:[\s,;:'\"()]*…)+")
_CONTRACTION = re.compile(r"[a-z]{2,6}n't|(?:it|that|there)'s")
#: Short words that begin a sentence; capitalised elsewhere, they can be names.
_OPENERS = frozenset({"a", "an", "as", "at", "by", "do", "in", "on", "so", "to"})
_PARAMETER_WORDS = frozenset({"parameter", "parameters", "argument", "arguments"})
_WORDS_BEFORE_NAME = frozenset(
    {
        "for",
        "of",
        "by",
        "with",
        "and",
        "is",
        "number",
        "id",
        "identifier",
        "value",
        "reference",
        "record",
        "find",
    }
)
_VERBS_AFTER_NAME = frozenset({"is", "was", "has", "had", "and", "did", "does", "may", "will", "or"})


_NO_TOKEN = Token("end", "")


class _Permitted(NamedTuple):
    """Further texts that may stay: words in lower case, and names of parameters."""

    words: frozenset[str] = frozenset()
    parameters: frozenset[str] = frozenset()


class _Place(NamedTuple):
    """A token and its neighbours; `expects_name` if a name or number of a person may stand here."""

    before_previous: Token
    previous: Token
    token: Token
    following: Token
    expects_name: bool
    permitted: "_Permitted"

    @property
    def starts_sentence(self) -> bool:
        """Whether no word of the same sentence stands before it."""
        return self.previous is _NO_TOKEN or self.previous.text.endswith((".", ":", ";"))


def redact(text: str, words: frozenset[str] = frozenset(), parameters: frozenset[str] = frozenset()) -> str:
    """Redact an upstream's message: `…` for all that may be personal data, at most 300 characters.

    `words` in lower case may stay, too, where no name can stand; so may names of `parameters` where the text
    speaks of parameters.
    """
    tokens = list(islice(tokens_of(without_sql(text)), _MAX_TOKENS))
    shown = "".join(_shown_texts(tokens, _Permitted(words, parameters)))
    plain = shown.strip() + MASK * (len(tokens) == _MAX_TOKENS)
    plain = _REPEATED_MASKS.sub(MASK, plain).replace(f"({MASK})", MASK)
    plain = _REPEATED_MASKS_IN_BRACKETS.sub(MASK, plain)
    return plain if len(plain) <= _MAX_LENGTH else plain[: _MAX_LENGTH - 1] + MASK


def _shown_texts(tokens: Sequence[Token], permitted: _Permitted) -> Iterator[str]:
    """Shown text of each token. A word that can be a name is masked beside a name or another such word."""
    shown = list(_judge(tokens, permitted))
    suspects = [
        token.can_be_name
        or (token.kind == "word" and MASK in text and _LIKE_NAME.fullmatch(token.core) is not None)
        for token, text in zip(tokens, shown, strict=True)
    ]
    for index, (token, text) in enumerate(zip(tokens, shown, strict=True)):
        neighbours = (*suspects[max(index - 1, 0) : index], *suspects[index + 1 : index + 2])
        hidden = token.can_be_name and any(neighbours)
        yield " " * token.has_space + (_mask(token) if hidden else text)


def _judge(tokens: Sequence[Token], permitted: _Permitted) -> Iterator[str]:
    expects_name = False
    before_previous = previous = _NO_TOKEN
    for token, following in zip(tokens, [*tokens[1:], _NO_TOKEN], strict=False):
        place = _Place(before_previous, previous, token, following, expects_name, permitted)
        text = _SHOW[token.kind](place)
        expects_name = _expects_name_after(token, text, expects_name)
        before_previous, previous = previous, token
        yield text


def _expects_name_after(token: Token, shown: str, expects_name: bool) -> bool:
    """Whether a name may follow: after a person's word, after `name=`, and after a part of a name."""
    if token.kind == "assignment" or token.word in TITLES:
        return True
    if token.word in PERSON_WORDS and token.kind in {"word", "documented"}:
        return not token.text.endswith((".", ";"))
    ends_name = token.text.endswith(_ENDS_OF_NAME) and len(token.core) > 2  # noqa: PLR2004 - an initial
    return expects_name and not ends_name and (not token.core or (token.kind == "word" and MASK in shown))


def _show_text(place: _Place) -> str:
    return place.token.text


def _show_quoted(place: _Place) -> str:
    """Show a name in quotation marks or brackets."""
    token = place.token
    content = token.text.strip("'\"`“”\u2018\u2019«»[]")
    if not content or (token.kind == "bracketed" and not token.has_space and content.isdecimal()):
        return token.text if content.isascii() and len(content) <= 3 else MASK  # noqa: PLR2004 - an index
    if documented_end(ascii_lower(content), 0) == len(content):
        return token.text
    is_parameter = token.kind == "bracketed" or place.previous.word.removesuffix("s") in {
        "parameter",
        "argument",
    }
    names = content.split(", ") if token.kind == "bracketed" else [content]
    is_name = all(map(is_known_name, names)) or (is_parameter and is_identifier(content))
    if is_parameter and place.permitted.parameters:
        is_name = is_name or all(_is_parameter_name(name, place) for name in names)
    return token.text if is_name and not place.expects_name and content not in NAME_LIKE else MASK


def _is_parameter_name(name: str, place: _Place) -> bool:
    return name in place.permitted.parameters or is_known_name(name) or is_identifier(name)


def _show_assignment(place: _Place) -> str:
    """Show the name of `name=value`, and the value of `status=404`."""
    name, _, value = place.token.text.partition("=")
    if name.lower() in NUMBER_LABELS and _NUMBER.fullmatch(value):
        return place.token.text
    is_shown = is_known_name(name) or is_identifier(name) or name.lower() in VOCABULARY
    return f"{name if is_shown else MASK}={MASK}"


def _show_word(place: _Place) -> str:
    token = place.token
    if not token.core:
        return token.text if token.text.isascii() or token.text.strip(PUNCTUATION) == "" else MASK
    reference = _REFERENCE.fullmatch(token.core)
    if reference and reference[1] in RESOURCE_TYPES:
        return token.text.replace(token.core, f"{reference[1]}/{MASK}")
    return token.text if _may_stay(place) else _mask(token)


def _mask(token: Token) -> str:
    """Mask a word; brackets and the punctuation of the sentence stay, but not the dot of an abbreviation."""
    before, _, after = token.text.partition(token.core)
    is_short = len(token.core) <= 2 or token.word in TITLES  # noqa: PLR2004 - an initial
    after = after.removeprefix(".") if is_short else after
    shown_before = "".join(char for char in before if char in _SHOWN_BEFORE_MASK)
    return shown_before + MASK + "".join(char for char in after if char in _SHOWN_AFTER_MASK)


def _may_stay(place: _Place) -> bool:
    core, word = place.token.core, place.token.word
    if not core.replace("\u2019", "").isascii():
        return False
    if place.expects_name:
        return core == word and word in WORDS_AFTER_PERSON
    if word in TOKENS or _FORMAT.fullmatch(core):
        return True
    if word in place.permitted.words or _names_parameter(place):
        return True
    if _has_digit(core):
        return _is_technical_number(place)
    return _is_known_word(place)


def _names_parameter(place: _Place) -> bool:
    return place.previous.word in _PARAMETER_WORDS and place.token.core in place.permitted.parameters


def _has_digit(text: str) -> bool:
    return any(char.isdigit() for char in text)


def _is_technical_number(place: _Place) -> bool:
    """Whether a number has a unit or a label of errors: `30 seconds`, `8mb`, `error code 207`."""
    core, label = place.token.core, place.previous.word
    if _SIZE.fullmatch(core):
        return True
    if _has_digit(place.previous.core):
        return False
    is_code = label == "code" and place.before_previous.word in CODE_LABELS
    is_length = place.previous.text == "(" and place.before_previous.word in SQL_TYPES
    is_status = core in _STATUSES and place.following.kind == "documented"
    is_labelled = is_code or is_length or is_status or label in NUMBER_LABELS or place.following.word in UNITS
    return is_labelled and _NUMBER.fullmatch(core) is not None


def _is_known_word(place: _Place) -> bool:
    core, word = place.token.core.replace("\u2019", "'"), place.token.word.replace("\u2019", "'")
    if core != word and word in _OPENERS:
        return _opens_sentence(place)
    if word in VOCABULARY:
        return word not in NAME_LIKE or (core == word and not _stands_as_name(place))
    stem = core.removesuffix("'s").removesuffix("s'")
    is_possessive = stem != core and stem in VOCABULARY and stem not in NAME_LIKE
    return (
        is_possessive
        or _CONTRACTION.fullmatch(core) is not None
        or is_known_name(core)
        or is_identifier(core)
    )


def _stands_as_name(place: _Place) -> bool:
    """Whether a word in lower case stands where a name does: `page is away`, `an appointment for page`."""
    is_subject = place.starts_sentence or place.previous.word in _WORDS_BEFORE_NAME
    is_last = place.following is _NO_TOKEN or place.token.text.endswith(_ENDS_OF_NAME)
    return is_subject and (is_last or place.following.word in _VERBS_AFTER_NAME)


def _opens_sentence(place: _Place) -> bool:
    """Whether a short word begins a sentence and is no name: `An error`, but not `An is away`."""
    following = place.following.core
    is_free = following in VOCABULARY and following not in NAME_LIKE | _VERBS_AFTER_NAME
    return place.starts_sentence and is_free and place.token.text == place.token.core


_SHOW: Mapping[str, Callable[[_Place], str]] = {
    "documented": _show_text,
    "quoted": _show_quoted,
    "bracketed": _show_quoted,
    "markup": lambda _: MASK,
    "assignment": _show_assignment,
    "word": _show_word,
    "other": _show_word,
}
