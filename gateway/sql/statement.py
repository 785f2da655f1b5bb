"""Whether a statement provably changes nothing, by its words. In doubt it may.

Nothing tells which database a practice has: SQL Server (Halo's error type `mssql`) or Firebird (`fbsql`),
where a name in FROM may be a procedure, and a function may write. So a statement with FROM is only proved if
Firebird cannot parse it.
"""

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
    "REPEATABLEREAD", "SERIALIZABLE", "TABLOCK", "TABLOCKX", "UPDLOCK", "XLOCK", "GEN_ID", ";", ":",
}  # fmt: skip
_REFUSED_PAIRS = frozenset({("NEXT", "VALUE"), ("FOR", "UPDATE"), ("GET", "CONVERSATION"), ("WITH", "LOCK")})
#: Pairs of tokens that Firebird parses nowhere: `FROM [t]`, `dbo.[t]`, `db..t`, `TOP 5`, `WITH (NOLOCK)`.
_NOT_FIREBIRD = frozenset(
    {("SELECT", "["), ("FROM", "["), ("JOIN", "["), (".", "["), (".", "."), ("TOP", "0"), ("WITH", "(")}
)
#: How tokens are named among the words; any other than these, names and symbols is `'`.
_MARKS = {TokenKind.BRACKETED: "[", TokenKind.NUMBER: "0"}
#: Words after which another SELECT is part of the same statement.
_JOINS_SELECT = frozenset({"UNION", "ALL", "EXCEPT", "INTERSECT"})
#: Words before FETCH where it limits rows; elsewhere it moves a cursor.
_BEFORE_FETCH = frozenset({"ROW", "ROWS"})


def only_reads(text: str) -> bool:
    """Return whether a text is one SELECT, or one WITH … SELECT, that changes nothing and calls no procedure.

    SQL Server lets user-defined functions change no data; Firebird must refuse the whole text.
    """
    if len(text) > LONGEST_STATEMENT:
        return False
    try:
        encoded = text.encode("utf-8")
        all_tokens = list(tokens(encoded)) if len(encoded) <= LONGEST_STATEMENT else []
    except (SqlSyntaxError, UnicodeError):
        return False
    words = _words(encoded, all_tokens)
    is_select = words[:1] in (["SELECT"], ["WITH"]) and not _is_refused(words) and _selects_once(words)
    return is_select and not _is_read_otherwise(encoded, all_tokens) and _is_no_firebird(words)


def _words(text: bytes, all_tokens: list[Token]) -> list[str]:
    """Return keywords and bare names in upper case, symbols, and a mark for every other token."""
    kinds = (TokenKind.SPACE, TokenKind.COMMENT)
    words = [_word(text, token) for token in all_tokens if token.kind not in kinds]
    while words and words[-1] == ";":
        words.pop()
    while words and words[0] == ";":
        words.pop(0)
    return words


def _word(text: bytes, token: Token) -> str:
    if token.kind not in (TokenKind.NAME, TokenKind.SYMBOL):
        return _MARKS.get(token.kind, "'")
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


def _is_no_firebird(words: list[str]) -> bool:
    """Return whether Firebird refuses the text: it lacks FROM, or has syntax that is T-SQL's own."""
    return "FROM" not in words or any(pair in _NOT_FIREBIRD for pair in pairwise(words))


def _is_read_otherwise(text: bytes, all_tokens: list[Token]) -> bool:
    """Return whether Firebird finds other tokens: comments do not nest there, and `q'{…}'` is one string."""
    return any(
        text.count(b"/*", token.start, token.end) > 1
        or (token.kind is TokenKind.STRING and text[token.start - 1 : token.start] in {b"q", b"Q"})
        for token in all_tokens
        if token.kind in {TokenKind.COMMENT, TokenKind.STRING}
    )
