"""Tokens of an error text: documented texts, words, quoted and bracketed texts."""

import re
from collections.abc import Iterator
from string import ascii_lowercase, ascii_uppercase
from typing import NamedTuple

from gateway.errors.documented_texts import documented_end
from gateway.errors.person_words import NAME_LIKE

_TOKEN = re.compile(
    r"""
    (?P<quoted>(?<!\w)[NnXxBbEeUu]?'.*?(?:'(?!\w)|$)
      | "[^"]*(?:"|$) | `[^`]*(?:`|$) | “[^”]*(?:”|$) | \u2018.*?(?:\u2019(?!\w)|$) | «[^»]*(?:»|$))
  | (?P<bracketed>\[+[^\[\]]*(?:\]+|$))
  | (?P<markup>\{[^}]*(?:\}|$) | <[^>]*(?:>|$))
  | (?P<assignment>[\w.:\-]{1,40}=(?![=>])[^\s&;,]*)
  | (?P<word>[^\s"`“\u2018«\[{<&(]+)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
#: Characters around a word that are no part of it.
PUNCTUATION = ".,;:!?()[]…|&*>-/\\'\u2019\""
_TO_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


class Token(NamedTuple):
    """A piece of a message, without the space before it: its kind and text.

    `core` is the text without punctuation, `word` is that in lower case.
    """

    kind: str
    text: str
    core: str = ""
    word: str = ""
    has_space: bool = False

    @property
    def can_be_name(self) -> bool:
        """Whether it is a word that can also be a name."""
        return self.kind == "word" and self.word in NAME_LIKE


def tokens_of(line: str) -> Iterator[Token]:
    """Tokens of a printable line with single spaces."""
    position, lower = 0, ascii_lower(line)
    while position < len(line):
        has_space = line[position] == " "
        start = position + has_space
        end = documented_end(lower, start) if _starts_word(line, start) else start
        if end > start:
            yield _token("documented", line[start:end], line[start:end].rpartition(" ")[2], has_space)
        elif match := _TOKEN.match(line, start):
            end = match.end()
            yield _token(match.lastgroup or "other", match[0], match[0], has_space)
        position = end


def _token(kind: str, text: str, last_word: str, has_space: bool) -> Token:
    core = last_word.strip(PUNCTUATION)
    return Token(kind, text, core, core.lower(), has_space)


def ascii_lower(text: str) -> str:
    """Text in lower case, of the same length: some letters outside ASCII become two."""
    return text.translate(_TO_LOWER)


def _starts_word(line: str, position: int) -> bool:
    return position == 0 or not (line[position - 1].isalnum() or line[position - 1] in "_-.@/'")
