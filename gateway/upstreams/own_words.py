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
from gateway.sql.types import TYPE_NAMES

#: Stands for words of the request; no pattern matches it.
REPEATED: Final = "\N{HORIZONTAL ELLIPSIS}"
#: Characters of a request that are compared: the text about a larger request has no own words.
MAX_REQUEST_LENGTH: Final = 30_000
#: Bytes of a word in a larger body that is left out, such as a document in base64, or as a literal in SQL: an
#: upstream that repeats a part of it repeats one long word, which is never its own.
_MIN_DOCUMENT_BYTES: Final = 4_000
_SEPARATORS_OF_WORDS: Final = (b'"', b" ")
#: Documents of a request that are left out.
_MAX_DOCUMENTS: Final = 500
#: Length from which a word counts as repeated wherever it stands in the request, also inside another word.
_SUBSTRING_LENGTH: Final = 5
#: Length of the begin or end of a word that shows that the upstream put something behind or before it.
_PART_LENGTH: Final = 8
#: Length of a word that no upstream's own sentence contains.
_LONG_LENGTH: Final = 32
#: Length up to which a word is too common to be the request's: "is", "the", "30".
_COMMON_LENGTH: Final = 3

#: A quotation to the last mark of its kind, because a quoted value may contain such marks; one that was cut
#: has no end. Then all from the first round bracket to the last,
#: because a quoted value may contain brackets, too; except a size, if no other bracket follows: "(8mb)".
_QUOTATION = re.compile(
    r"""(?<!\w)[Nn]?'(?:.*'(?!\w)|.*) | "(?:.*"|.*) | `.*
      | [\u2018\u201a\u201c\u201e\u00ab\u2039\u00b4\uff07\uff02].*
      | \[.* | \{.* | <.*
      | \((?!\d{1,6}\ ?[km]?b\)[^()]*$)(?:.*\)|.*)""",
    re.VERBOSE | re.DOTALL,
)
_WORD = re.compile(r"[^\W_]+")
_JSON_NAME = re.compile(r'"([A-Za-z]{1,64})"\s*:(\s*"[A-Za-z]{1,64}"(?=\s*[,}]))?')
#: Names in the bodies of SQL Passthrough, and the constants that some of them have (Halo's OpenAPI document).
_SQL_NAMES: Final = frozenset(
    {
        *("command", "registerCommand", "text", "type", "executionMode", "parameters", "catalogue"),
        *("name", "direction", "value", "size", "maxTimeInQueue", "queryIds"),
        *("registeredQueryType", "frequency", "duration"),
    }
)
_SQL_CONSTANTS: Final = {
    "type": {"text", "storedprocedure", *TYPE_NAMES},
    "executionMode": {"reader", "nonquery", "scalar"},
    "direction": {"input", "output", "inputoutput", "returnvalue"},
    "registeredQueryType": {"query"},
}
_SEPARATORS = re.compile(r"[\W_\u115f\u1160\u3164\uffa0]+")
_TAG = re.compile(r"<!--.*?-->|/\*.*?\*/|<[^<>]*>", re.DOTALL)
_JSON_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|[bfnrt])")
#: Letters without a decomposition that databases convert to plain ones.
PLAIN_LETTERS = str.maketrans(
    "\u0142\u0141\u0111\u0110\u0167\u0166\u0127\u0126\u0131\u00f8\u00d8", "lLdDtThHioO"
)


class _RequestWords(NamedTuple):
    """Words of a request, and all its letters and digits without a gap."""

    words: frozenset[str]
    letters: str

    def contain(self, text_word: str) -> bool:
        """Whether the request may be the origin of a word in the upstream's text."""
        word = _fold(text_word)
        if len(word) > _LONG_LENGTH:
            return True
        if len(word) >= _SUBSTRING_LENGTH:
            return any(part in self.letters for part in {word, word[:_PART_LENGTH], word[-_PART_LENGTH:]})
        is_common = len(word) <= _COMMON_LENGTH and (word.isdecimal() or word.isalpha())
        return not is_common and word in self.words


class OwnWords:
    """Reads the upstream's texts about one request; the request's words are collected once, when needed."""

    def __init__(self, request: FhirRequest) -> None:
        self._request = request
        self._words: _RequestWords | None = None
        self._is_read = False

    def of(self, text: str) -> str:
        """Return a text with `…` for each quotation, and for the request's words in any spelling."""
        if not text:
            return ""
        if not self._is_read:
            self._words, self._is_read = _words_of(self._request), True
        return _without_words(text, self._words) if self._words else ""


