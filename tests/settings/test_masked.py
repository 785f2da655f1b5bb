"""Redaction of names in messages."""

import pytest

from gateway.settings import Settings
from gateway.settings.masked import redact_key, redact_name, shorten

GUID = "0a1b2c3d-0000-4000-8000-00000000000a"
KEY = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("name", "redacted"),
    [
        (("sites", GUID, "time_zone"), ("sites", GUID, "time_zone")),
        (("sites", GUID.replace("-", "_")), ("sites", GUID.replace("-", "_"))),
        (("server", "trusted_proxies_of_practice"), ("server", "trusted_proxies_of_practice")),
        (("ledger", "callers", "0a1b2c3d", "name"), ("ledger", "callers", "0a1b2c3d", "name")),
        (("ledger", "callers", "reception"), ("ledger", "callers", "receptio…")),
        (("ledger", "callers", KEY, "name"), ("ledger", "callers", "01234567…", "name")),
        (("cache", "shared_callers", "front-desk"), ("cache", "shared_callers", "front-desk")),
        (("cache", "shared_callers", "Front-Desk"), ("cache", "shared_callers", "Front-De…")),
        (("cache", "shared_callers", f"a{KEY[:20]}"), ("cache", "shared_callers", "a0123456…")),
        ((KEY,), ("01234567…",)),
        (("upstream", "http://u:pw@h"), ("upstream", "…")),
        (("user@host", "b"), ("…", "b")),
        (("x" * 41,), ("xxxxxxxx…",)),
        (("x" * 40,), ("x" * 40,)),
    ],
)
def test_segment_that_may_be_secret_is_cut(name: tuple[str, ...], redacted: tuple[str, ...]) -> None:
    assert redact_name(Settings, name) == redacted


def test_segments_keep_the_spelling_of_the_operator() -> None:
    written = ("LEDGER", "CALLERS", KEY.upper())
    assert redact_name(Settings, ("ledger", "callers", KEY), written) == ("LEDGER", "CALLERS", "01234567…")


def test_secret_key_of_a_table_is_cut() -> None:
    assert (redact_key("link-base"), redact_key(KEY), redact_key("a@b")) == ("link-base", "01234567…", "…")


def test_long_or_unprintable_name_is_shortened() -> None:
    assert shorten("x" * 121) == "x" * 120 + "…"
    assert shorten("a\x1b[31m\nb") == "a?[31m?b"
