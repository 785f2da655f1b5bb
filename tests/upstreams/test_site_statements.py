"""CapabilityStatements of sites: what is read from them, and for how long."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from support.requests import NOW, SITE, fhir_request
from support.scripted_upstream import ScriptedUpstream

from gateway.errors.catalog import UPSTREAM_CONNECT
from gateway.errors.failure import Failure
from gateway.exchange import FhirResponse
from gateway.upstreams.site_statements import SiteStatement, SiteStatements, parse_statement


def statement(mode: str = "server", **resource: Any) -> bytes:
    rest = {"mode": mode, "resource": [{"type": "Patient"} | resource]}
    return msgspec.json.encode({"resourceType": "CapabilityStatement", "rest": [rest]})


UNREADABLE_STATEMENTS = [
    b"",
    b"{",
    b"\xff",
    b'{"resourceType":"CapabilityStatement","rest":[}',
    b'{"resourceType":"CapabilityStatement","name":"\xff"}',
    b'{"resourceType":"CapabilityStatement","a":' + b"[" * 100_000,
    b"[]",
    b"null",
    b"{}",
    b'{"resourceType":"Patient","rest":[]}',
]


@pytest.mark.parametrize("body", UNREADABLE_STATEMENTS, ids=lambda body: body[:50])
def test_unreadable_statement_is_none(body: bytes) -> None:
    assert parse_statement(body) is None


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["rest", "resource", "searchParam", "type"]), inner)
        ),
    )
)
def test_any_statement_is_parsed_without_an_exception(body: object) -> None:
    parse_statement(msgspec.json.encode(body))
    members = body if isinstance(body, dict) else {"rest": body}
    named = {**members, "resourceType": "CapabilityStatement"}
    assert parse_statement(msgspec.json.encode(named)) is not None


@pytest.mark.parametrize(
    ("resource", "forms"),
    [
        ({}, set()),
        ({"conditionalCreate": True}, {"create"}),
        ({"conditionalCreate": False}, set()),
        ({"conditionalCreate": 1}, set()),
        ({"conditionalCreate": "true"}, set()),
        ({"conditionalUpdate": True, "conditionalPatch": True}, {"update", "patch"}),
        ({"conditionalDelete": "single"}, {"delete"}),
        ({"conditionalDelete": "multiple"}, {"delete"}),
        ({"conditionalDelete": "not-supported"}, set()),
        ({"versioning": "versioned-update"}, {"version"}),
        ({"versioning": "versioned"}, set()),
        ({"conditionalCreate": True, "mode": "client"}, set()),
    ],
)
def test_promises_are_those_of_r4(resource: dict[str, Any], forms: set[str]) -> None:
    parsed = parse_statement(statement(**resource))
    assert parsed is not None
    assert parsed.promises == {("Patient", form) for form in forms}


def test_date_parameters_are_read() -> None:
    parameters = [{"name": "enrolled", "type": "date"}, {"name": "ward", "type": "token"}]
    assert parse_statement(statement(searchParam=parameters)) == SiteStatement(
        frozenset({("Patient", "enrolled")})
    )


PROMISE = FhirResponse(200, body=statement(conditionalCreate=True))
NO_PROMISE = FhirResponse(200, body=statement())
OFFLINE = Failure(UPSTREAM_CONNECT)


class Reader:
    """Statements in front of a scripted upstream, with an engine that can change."""

    def __init__(self, *steps: FhirResponse | Failure) -> None:
        self.upstream, self.version = ScriptedUpstream(*steps), "1"
        self.statements = SiteStatements(self.upstream, lambda _: self.version)

    async def promises(self, seconds: float = 0, **changes: Any) -> int | None:
        """Number of promises; None without a statement."""
        request = fhir_request(received_at=NOW + timedelta(seconds=seconds), **changes)
        with capture_logs():
            reading = await self.statements.read(request)
        return None if reading.statement is None else len(reading.statement.promises)


@pytest.mark.anyio
async def test_statement_is_read_once_per_hour_and_engine() -> None:
    reader = Reader(PROMISE, NO_PROMISE, PROMISE)
    assert [await reader.promises(seconds) for seconds in (0, 3_600)] == [1, 1]
    reader.version = "2"
    assert [await reader.promises(seconds) for seconds in (0, 3_600, 3_601)] == [0, 0, 1]
    assert [request.path for request in reader.upstream.requests] == ["metadata"] * 3


@pytest.mark.anyio
async def test_failure_keeps_only_the_statement_of_the_same_engine() -> None:
    reader = Reader(OFFLINE, PROMISE, OFFLINE)
    assert [await reader.promises(seconds) for seconds in (0, 0, 7_200)] == [None, 1, 1]
    reader.version = "2"
    assert await reader.promises() is None


@pytest.mark.anyio
async def test_sites_have_their_own_statements() -> None:
    reader = Reader(PROMISE, NO_PROMISE)
    other = replace(SITE, guid="other")
    assert [await reader.promises(), await reader.promises(site=other), await reader.promises()] == [1, 0, 1]


@pytest.mark.anyio
async def test_request_for_the_statement_has_no_condition_and_no_body() -> None:
    reader = Reader(PROMISE)
    fields = (
        ("if-none-exist", "identifier=1"),
        ("if-match", "*"),
        ("prefer", "respond-async"),
        ("deviceid", "1"),
    )
    await reader.promises(headers=fields, body=b"{}", query="a=b")
    sent = reader.upstream.requests[0]
    assert (sent.method, sent.headers, sent.body, sent.upstream_url.rpartition("/")[2]) == (
        "GET",
        (("deviceid", "1"),),
        b"",
        "metadata",
    )
