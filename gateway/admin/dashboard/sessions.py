"""Signed texts of the dashboard: the cookie of a session, and the token of its forms.

The gateway keeps no list of sessions: a cookie is valid until its end, or until another admin.token is set.
"""

import re
from hashlib import sha256
from hmac import compare_digest
from hmac import new as new_hmac
from typing import Final, NamedTuple

#: Seconds until an operator must sign in again.
SESSION_SECONDS: Final = 8 * 3600
#: Seconds by which the clock of a replica may be behind that of the one where an operator signed in.
_MAX_CLOCK_SKEW: Final = 60
#: Name of the cookie. Its path is that of the page which sets it, also below a proxy's prefix.
COOKIE_NAME: Final = "halo-gateway-operator"
_COOKIE: Final = re.compile(r"(\d{1,12})\.([0-9a-f]{32})\.([0-9a-f]{64})", re.ASCII)


class Session(NamedTuple):
    """A signed-in operator: end in seconds since 1970, and a random name of 32 hexadecimal digits."""

    ends_at: int
    name: str


#: Stands for the session where no sign-in is needed, and before it.
NO_SESSION: Final = Session(0, "")


def new_session(name: str, now: float) -> Session:
    """Return a session that begins now."""
    return Session(int(now) + SESSION_SECONDS, name)


def cookie_value(session: Session, key: bytes) -> str:
    """Return the value of a session's cookie."""
    return f"{session.ends_at}.{session.name}.{_signature(key, 'session', session)}"


def session_of(cookie: str, key: bytes, now: float) -> Session | None:
    """Return the session of a cookie's value; None if it is over, or was not signed with the key."""
    match = _COOKIE.fullmatch(cookie)
    if match is None:
        return None
    session = Session(int(match[1]), match[2])
    is_signed = compare_digest(match[3], _signature(key, "session", session))
    is_current = now < session.ends_at <= now + SESSION_SECONDS + _MAX_CLOCK_SKEW
    return session if is_signed and is_current else None


def form_token(session: Session, key: bytes) -> str:
    """Return what each form of a session contains, so that no page of a stranger can send one."""
    return _signature(key, "form", session)


def is_form_token(text: str, session: Session, key: bytes) -> bool:
    """Whether a text is the token of the session's forms."""
    return compare_digest(text.encode(), form_token(session, key).encode())


def _signature(key: bytes, purpose: str, session: Session) -> str:
    return new_hmac(key, f"{purpose} {session.ends_at} {session.name}".encode(), sha256).hexdigest()
