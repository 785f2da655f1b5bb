"""Reads the tokens of a text one by one, spaces left out."""

from gateway.sql.lexer import SqlSyntaxError, Token, TokenKind, tokens

_WORDS = frozenset({TokenKind.NAME, TokenKind.SYMBOL})


class TokenReader:
    """A position in a text. Where something else stands than expected, all raise SqlSyntaxError."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._tokens = (token for token in tokens(text) if token.kind is not TokenKind.SPACE)
        self._next: list[Token] = []

    def is_at_end(self) -> bool:
        """Return whether no token is left."""
        return not self._load(1)

    def peek(self, ahead: int = 0) -> Token:
        """Return the next token, or one after it."""
        if not self._load(ahead + 1):
            raise SqlSyntaxError("the text ends too early")
        return self._next[ahead]

    def _load(self, count: int) -> bool:
        while len(self._next) < count:
            token = next(self._tokens, None)
            if token is None:
                return False
            self._next.append(token)
        return True

    def take(self, kind: TokenKind) -> Token:
        """Return the next token, of this kind, and pass it."""
        if self.peek().kind is not kind:
            raise SqlSyntaxError(f"not a {kind}")
        return self._next.pop(0)

    def word(self, kind: TokenKind) -> bytes:
        """Return the text of the next token, a short one of this kind, and pass it."""
        token = self.take(kind)
        return self.text[token.start : token.end]

    def lower(self, token: Token) -> bytes:
        """Return a keyword or symbol in lower case; empty for any other kind of token."""
        return self.text[token.start : token.end].lower() if token.kind in _WORDS else b""

    def skip(self, word: bytes) -> bool:
        """Pass a keyword or symbol if it is next; return whether it was."""
        is_next = not self.is_at_end() and self.lower(self.peek()) == word
        if is_next:
            self._next.pop(0)
        return is_next

    def expect(self, word: bytes) -> None:
        """Pass a keyword or symbol."""
        if not self.skip(word):
            raise SqlSyntaxError(f"{word.decode()} is missing")