def own_words(text: str, request: FhirRequest) -> str:
    """Return an upstream's text with `…` for each quotation, and for the request's words in any spelling."""
    return OwnWords(request).of(text)


def _without_words(text: str, request_words: _RequestWords) -> str:
    unquoted = _QUOTATION.sub(REPEATED, html.unescape(text))
    origins = {word: request_words.contain(word) for word in set(_WORD.findall(unquoted))}
    return _WORD.sub(lambda match: REPEATED if origins[match[0]] else match[0], unquoted)


def _words_of(request: FhirRequest) -> _RequestWords | None:
    """Return the words of a request; None if it is too large to compare."""
    texts = dict.fromkeys(_client_texts(request))
    if sum(map(len, texts)) > MAX_REQUEST_LENGTH:
        return None
    spellings = _fold(" ".join(dict.fromkeys(spelling for text in texts for spelling in _spellings(text))))
    return _RequestWords(frozenset(_WORD.findall(spellings)), _SEPARATORS.sub("", spellings))


def _client_texts(request: FhirRequest) -> Iterator[str]:
    """All that the client chose; field names and the base are the gateway's."""
    yield request.path
    yield from (value for _, value in request.headers)
    for search in (request.client_search, request.upstream_search):
        yield from (parameter.raw for parameter in search.parameters)
    body = _without_documents(request.body)[: 4 * MAX_REQUEST_LENGTH]
    yield _JSON_NAME.sub(_without_documented_name, body.decode("utf-8", "replace"))


def _without_documents(body: bytes) -> bytes:
    """Return a body without its very long words, cut to what is compared; itself if it is short."""
    if len(body) <= MAX_REQUEST_LENGTH:
        return body
    kept, position = [], 0
    for start, end in (*_long_words(body), (len(body), len(body))):
        kept.append(body[position : min(start, position + 4 * MAX_REQUEST_LENGTH)])
        position = end
    return b"".join(kept)


def _long_words(body: bytes) -> list[tuple[int, int]]:
    """Begin and end of each word of a document's length, until the rest is too long to compare.

    No byte is looked at more than a few times: a step without a word goes on behind the last separator.
    """
    words: list[tuple[int, int]] = []
    position, others, ends = 0, 0, dict.fromkeys(_SEPARATORS_OF_WORDS, -1)
    while (least := position + _MIN_DOCUMENT_BYTES) <= len(body):
        last = max(body.rfind(b'"', position, least), body.rfind(b" ", position, least))
        if last >= 0:
            position, others = last + 1, others + last + 1 - position
        else:
            for separator in ends:
                ends[separator] = _find(body, separator, max(least, ends[separator]))
            words.append((position, min(ends.values())))
            position = words[-1][1]
        if others > 4 * MAX_REQUEST_LENGTH or len(words) == _MAX_DOCUMENTS:
            break
    return words


def _find(body: bytes, separator: bytes, start: int) -> int:
    found = body.find(separator, start)
    return found if found >= 0 else len(body)


def _without_documented_name(match: re.Match[str]) -> str:
    """Return nothing for a name that R4 or Halo gives: errors contain such words, whoever sends them.

    The same goes for a constant that Halo documents for the name, but for no other value.
    """
    name, value = match[1], match[2] or ""
    if not (name in ELEMENT_NAMES or name in _SQL_NAMES or name == "resourceType"):
        return match[0]
    return "" if value.strip(' \t\r\n"').lower() in _SQL_CONSTANTS.get(name, ()) else value


def _spellings(text: str) -> Iterator[str]:
    """Return the text as sent, and as an upstream reads it: from a URL, JSON and HTML, each several times."""
    yield text
    for decode in (unquote_plus, unquote_plus, _decode_json, html.unescape, html.unescape, _without_tags):
        decoded = decode(text)
        if decoded != text:
            yield decoded
        text = decoded


def _decode_json(text: str) -> str:
    return _JSON_ESCAPE.sub(lambda escape: chr(int(escape[1], 16)) if escape[1] else " ", text)


def _without_tags(text: str) -> str:
    return _TAG.sub("", text)


def _fold(text: str) -> str:
    """Return the text in lower case, without accents and with compatible characters as plain ones."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.translate(PLAIN_LETTERS))
    return "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()
