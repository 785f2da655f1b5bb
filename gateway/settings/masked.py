"""Names of settings in messages, redacted: a name with a mistake may contain a key or a password."""

import re
from typing import Any, Final

from gateway.settings.names import SettingName, setting_exists

#: Maximum number of characters shown: of a segment that may be secret, of a segment, of a whole name.
_SHOWN_OF_SECRET, _MAX_SEGMENT, _MAX_NAME = 8, 40, 120
#: Tables whose keys are derived from callers' credentials, or where an operator may enter these by mistake.
_CREDENTIAL_TABLES: Final = frozenset({"callers", "shared_callers"})
_KEY_LIKE: Final = re.compile(r"(?=.*\d)[0-9A-Za-z]{16,}")


def redact_name(model: Any, name: SettingName, written_segments: SettingName = ()) -> SettingName:
    """Return the segments as the operator wrote them, without secrets. `name` is in lower case."""
    return tuple(
        _redact_segment(segment, is_secret=position > 0 and _is_credential_key(model, name[: position + 1]))
        for position, segment in enumerate(written_segments or name)
    )


def shorten(text: str) -> str:
    """Return a name or path with at most 120 printable characters."""
    plain = "".join(character if character.isprintable() else "?" for character in text[:_MAX_NAME])
    return plain + "…" * (len(text) > _MAX_NAME)


def redact_key(text: str) -> str:
    """Return a key of a table without secrets."""
    return _redact_segment(text, is_secret=False)


def _is_credential_key(model: Any, name: SettingName) -> bool:
    return name[-2] in _CREDENTIAL_TABLES and not setting_exists(model, name)


def _redact_segment(text: str, *, is_secret: bool) -> str:
    if "://" in text or "@" in text:
        return "…"
    is_secret = is_secret or len(text) > _MAX_SEGMENT or _KEY_LIKE.fullmatch(text) is not None
    return f"{text[:_SHOWN_OF_SECRET]}…" if is_secret and len(text) > _SHOWN_OF_SECRET else text
