"""Whether a statement provably changes nothing, by its words. In doubt it may."""

from itertools import pairwise

from gateway.sql.lexer import SqlSyntaxError, Token, TokenKind, tokens

#: UTF-8 bytes of a statement that is looked at.
LONGEST_STATEMENT = 65_536
#: Words that write, call, wait, lock, reach other servers, or start a second statement without a `;`.
_REFUSED = {
    "ADD", "ALTER", "BACKUP", "BEGIN", "BREAK", "BULK", "CALL", "CHECKPOINT", "CLOSE", "COMMIT",
    "CONTINUE", "CONVERSATION", "COPY", "CREATE", "DBCC", "DEALLOCATE", "DECLARE", "DELETE", "DENY",
    "DISABLE", "DROP", "DUMP", "ENABLE", "EXEC", "EXECUTE", "GO", "GOTO", "GRANT", "IF", "INSERT", "INTO",
    "KILL", "LOAD", "MERGE", "MODIFY", "MOVE", "OPEN", "OPENDATASOURCE", "OPENQUERY", "OPENROWSET",
    "OUTPUT", "PRINT", "RAISERROR", "READTEXT", "RECEIVE", "RECONFIGURE", "RENAME", "RESTORE", "RETURN",
    "REVERT", "REVOKE", "ROLLBACK", "SAVE", "SEND", "SET", "SETUSER", "SHUTDOWN", "THROW", "TRUNCATE",
    "UPDATE", "UPDATETEXT", "USE", "WAITFOR", "WHILE", "WRITETEXT", "HOLDLOCK", "PAGLOCK",
    "REPEATABLEREAD", "SERIALIZABLE", "TABLOCK", "TABLOCKX", "UPDLOCK", "XLOCK", ";", ":",
}  # fmt: skip
_REFUSED_PAIRS = frozenset({("NEXT", "VALUE"), ("FOR", "UPDATE"), ("GET", "CONVERSATION")})
#: Words after which another SELECT is part of the same statement.
_JOINS_SELECT = frozenset({"UNION", "ALL", "EXCEPT", "INTERSECT"})
#: Words before FETCH where it limits rows; elsewhere it moves a cursor.
_BEFORE_FETCH = frozenset({"ROW", "ROWS"})


def only_reads(text: str) -> bool:
    """Return whether a text is one SELECT, or one WITH … SELECT, that changes nothing and calls no procedure.

    User-defined functions count as reading: SQL Server lets them change no data.
    """
    if len(text) > LONGEST_STATEMENT:
        return False
    try:
        words = _words(text.encode("utf-8"))
    except (SqlSyntaxError, UnicodeError):
        return False
    return words[:1] in (["SELECT"], ["WITH"]) and not _is_refused(words) and _selects_once(words)


def _words(text: bytes) -> list[str]:
    """Return keywords and bare names in upper case, symbols, and "'" for every other token."""
    if len(text) > LONGEST_STATEMENT:
        return []
    kinds = (TokenKind.SPACE, TokenKind.COMMENT)
    words = [_word(text, token) for token in tokens(text) if token.kind not in kinds]
    while words and words[-1] == ";":
        words.pop()
    while words and words[0] == ";":
        words.pop(0)
    return words


def _word(text: bytes, token: Token) -> str:
    if token.kind not in (TokenKind.NAME, TokenKind.SYMBOL):
        return "'"
    return text[token.start : token.end].decode().upper()


def _is_refused(words: list[str]) -> bool:
    return not _REFUSED.isdisjoint(words) or any(
        pair in _REFUSED_PAIRS or (pair[1] == "FETCH" and pair[0] not in _BEFORE_FETCH)
        for pair in pairwise(words)
    )


def _selects_once(words: list[str]) -> bool:
    """Return whether all parentheses close, and outside of them there is one SELECT or a UNION of several."""
    depth, selects = 0, 0
    for previous, word in zip(["", *words], words, strict=False):
        depth += (word == "(") - (word == ")")
        if depth < 0:
            return False
        selects += word == "SELECT" and not depth and previous not in _JOINS_SELECT
    return depth == 0 and selects == 1
