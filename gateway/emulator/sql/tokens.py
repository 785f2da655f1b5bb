"""A position in the tokens of a batch."""

from collections.abc import Sequence

from gateway.emulator.sql.errors import SqlServerError, sql_error
from gateway.emulator.sql.keywords import RESERVED
from gateway.emulator.sql.scanner import Kind, Token


class TokenReader:
    """Reads tokens one after the other; `position` may be set back."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self.position = 0

    @property
    def current(self) -> Token:
        """The token that is read next."""
        return self._tokens[self.position]

    @property
    def lookahead(self) -> Token:
        """The token after that."""
        return self._tokens[min(self.position + 1, len(self._tokens) - 1)]

    def next(self) -> Token:
        """Read a token; the end is read again and again."""
        token = self.current
        self.position = min(self.position + 1, len(self._tokens) - 1)
        return token

    def accept_symbol(self, symbol: str) -> bool:
        """Read the symbol if it is the next token."""
        if found := self.current.is_symbol(symbol):
            self.next()
        return found

    def accept_word(self, *words: str) -> bool:
        """Read one of the words (in lower case) if it is the next token."""
        if found := self.current.keyword in words:
            self.next()
        return found

    def expect_symbol(self, symbol: str) -> None:
        """Read the symbol. Raises SqlServerError 102 or 156."""
        if not self.accept_symbol(symbol):
            raise self.syntax_error()

    def expect(self, kind: Kind) -> Token:
        """Read a token of a kind. Raises SqlServerError 102 or 156."""
        if self.current.kind != kind:
            raise self.syntax_error()
        return self.next()

    def syntax_error(self) -> SqlServerError:
        """Build the error for the next token."""
        number = 156 if self.current.keyword in RESERVED else 102
        return sql_error(number, self.current.near)
