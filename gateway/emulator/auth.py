"""Authentication: subscription keys, and desktop tokens bound to one device and one site."""

from secrets import token_urlsafe
from typing import Any, Final

from starlette.requests import Request

from gateway.emulator.errors import INVALID_KEY, MISSING_KEY
from gateway.emulator.search.refusal import Refusal
from gateway.emulator.state import EmulatorState

KEY_HEADER: Final = "ocp-apim-subscription-key"
DESKTOP_GRANT: Final = "urn:halo-connect:oauth:desktop-token"
_TOKEN_LIFETIME_SECONDS: Final = 3600


def subscription_key(request: Request) -> str:
    """Return the subscription key of a request, or an empty string."""
    return request.headers.get(KEY_HEADER, "")


def require_subscription_key(state: EmulatorState, request: Request) -> None:
    """Raise Refusal (401) with Azure API Management's text unless the key is configured."""
    key = subscription_key(request)
    if not key:
        raise Refusal("apim", 401, MISSING_KEY, "login")
    if key not in state.settings.keys:
        raise Refusal("apim", 401, INVALID_KEY, "login")


def require_desktop_token(state: EmulatorState, request: Request, guid: str) -> None:
    """Raise Refusal (401) unless the bearer token was issued to this DeviceId for this site."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    device = request.headers.get("deviceid", "")
    if scheme.lower() != "bearer" or state.desktop_tokens.get(token) != (device, guid.lower()):
        raise Refusal("apim", 401, "Invalid token", "login")


def issue_desktop_token(state: EmulatorState, form: dict[str, str]) -> dict[str, Any]:
    """Issue a new token for the form of `POST /integrator/token`. Raises Refusal (400, 401, 403, 404)."""
    if form.get("grant_type") != DESKTOP_GRANT or not form.get("device_id") or not form.get("site_id"):
        raise Refusal("wrapped", 400, "grant_type, device_id and site_id must be provided.", "required")
    site = state.require_site(form["site_id"])
    token = token_urlsafe(24)
    state.desktop_tokens[token] = (form["device_id"], site.guid)
    return {"access_token": token, "token_type": "Bearer", "expires_in": _TOKEN_LIFETIME_SECONDS}
