"""Names of procedures and parameters in T-SQL. None is what is not surely one: leave the command alone."""

import re
from unicodedata import category

#: UTF-16 units of an identifier (SQL Server: sysname).
LONGEST_NAME = 128
_LONGEST_TEXT = 4 * (2 * LONGEST_NAME + 2) + 64
#: Control characters, lone surrogates, and what some readers take for a line break.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
_PARAMETER = re.compile(rf"@?([A-Za-z_#$][A-Za-z0-9_@#$]{{0,{LONGEST_NAME - 2}}})")
_PART = r'\[(?:[^\]]|\]\])+\]|"(?:[^"]|"")+"|[^\W\d][\w@#$]*|\#{1,2}\w[\w@#$]*'
_PROCEDURE = re.compile(rf" *(?:{_PART})(?: *\. *(?:{_PART})?){{0,3}}(?<!\.) *")
_PARTS = re.compile(rf"({_PART})|(\.)")


def is_name(part: str) -> bool:
    """Return whether a name, its quotes off, is 1 to 128 UTF-16 units without a control character."""
    units = len(part) + sum(character > "\uffff" for character in part)
    return 0 < units <= LONGEST_NAME and not any(category(each) in _REFUSED_CATEGORIES for each in part)


def parse_procedure(text: str) -> tuple[str, ...] | None:
    """Return the 1 to 4 parts of a procedure's name, "" for the gap of `db..p`; None if it is none."""
    if len(text) > _LONGEST_TEXT or not _PROCEDURE.fullmatch(text):
        return None
    parts = [""]
    for name, dot in _PARTS.findall(text):
        if dot:
            parts.append("")
        else:
            parts[-1] = _unquote(name)
    return tuple(parts) if is_name(parts[-1]) and all(not part or is_name(part) for part in parts) else None


def _unquote(name: str) -> str:
    if name[0] not in '["':
        return name
    end = name[-1]
    return name[1:-1].replace(end * 2, end)


def parse_parameter_name(name: str) -> str | None:
    """Return a parameter's name with its `@`; None if it is none, or may be a system function (`@@x`)."""
    match = _PARAMETER.fullmatch(name)
    return f"@{match[1]}" if match else None


def quote_name(part: str) -> str:
    """Return a name in brackets, each `]` in it doubled."""
    return f"[{part.replace(']', ']]')}]"
