"""Names of settings as messages show them: a name that somebody wrote may hold a key or a password."""

import re
from typing import Any, Final

from gateway.settings.names import SettingName, setting_exists

#: Characters that are shown of a segment that may be secret, of any segment, and of a whole name.
_SHOWN_OF_SECRET, _MAX_SEGMENT, _MAX_NAME = 8, 40, 120
#: Tables whose keys are made from callers' credentials, or mistaken for them.
_CREDENTIAL_TABLES: Final = frozenset({"callers", "shared_callers"})
_KEY_LIKE: Final = re.compile(r"(?=.*\d)[0-9A-Za-z]{16,}")


def redact_name(model: Any, name: SettingName, written_segments: SettingName = ()) -> SettingName:
    """The segments as they were written, without what may be secret; `name` is how settings spell them."""
    return tuple(
        _redact_segment(each, is_secret=position > 0 and _is_credential_key(model, name[: position + 1]))
        for position, each in enumerate(written_segments or name)
    )


def shorten(text: str) -> str:
    """A name, or a path, of a length and of characters that fit in a message."""
    plain = "".join(each if each.isprintable() else "?" for each in text[:_MAX_NAME])
    return plain + "…" * (len(text) > _MAX_NAME)


def redact_key(text: str) -> str:
    """A key of a table without what may be secret."""
    return _redact_segment(text, is_secret=False)


def _is_credential_key(model: Any, name: SettingName) -> bool:
    return name[-2] in _CREDENTIAL_TABLES and not setting_exists(model, name)


def _redact_segment(text: str, *, is_secret: bool) -> str:
    if "://" in text or "@" in text:
        return "…"
    secret = len(text) > _MAX_SEGMENT or _KEY_LIKE.fullmatch(text)
    return f"{text[:_SHOWN_OF_SECRET]}…" if len(text) > _SHOWN_OF_SECRET and (secret or is_secret) else text
