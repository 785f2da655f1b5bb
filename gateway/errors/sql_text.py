"""SQL in error texts: a statement, or a part of one, may contain the values of a search.

The text is cut where SQL starts, also English that looks like SQL ("Please select a date from the list").
"""

import re

MASK = "…"
#: Characters of a message that are read.
_MAX_INPUT_LENGTH = 1_000

#: Verbs of SQL. In capitals, a verb starts a statement, unless the sentence is about one or about HTTP.
_VERBS = (
    "SELECT|INSERT|UPDATE|DELETE|MERGE|EXECUTE|EXEC|DECLARE|CALL|ALTER|CREATE|DROP|TRUNCATE|UNION|WHERE|HAVING"
    "|VALUES"
)
_ABOUT_VERBS = (
    "permission|privilege|statement|failed|operation|query|queries|clause|command|error|method|request"
    "|requests|is|was|are|not|and|or|must|cannot|interaction"
)
_NAME = r'(?:[\w.@#$]{1,128}|\[[^\[\]]{1,128}\]|"[^"]{1,128}")'
#: What SQL starts with. Each alternative is bounded, so that the search takes linear time.
_SQL_START = re.compile(
    rf"""
    (?<![\w'"])(?:
      (?-i:(?:{_VERBS})\b(?!['"]|\s+(?:{_ABOUT_VERBS})\b|[.,;:]?\s*$))
    | select\s+(?:\*|top\b|distinct\b|all\b|@|\[|['"\d]|case\b|null\b|\w{{1,128}}\s*\(|{_NAME}\s*,|\w+\.\w)
    | select\s+{_NAME}\s+as\b
    | insert\s+into\b | insert\s+{_NAME}\s*\( | update\s+{_NAME}(?:\.{_NAME}){{0,4}}\s+set\b | delete\s+from\b
    | merge\s+(?:into\s+)?{_NAME}\s+(?:as|using)\b
    | exec(?:ute)?\s+(?:[@\[]|procedure\b|{_NAME}\s*(?:N?'|@|\d)|\w+\.\w|[a-z]{{1,4}}_\w)
    | (?:declare|set)\s+@ | @\w{{1,128}}\s*= | values\s*\( | call\s+{_NAME}\s*\(
    | with\s+\S{{1,128}}\s+as\s*\( | \(\s*select\b | union\s+(?:all\s+)?select\b
    | (?:create|alter|drop|truncate)\s+(?:table|view|proc\w*|function|database|index|trigger)\b
    | (?:where|having|and|or|on|set)\s+{_NAME}\s*(?:\([^()]{{0,128}}\)\s*)?
      (?:[=<>!]|(?:not\s+)?(?:like\b|in\s*\(|between\b)|is\s+(?:not\s+)?null)
    | (?:where|having)\s+(?:not\s+)?\w{{1,128}}\s*\( | (?:group|order)\s+by\s+{_NAME}
    | (?:inner|left|right|full|cross|outer)\s+(?:outer\s+)?join\b | join\s+{_NAME}\s+(?:\w{{1,128}}\s+)?on\b
    | (?<!\*)/\* | from\s+(?:\[|(?:\w{{1,128}}\.)?dbo\.)
    )
    | (?<![\w.@#$'"]){_NAME}\s*(?:(?:=|<>|!=)\s*N?'|(?:not\s+)?like\s+N?')
    """,
    re.IGNORECASE | re.VERBOSE,
)
_SELECT = re.compile(r"\bselect\b", re.IGNORECASE)
_FROM = re.compile(r"\bfrom\b", re.IGNORECASE)


def without_sql(text: str) -> str:
    """Return the message on one printable line, cut where an SQL statement starts."""
    printable = "".join(char if char.isprintable() else " " for char in text[:_MAX_INPUT_LENGTH])
    line = " ".join(printable.split())
    starts = [match.start() for match in (_SQL_START.search(line), _first_select(line)) if match]
    return line[: min(starts)] + MASK if starts else line


def _first_select(line: str) -> re.Match[str] | None:
    """First `select` of a text, if a `from` follows it."""
    select = _SELECT.search(line)
    return select if select and _FROM.search(line, select.end()) else None
