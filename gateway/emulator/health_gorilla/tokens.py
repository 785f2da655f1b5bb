"""Token endpoint: JWT bearer grant (RFC 7523) and client credentials with a client assertion."""

import hashlib
import hmac
from base64 import urlsafe_b64decode
from secrets import token_hex
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from starlette.responses import Response

from gateway.emulator.health_gorilla.errors import ERRORS, error_response, oauth_error
from gateway.emulator.health_gorilla.state import GorillaState

JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
#: Grant type -> parameter with the assertion.
_ASSERTIONS: Final = {JWT_BEARER: "assertion", "client_credentials": "client_assertion"}


def token_response(state: GorillaState, body: bytes, origin: str) -> Response:
    """Exchange an assertion for an access token: 200, or 400 or 401 with an OAuth error."""
    form = dict(parse_qsl(body.decode(errors="replace")))
    grant_type = form.get("grant_type", "")
    if grant_type not in _ASSERTIONS:
        return oauth_error("unsupported_grant_type", "Unsupported grant type")
    assertion = form.get(_ASSERTIONS[grant_type], "")
    claims = _claims(assertion)
    client = str(claims.get("iss", ""))
    if client not in state.settings.clients or not _is_signed(
        assertion, state.settings.clients[client].secret
    ):
        return oauth_error("invalid_client", "improper client id", 401)
    return _refusal(state, claims, client, origin) or _token_grant(
        state, client, form.get("scope", "user/*.*")
    )


def _refusal(state: GorillaState, claims: dict[str, Any], client: str, origin: str) -> Response | None:
    """Return the error of claims that are not right; None if they are."""
    if claims.get("aud") != (state.settings.audience or f"{origin}/oauth/token"):
        return oauth_error("invalid_grant", "Audience validation failed")
    expires = claims.get("exp")
    if not isinstance(expires, int | float) or expires <= state.clock():
        return oauth_error("invalid_grant", "Assertion has expired")
    if claims.get("sub") not in {client, *state.settings.subjects}:
        return error_response(ERRORS["subject"])
    return None


def _token_grant(state: GorillaState, client: str, scope: str) -> Response:
    token = f"hg-{token_hex(16)}"
    state.add_token(token, client)
    grant = {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": int(state.settings.token_seconds),
        "scope": scope,
    }
    headers = {"cache-control": "no-store"}
    return Response(msgspec.json.encode(grant), 200, headers, media_type="application/json")


def _claims(assertion: str) -> dict[str, Any]:
    """Return the claims of an assertion; empty if it is malformed."""
    try:
        claims = msgspec.json.decode(_decode(assertion.split(".")[1]))
    except (IndexError, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _is_signed(assertion: str, secret: str) -> bool:
    content, _, signature = assertion.rpartition(".")
    digest = hmac.new(secret.encode(), content.encode(), hashlib.sha256).digest()
    try:
        return hmac.compare_digest(_decode(signature), digest)
    except ValueError:
        return False


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
