"""What an upstream said of its own: its text without quotations and anything that the request contained.

An upstream repeats a client's words in its errors ("unknown parameter …"), and quotes stored values ("cannot
convert the value '…'"), which another client may have written. Text that decides about state of other
callers, or about a wait, is read through `own_words` only.
"""

import html
import re
import unicodedata
from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import unquote_plus

from gateway.exchange import FhirRequest
from gateway.fhir.element_names import ELEMENT_NAMES

#: Stands for words of the request; no pattern matches it.
REPEATED: Final = "\N{HORIZONTAL ELLIPSIS}"
#: Characters of a request that are compared: the text about a larger request has no own words.
MAX_REQUEST_LENGTH: Final = 100_000
#: Length from which a word counts as repeated wherever it stands in the request, also inside another word.
_SUBSTRING_LENGTH: Final = 5
#: Length of the part of a word that shows that the upstream put something before or behind a repeated word.
_PART_LENGTH: Final = 8
#: Length up to which a word is too common to be the request's: "is", "the", "30".
_COMMON_LENGTH: Final = 3

#: From the first quotation mark of a kind to the last: a quoted value may contain such marks itself.
_QUOTATION = re.compile(
    r"""(?<!\w)'.*'(?!\w) | ".*" | `.*` | \u201c.*\u201d | \u2018.*\u2019(?!\w) | \u00ab.*\u00bb""",
    re.VERBOSE | re.DOTALL,
)
_JSON_NAME = re.compile(r'"([A-Za-z]{1,64})"\s*:')
_WORD = re.compile(r"[^\W_]+")
_SEPARATORS = re.compile(r"[\W_]+")
_TAG = re.compile(r"<[^<>]*>")
_JSON_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})")


class _RequestWords(NamedTuple):
    """Words of a request, and all its letters and digits without a gap."""

    words: frozenset[str]
    letters: str

    def contain(self, text_word: str) -> bool:
        """Whether the request may be the origin of a word in the upstream's text."""
        word = _fold(text_word)
        if len(word) >= _SUBSTRING_LENGTH:
            return any(part in self.letters for part in _parts(word))
        is_common = len(word) <= _COMMON_LENGTH and (word.isdecimal() or word.isalpha())
        return not is_common and word in self.words


def own_words(text: str, request: FhirRequest) -> str:
    """Return an upstream's text with `…` for each quotation, and for the request's words in any spelling."""
    request_words = _words_of(request)
    if request_words is None:
        return ""
    unquoted = _QUOTATION.sub(REPEATED, text)
    origins = {word: request_words.contain(word) for word in set(_WORD.findall(unquoted))}
    return _WORD.sub(lambda match: REPEATED if origins[match[0]] else match[0], unquoted)


def _words_of(request: FhirRequest) -> _RequestWords | None:
    """Return the words of a request; None if it is too large to compare."""
    texts = tuple(_client_texts(request))
    if sum(map(len, texts)) > MAX_REQUEST_LENGTH:
        return None
    spellings = _fold(" ".join(spelling for text in texts for spelling in _spellings(text)))
    return _RequestWords(frozenset(_WORD.findall(spellings)), _SEPARATORS.sub("", spellings))


def _client_texts(request: FhirRequest) -> Iterator[str]:
    """All that the client chose; field names and the base are the gateway's."""
    yield request.path
    yield from (value for _, value in request.headers)
    for search in (request.client_search, request.upstream_search):
        for parameter in search.parameters:
            yield from (parameter.raw, parameter.name, parameter.value)
    yield _JSON_NAME.sub(_without_element_name, request.body.decode("utf-8", "replace"))


def _without_element_name(name: re.Match[str]) -> str:
    """Return nothing for a name that R4 gives: errors contain such words, whoever sends them."""
    return "" if name[1] in ELEMENT_NAMES or name[1] == "resourceType" else name[0]


def _spellings(text: str) -> Iterator[str]:
    """Return the text as sent, and as an upstream reads it: from JSON, HTML and a URL, once or twice."""
    yield text
    for decode in (_decode_json, html.unescape, _without_tags, unquote_plus, unquote_plus):
        decoded = decode(text)
        if decoded != text:
            yield decoded
        text = decoded


def _decode_json(text: str) -> str:
    return _JSON_ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), text) if "\\u" in text else text


def _without_tags(text: str) -> str:
    return _TAG.sub("", text)


def _fold(text: str) -> str:
    """Return the text in lower case, without accents and with compatible characters as plain ones."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()


def _parts(word: str) -> Iterator[str]:
    """Return the parts of a long word, or the whole of a shorter one."""
    last = max(1, len(word) - _PART_LENGTH + 1)
    return (word[start : start + _PART_LENGTH] for start in range(last))
