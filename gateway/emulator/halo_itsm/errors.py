"""Error responses of HaloITSM: the statuses of its guide in the body forms that its client libraries read.

The guide prints no body. The forms are those of HaloAPI (`New-HaloError.ps1`), which reads them in this
order: `{resultCode, errorMessage}`, `{ClassName, Message}`, `{Message}`, `{error}`, any other text. The
library `halopsa` reads no body of 403, 404 and 500.
"""

from typing import Final, NamedTuple

import msgspec
from starlette.responses import Response

from gateway.emulator.halo_itsm.settings import RateWindow

_JSON: Final = "application/json; charset=utf-8"
_HTML: Final = "text/html; charset=utf-8"
_TEXT: Final = "text/plain; charset=utf-8"


class ItsmError(NamedTuple):
    """An error response: its status, body, media type and further headers."""

    status: int
    body: bytes = b""
    media_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    def response(self) -> Response:
        """Return the response. An empty body has no media type."""
        headers = dict(self.headers) | ({"content-type": self.media_type} if self.media_type else {})
        return Response(self.body, self.status, headers)


class ItsmRefusal(Exception):  # noqa: N818 - a refusal, not a defect
    """A request that HaloITSM refuses with an error response."""

    def __init__(self, error: ItsmError) -> None:
        super().__init__(error.status)
        self.error = error


def result_error(status: int, code: int, message: str) -> ItsmError:
    """Error with `resultCode` and `errorMessage`."""
    return ItsmError(status, msgspec.json.encode({"resultCode": code, "errorMessage": message}), _JSON)


def exception_error(status: int, class_name: str, message: str) -> ItsmError:
    """Error as a serialised .NET exception."""
    return ItsmError(status, msgspec.json.encode({"ClassName": class_name, "Message": message}), _JSON)


def message_error(status: int, message: str, **headers: str) -> ItsmError:
    """Error with `Message` only."""
    return ItsmError(status, msgspec.json.encode({"Message": message}), _JSON, tuple(headers.items()))


def oauth_error(status: int, code: str, description: str) -> ItsmError:
    """Error of the token endpoint (RFC 6749, section 5.2)."""
    return ItsmError(status, msgspec.json.encode({"error": code, "error_description": description}), _JSON)


def text_error(status: int, text: str) -> ItsmError:
    """Error as plain text."""
    return ItsmError(status, text.encode(), _TEXT)


def html_error(status: int, title: str) -> ItsmError:
    """Error page of the web server."""
    page = f"<html><head><title>{status} {title}</title></head><body><h1>{title}</h1></body></html>"
    return ItsmError(status, page.encode(), _HTML)


def rate_error(window: RateWindow) -> ItsmError:
    """429 with HaloITSM's text for a rate, without Retry-After."""
    minutes, rest = divmod(window.seconds, 60)
    period = f"{window.seconds:g} second" if rest else f"{minutes:g} minute"
    return text_error(429, f"Rate Limit Reached - {window.requests} Requests per rolling {period} window")


def method_error(method: str, allowed: str) -> ItsmError:
    """405 of ASP.NET."""
    text = f"The requested resource does not support http method '{method}'."
    return message_error(405, text, allow=allowed)


UNAUTHORISED: Final = ItsmError(401, headers=(("www-authenticate", "Bearer"),))
FORBIDDEN: Final = ItsmError(403)
NO_ITEM: Final = text_error(404, "The requested resource does not exist")
NO_PATH: Final = html_error(404, "Not Found")
INVALID_BODY: Final = message_error(400, "The request is invalid.")
WRONG_FORMAT: Final = exception_error(
    422, "System.FormatException", "Input string was not in a correct format."
)
IS_CLOSED: Final = result_error(409, 9, "The ticket is already closed.")
IS_DUPLICATE: Final = result_error(409, 2, "A client with this name already exists.")
TOO_LARGE: Final = html_error(413, "Request Entity Too Large")
TOO_SLOW: Final = html_error(504, "Gateway Time-out")
UNKNOWN_TENANT: Final = exception_error(500, "System.Exception", "The tenant does not exist.")
INVALID_CLIENT: Final = oauth_error(401, "invalid_client", "The specified client credentials are invalid.")

#: Kind of a fault on demand -> its error response. The guide's reasons, each body form at least once.
ERRORS: Final[dict[str, ItsmError]] = {
    "invalid-client": INVALID_CLIENT,
    "invalid-token": oauth_error(401, "invalid_token", "The token is expired."),
    "invalid-grant": oauth_error(400, "invalid_grant", "The grant is not valid."),
    "unauthorized-client": oauth_error(400, "unauthorized_client", "The client may not use this grant type."),
    "unauthorised": UNAUTHORISED,
    "invalid-body": INVALID_BODY,
    "charge-rate": result_error(400, 5, "The agent does not have access to this charge rate."),
    "forbidden": FORBIDDEN,
    "forbidden-message": message_error(403, "You do not have permission to use this area."),
    "deleted": NO_ITEM,
    "deleted-empty": ItsmError(404),
    "unknown-path": NO_PATH,
    "wrong-method": method_error("PATCH", "GET, POST, DELETE"),
    "conflict": exception_error(
        409, "System.Data.DBConcurrencyException", "The item was changed by another agent."
    ),
    "closed": IS_CLOSED,
    "duplicate": IS_DUPLICATE,
    "too-large": TOO_LARGE,
    "wrong-format": WRONG_FORMAT,
    "rate-reached": rate_error(RateWindow(requests=300, seconds=300)),
    "fair-use-reached": rate_error(RateWindow(requests=500, seconds=180)),
    "exception": exception_error(500, "System.NullReferenceException", "Object reference not set."),
    "exception-text": text_error(500, "An error has occurred."),
    "bad-gateway": html_error(502, "Bad Gateway"),
    "unavailable": ItsmError(503),
    "timeout": TOO_SLOW,
    "timeout-message": message_error(504, "The report did not finish in time."),
}
