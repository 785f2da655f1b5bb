"""Cookie of a session, and token of its forms."""

import pytest

from gateway.admin.dashboard.sessions import (
    NO_SESSION,
    SESSION_SECONDS,
    cookie_value,
    form_token,
    is_form_token,
    new_session,
    session_of,
)

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
NOW = 1_800_000_000.5
SESSION = new_session("0f" * 16, NOW)
COOKIE = cookie_value(SESSION, KEY)


def test_cookie_is_valid_until_its_end() -> None:
    assert session_of(COOKIE, KEY, NOW) == SESSION
    assert session_of(COOKIE, KEY, NOW + SESSION_SECONDS - 1) == SESSION
    assert session_of(COOKIE, KEY, NOW + SESSION_SECONDS) is None


def test_cookie_of_the_future_is_invalid() -> None:
    assert session_of(COOKIE, KEY, NOW - 62) is None


@pytest.mark.parametrize(
    "cookie",
    [
        *("", "x", COOKIE[:-1], COOKIE + "0", COOKIE.upper(), COOKIE.replace(".", "-")),
        COOKIE.replace(str(SESSION.ends_at), str(SESSION.ends_at - 1)),
        COOKIE.replace("0f" * 16, "0e" * 16),
        cookie_value(SESSION, OTHER_KEY),
        f"{SESSION.ends_at}.{SESSION.name}.{form_token(SESSION, KEY)}",
        "9" * 100_000,
    ],
)
def test_other_cookie_is_invalid(cookie: str) -> None:
    assert session_of(cookie, KEY, NOW) is None


def test_form_token_belongs_to_one_session_and_key() -> None:
    token = form_token(SESSION, KEY)
    assert is_form_token(token, SESSION, KEY)
    for text, session, key in (
        (token, NO_SESSION, KEY),
        (token, new_session("0e" * 16, NOW), KEY),
        (token, SESSION, OTHER_KEY),
        ("", SESSION, KEY),
        ("ä", SESSION, KEY),
    ):
        assert not is_form_token(text, session, key)


def test_session_holds_where_the_clock_is_a_minute_behind() -> None:
    cookie = cookie_value(new_session("0f" * 16, 1_000_000.0), b"k" * 32)
    for skew, is_valid in ((0.5, True), (60.0, True), (61.0, False)):
        assert (session_of(cookie, b"k" * 32, 1_000_000.0 - skew) is not None) is is_valid
