"""OAuth 2 of HaloITSM: `GET /api/authinfo` and `POST /auth/token`, client credentials only."""

import re
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from gateway.emulator.errors import json_response
from gateway.emulator.halo_itsm.errors import INVALID_CLIENT, UNKNOWN_TENANT, ItsmRefusal, oauth_error
from gateway.emulator.halo_itsm.state import Grant, ItsmState

_SCOPE: Final = re.compile(r"all|(read|edit):[a-z]+|offline_access|openid")


def auth_info(state: ItsmState, request: Request) -> Response:
    """Return where tokens are requested; the URL names the host that the client called."""
    base = f"{request.url.scheme}://{request.url.netloc}"
    return json_response({"auth_url": f"{base}/auth", "tenant_id": state.settings.tenant})


def token_response(state: ItsmState, request: Request, body: bytes) -> Response:
    """Return a token for a client's id and secret in a form. Raises ItsmRefusal 400, 401 or 500."""
    fields = {name: values[-1] for name, values in parse_qs(body.decode(errors="replace")).items()}
    if request.query_params.get("tenant", state.settings.tenant) != state.settings.tenant:
        raise ItsmRefusal(UNKNOWN_TENANT)
    if fields.get("grant_type") != "client_credentials":
        raise ItsmRefusal(oauth_error(400, "unsupported_grant_type", "The grant type is not supported."))
    client_id, scopes = fields.get("client_id", ""), fields.get("scope", "").split()
    if not client_id or state.settings.clients.get(client_id) != fields.get("client_secret"):
        raise ItsmRefusal(INVALID_CLIENT)
    if not scopes or not all(map(_SCOPE.fullmatch, scopes)):
        raise ItsmRefusal(oauth_error(400, "invalid_scope", "The scope is not valid."))
    return json_response(
        {
            "access_token": state.issue_token(client_id, frozenset(scopes)),
            "token_type": "Bearer",
            "expires_in": state.settings.token_seconds,
            "scope": " ".join(scopes),
        }
    )


def is_permitted(grant: Grant, endpoint: str, *, is_write: bool) -> bool:
    """Whether a token's scopes permit a request; `edit:` includes `read:`."""
    scopes = {"all", f"edit:{endpoint}"} | (set() if is_write else {f"read:{endpoint}"})
    return not scopes.isdisjoint(grant.scopes)
