"""Declared date parameters in searches."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from search.test_declared_parameters_statement import statement
from structlog.testing import capture_logs
from support.requests import NOW, SITE, fhir_request
from support.scripted_upstream import OK, ScriptedUpstream, Step

from gateway.errors.catalog import UPSTREAM_CONNECT
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, UpstreamUse
from gateway.search.declared_parameters import DeclaredParameters
from gateway.upstreams.failures import CREDENTIALS_INVALID
from gateway.upstreams.site_statements import SiteStatements

pytestmark = pytest.mark.anyio

STATEMENT = statement({"name": "enrolled", "type": "date"})


async def run(*requests: FhirRequest, fails: bool = False) -> tuple[list[set[tuple[str, str]]], int]:
    """The declared parameters of each inner request, and the number of statements fetched."""
    declared, fetched_paths = [], []

    async def inner(request: FhirRequest) -> FhirResponse:
        assert request.site is not None
        declared.append(set(request.site.date_support.declared_parameters))
        return FhirResponse(200)

    async def upstream(request: FhirRequest) -> FhirResponse:
        fetched_paths.append(request.path)
        if fails:
            raise Failure(UPSTREAM_CONNECT)
        return FhirResponse(200, body=STATEMENT)

    handler = DeclaredParameters(inner, SiteStatements(upstream))
    with capture_logs():
        for request in requests:
            await handler(request)
    assert set(fetched_paths) <= {"metadata"}
    return declared, len(fetched_paths)


async def test_r4_parameter_fetches_no_statement() -> None:
    assert await run(fhir_request("Patient", "birthdate=2020")) == ([set()], 0)


async def test_statement_is_fetched_once_per_hour() -> None:
    later = NOW + timedelta(minutes=59)
    requests = [
        fhir_request("Patient", "enrolled=2020", received_at=time)
        for time in (NOW, later, later + timedelta(minutes=2))
    ]
    assert await run(*requests) == ([{("Patient", "enrolled")}] * 3, 2)


@pytest.mark.parametrize("value", ["abc", "12", "a,b", "20200"])
async def test_value_without_a_date_passes_if_the_site_fails(value: str) -> None:
    request = fhir_request("Patient", f"enrolled={value}")
    assert await run(request, request, fails=True) == ([set(), set()], 2)


async def code_of(handler: DeclaredParameters, query: str, **changes: Any) -> str:
    try:
        with capture_logs():
            return str((await handler(fhir_request("Patient", query, **changes))).status)
    except Failure as failure:
        return f"{failure.kind.status} {failure.kind.code} {[code for _, code in failure.codings]}"


@pytest.mark.parametrize("value", ["2020", "lt2026-04-15T10:00:00%2B08:00", "x,ge2020-01"])
async def test_date_of_an_unknown_parameter_is_refused(value: str) -> None:
    inner = ScriptedUpstream(OK)
    handler = DeclaredParameters(inner, SiteStatements(ScriptedUpstream(Failure(UPSTREAM_CONNECT))))
    code = await code_of(handler, f"enrolled={value}")
    assert (code, inner.requests) == (f"503 parameter-type-unknown ['{UPSTREAM_CONNECT.code}']", [])


async def test_refused_caller_keeps_its_refusal() -> None:
    handler = DeclaredParameters(
        ScriptedUpstream(OK), SiteStatements(ScriptedUpstream(Failure(CREDENTIALS_INVALID)))
    )
    assert await code_of(handler, "enrolled=2020") == "401 upstream-credentials []"


async def test_failure_is_not_kept_and_replaces_no_statement() -> None:
    inner = ScriptedUpstream(OK)
    steps = (Failure(CREDENTIALS_INVALID), FETCHED, Failure(UPSTREAM_CONNECT), Failure(UPSTREAM_CONNECT))
    handler = DeclaredParameters(inner, SiteStatements(ScriptedUpstream(*steps)))
    late = NOW + timedelta(hours=2)
    codes = [await code_of(handler, "enrolled=2020", received_at=time) for time in (NOW, NOW, late, late)]
    assert codes[1:] == ["200"] * 3
    sites = [request.site for request in inner.requests]
    assert [site and set(site.date_support.declared_parameters) for site in sites] == [
        {("Patient", "enrolled")}
    ] * 3


BROKEN = FhirResponse(200, body=b'{"resourceType":"CapabilityStatement","rest":[}')


async def test_unreadable_statement_refuses_a_date_and_is_not_kept() -> None:
    inner = ScriptedUpstream(OK)
    handler = DeclaredParameters(inner, SiteStatements(ScriptedUpstream(BROKEN, FETCHED)))
    codes = [await code_of(handler, "enrolled=2020") for _ in range(2)]
    assert codes == ["503 parameter-type-unknown ['upstream-not-fhir']", "200"]
    assert len(inner.requests) == 1


async def test_unreadable_statement_replaces_no_statement() -> None:
    inner = ScriptedUpstream(OK)
    handler = DeclaredParameters(inner, SiteStatements(ScriptedUpstream(FETCHED, BROKEN)))
    for time in (NOW, NOW + timedelta(hours=2)):
        assert await code_of(handler, "enrolled=2020", received_at=time) == "200"
    site = inner.requests[-1].site
    assert site is not None
    assert set(site.date_support.declared_parameters) == {("Patient", "enrolled")}


async def test_least_recently_used_site_is_evicted() -> None:
    sites = [replace(SITE, guid=str(number)) for number in range(1_025)]
    requests = [fhir_request("Patient", "enrolled=2020", site=site) for site in (*sites, sites[-1], sites[0])]
    assert (await run(*requests))[1] == 1_026


FETCHED = FhirResponse(200, body=STATEMENT).with_upstream_use(UpstreamUse(1, 2.0))
FOUND = OK.with_upstream_use(UpstreamUse(1, 0.5))
SEARCH = fhir_request("Patient", "enrolled=abc", deadline=100.0)


async def use_and_deadlines(statement: Step, result: Step, *requests: FhirRequest) -> tuple[object, ...]:
    """The upstream requests that the last result names, and the deadline of each search."""
    inner = ScriptedUpstream(result)
    handler, uses = DeclaredParameters(inner, SiteStatements(ScriptedUpstream(statement))), []
    with capture_logs():
        for request in requests:
            try:
                uses.append((await handler(request)).upstream_use)
            except Failure as failure:
                uses.append(failure.upstream_use)
    return uses[-1], [request.deadline for request in inner.requests]


@pytest.mark.parametrize(
    "statement",
    [FETCHED, Failure(UPSTREAM_CONNECT).with_upstream_use(FETCHED.upstream_use)],
    ids=["fetched", "not fetched"],
)
@pytest.mark.parametrize(
    "result",
    [FOUND, Failure(UPSTREAM_CONNECT).with_upstream_use(FOUND.upstream_use)],
    ids=["response", "failure"],
)
async def test_search_after_a_fetch_names_both_requests(statement: Step, result: Step) -> None:
    assert await use_and_deadlines(statement, result, SEARCH) == (UpstreamUse(2, 2.5), [102.0])


async def test_search_with_stored_parameters_names_only_its_own_request() -> None:
    assert await use_and_deadlines(FETCHED, FOUND, SEARCH, SEARCH) == (FOUND.upstream_use, [102.0, 100.0])
