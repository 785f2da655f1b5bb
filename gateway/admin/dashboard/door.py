"""Who may see and use the dashboard: operators who have signed in, in pages of the gateway itself."""

from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest
from secrets import token_hex
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from gateway.admin.dashboard.forms import TOKEN_FIELD
from gateway.admin.dashboard.same_origin import may_change, may_read
from gateway.admin.dashboard.sessions import (
    COOKIE_NAME,
    NO_SESSION,
    Session,
    form_token,
    is_form_token,
    new_session,
    session_of,
)
from gateway.admin.dashboard.sign_in_attempts import SignInAttempts
from gateway.admin.wrong_tokens import WrongTokens
from gateway.web import request_checks

_MAX_FORM_BYTES: Final = 10_000
_MAX_FIELDS: Final = 20
_FORM_TYPE: Final = "application/x-www-form-urlencoded"


class Refusal(Exception):  # noqa: N818 - its page is a response, too
    """A request that the dashboard does not serve: status, title and text of its page."""

    def __init__(self, status: int, title: str, text: str, retry_after: int = 0) -> None:
        super().__init__(title)
        self.status, self.title, self.text, self.retry_after = status, title, text, retry_after


class SignInNeeded(Exception):  # noqa: N818 - no error: the way to the form
    """The request has no session, and needs one."""


@dataclass(frozen=True, slots=True)
class Door:
    """Checks of requests; `token` is the value of admin.token, and empty where no sign-in is needed.

    `key` signs cookies and forms; `now` in seconds since 1970; `address_of` the client of a request.
    """

    token: str
    key: bytes
    now: Callable[[], float]
    wrong_tokens: WrongTokens
    attempts: SignInAttempts
    address_of: Callable[[Request], str]

    def require_reader(self, request: Request) -> Session:
        """Return the session of a request for a page. Raises Refusal or SignInNeeded."""
        require_own_page(request)
        return self._require_session(request)

    async def require_change(self, request: Request) -> tuple[Session, dict[str, str]]:
        """Return session and fields of a form. Raises Refusal or SignInNeeded."""
        require_own_form(request)
        session = self._require_session(request)
        return session, await self._read_form(request, session)

    async def sign_in(self, request: Request) -> Session | None:
        """Return a new session for a form with the right token; None for a wrong one. Raises Refusal."""
        require_own_form(request)
        fields = await self._read_form(request, NO_SESSION)
        address = self.address_of(request)
        seconds = self.attempts.seconds_to_wait(address)
        if seconds:
            text = f"There were too many wrong tokens from your address. Try again in {seconds} seconds."
            raise Refusal(429, "Too many attempts", text, seconds)
        given = fields.get("token", "").strip()
        if self.token and compare_digest(given.encode(), self.token.encode()):
            return new_session(token_hex(16), self.now())
        self.wrong_tokens.add()
        self.attempts.add(address)
        return None

    def form_token(self, session: Session = NO_SESSION) -> str:
        """Return the token of the forms of a session."""
        return form_token(session, self.key)

    def _require_session(self, request: Request) -> Session:
        if not self.token:
            return NO_SESSION
        session = session_of(request.cookies.get(COOKIE_NAME, ""), self.key, self.now())
        if session is None:
            raise SignInNeeded
        return session

    async def _read_form(self, request: Request, session: Session) -> dict[str, str]:
        """Return the fields of a form. Raises Refusal without the session's token."""
        fields = await _form_fields(request)
        if not is_form_token(fields.pop(TOKEN_FIELD, ""), session, self.key):
            raise Refusal(
                403, "Form too old", "This form is of an earlier session. Go back, reload and repeat."
            )
        return fields


def require_own_page(request: Request) -> None:
    """Raise Refusal for a request that a page of another site began, other than a link."""
    if not may_read(request.headers):
        raise Refusal(403, "Not from here", "Another site's page asked for this. Open the dashboard itself.")


def require_own_form(request: Request) -> None:
    """Raise Refusal for a form that is not one of the gateway's own pages."""
    if not may_change(request.headers):
        raise Refusal(403, "Not from here", "This form is not of the dashboard. Open the dashboard itself.")


async def _form_fields(request: Request) -> dict[str, str]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM_TYPE:
        raise Refusal(415, "No form", f"Send {_FORM_TYPE}.")
    body = await request_checks.read_body(request, _MAX_FORM_BYTES)
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except ValueError:
        raise Refusal(400, "No form", "The form cannot be read. Go back, reload and repeat.") from None
