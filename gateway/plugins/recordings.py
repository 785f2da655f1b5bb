"""Recorded exchanges: a request, and what the upstream answered, as authors of repairs write them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from gateway.dates.timezones import load_zone
from gateway.exchange import FhirRequest, FhirResponse, Headers, Site
from gateway.fhir.interaction import interaction_for
from gateway.fhir.search_params import parse_search

_SITE, _TIME = "00000000-0000-4000-8000-000000000000", datetime(2026, 7, 1, tzinfo=UTC)


class Expectation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is sent, and what the client gets, after the repair; empty parts are not compared.

    `request` is a line such as `GET Slot?status=free`.
    """

    request: str = ""
    body: Any = None
    headers: dict[str, str] = {}


class Exchange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One recorded exchange, which shows the issue (`broken`) or its absence (`right`).

    `request` is a line such as `GET Slot?status=free`, relative to `base`, the upstream's FHIR base. Bodies
    are JSON values. `public_base` is that of the gateway, by default the same. `site` is the GUID of the
    practice. `expect` is only for what shows the issue.
    """

    request: str
    shows: Literal["broken", "right"]
    name: str = ""
    request_headers: dict[str, str] = {}
    request_body: Any = None
    status: int = 200
    headers: dict[str, str] = {}
    body: Any = None
    expect: Expectation | None = None
    base: str = "https://upstream.example/fhir"
    public_base: str = ""
    site: str = _SITE
    time_zone: str = "Australia/Sydney"

    def __str__(self) -> str:
        return f"{self.name or self.request} ({self.shows})"

    def as_request(self) -> FhirRequest:
        """Return the request. Raises ValueError if it is none of FHIR."""
        method, _, url = self.request.partition(" ")
        path, _, query = url.partition("?")
        interaction, search = interaction_for(method, path), parse_search(query)
        if interaction is None:
            raise ValueError(
                f"{self.request!r} is no interaction of FHIR: write, for example, GET Slot?status=free"
            )
        return FhirRequest(
            method=method,
            interaction=interaction,
            path=path,
            public_base=self.public_base or self.base,
            upstream_base=self.base,
            response_format="application/fhir+json",
            site=Site(self.site, load_zone(self.time_zone), "recorded"),
            client_search=search,
            upstream_search=search,
            headers=_fields(self.request_headers),
            body=_json(self.request_body),
            request_id="recorded",
            received_at=_TIME,
        )

    def as_response(self) -> FhirResponse:
        """Return the upstream's answer."""
        headers = {"content-type": "application/fhir+json"} | self.headers
        return FhirResponse(self.status, _fields(headers), _json(self.body))


def read_exchanges(path: Path | str) -> tuple[Exchange, ...]:
    """Read a JSON file with a list of exchanges. Raises OSError, or ValueError for a malformed file."""
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=tuple[Exchange, ...])
    except msgspec.DecodeError as error:
        raise ValueError(f"{path}: {error}") from None


def _fields(headers: dict[str, str]) -> Headers:
    return tuple((name.lower(), value) for name, value in headers.items())


def _json(value: Any) -> bytes:
    return b"" if value is None else msgspec.json.encode(value)
