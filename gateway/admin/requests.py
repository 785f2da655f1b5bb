"""What an operator asks for: read strictly, and refused with what to change."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.http.request_path import parse_guid
from gateway.web import request_checks

T = TypeVar("T")
NO_STORE_HEADERS = {"cache-control": "no-store"}
_MAX_BODY_BYTES = 10_000
_INVALID_SITE = "site is a Halo GUID, or an alias of the configuration."

_AMBIGUOUS_ALIAS = "Several practices have this alias: name the one by its Halo GUID."


@dataclass(frozen=True, slots=True)
class SiteNames:
    """The aliases of practices, by GUID."""

    aliases: Mapping[str, str] = field(default_factory=dict)

    def guid_of(self, site: str) -> str:
        """The GUID of an alias, or what was given, in lower case."""
        return next((guid for guid, name in self.aliases.items() if name == site), site.lower())

    def require_guid(self, site: str) -> str:
        """The GUID of a practice. Raises Failure 400 for none, and for an alias of several."""
        if list(self.aliases.values()).count(site) > 1:
            raise bad_request(_AMBIGUOUS_ALIAS, "site")
        try:
            return parse_guid(self.guid_of(site))
        except Failure:
            raise bad_request(_INVALID_SITE, "site") from None

    def display_name(self, guid: str) -> str:
        """The alias of a practice, or the beginning of its GUID."""
        return self.aliases.get(guid) or guid[:8]


def query_parameters(request: Request, allowed_names: Iterable[str]) -> Mapping[str, str]:
    """The parameters of the URL. Raises Failure 400 for one that means nothing."""
    names = list(allowed_names)
    if any(name not in names for name in request.query_params):
        raise bad_request(
            f"Only {_join_names(names)} can be asked for." if names else "Nothing can be asked for here."
        )
    return request.query_params


async def json_body(request: Request, body_type: type[T], error_text: str) -> T:
    """The JSON body; an empty one is an empty object. Raises Failure 400 that says what to send."""
    body = await request_checks.read_body(request, _MAX_BODY_BYTES)
    try:
        return msgspec.json.decode(body or b"{}", type=body_type)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise bad_request(error_text) from None


def json_response(fields: Mapping[str, Any], now: datetime) -> JSONResponse:
    """An answer, dated."""
    return JSONResponse({"asOf": now.isoformat(), **fields}, headers=NO_STORE_HEADERS)


def utc_timestamp(seconds: float) -> str | None:
    """A time in seconds since 1970 as an instant in UTC; None for no time."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds") if seconds else None


def bad_request(text: str, expression: str = "") -> Failure:
    """Failure 400."""
    return Failure(catalog.BAD_REQUEST, text=text, expression=expression)


def _join_names(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
