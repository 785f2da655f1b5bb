"""Names of settings as messages show them: a name that somebody wrote may hold a key or a password."""

import re
from typing import Any, Final

from gateway.settings.names import Name, exists

#: Characters that are shown of a segment that may be secret, of any segment, and of a whole name.
_PART, _SEGMENT, _WHOLE = 8, 40, 120
#: Tables whose keys are made from callers' credentials, or mistaken for them.
_TABLES: Final = frozenset({"callers", "shared_callers"})
_LIKE_A_KEY: Final = re.compile(r"(?=.*\d)[0-9A-Za-z]{16,}")


def masked(model: Any, name: Name, written: Name = ()) -> Name:
    """The segments as they were written, without what may be secret; `name` is how settings spell them."""
    return tuple(
        _segment(each, is_data=position > 0 and _is_data(model, name[: position + 1]))
        for position, each in enumerate(written or name)
    )


def cut(shown: str) -> str:
    """A name, or a path, of a length and of characters that fit in a message."""
    plain = "".join(each if each.isprintable() else "?" for each in shown[:_WHOLE])
    return plain + "…" * (len(shown) > _WHOLE)


def part(text: str) -> str:
    """A key of a table without what may be secret."""
    return _segment(text, is_data=False)


def _is_data(model: Any, name: Name) -> bool:
    return name[-2] in _TABLES and not exists(model, name)


def _segment(text: str, *, is_data: bool) -> str:
    if "://" in text or "@" in text:
        return "…"
    secret = len(text) > _SEGMENT or _LIKE_A_KEY.fullmatch(text)
    return f"{text[:_PART]}…" if len(text) > _PART and (secret or is_data) else text
