import asyncio
from dataclasses import replace
from datetime import timedelta

from search.test_declared_parameters_statement import statement
from structlog.testing import capture_logs
from support.requests import NOW, SITE, fhir_request

from gateway.errors.catalog import UPSTREAM_CONNECT
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse
from gateway.search.declared_parameters import DeclaredParameters

BODY = statement({"name": "enrolled", "type": "date"})


def run(*requests: FhirRequest, fails: bool = False) -> tuple[list[set[tuple[str, str]]], int]:
    """What each request went on knowing, and how often the statement was asked for."""
    known, asked = [], []

    async def inner(request: FhirRequest) -> FhirResponse:
        assert request.site is not None
        known.append(set(request.site.date_support.declared_parameters))
        return FhirResponse(200)

    async def upstream(request: FhirRequest) -> FhirResponse:
        asked.append(request.path)
        if fails:
            raise Failure(UPSTREAM_CONNECT)
        return FhirResponse(200, body=BODY)

    async def all_of_them() -> None:
        handler = DeclaredParameters(inner, upstream)
        for request in requests:
            await handler(request)

    with capture_logs():
        asyncio.run(all_of_them())
    assert set(asked) <= {"metadata"}
    return known, len(asked)


def test_a_parameter_of_r4_asks_nothing() -> None:
    assert run(fhir_request("Patient", "birthdate=2020")) == ([set()], 0)


def test_an_unknown_one_is_looked_up_once_an_hour() -> None:
    later = NOW + timedelta(minutes=59)
    first, second, third = (
        fhir_request("Patient", "enrolled=2020", received_at=at)
        for at in (NOW, later, later + timedelta(minutes=2))
    )
    assert run(first, second, third) == ([{("Patient", "enrolled")}] * 3, 2)


def test_a_site_that_does_not_answer_leaves_it_unknown() -> None:
    assert run(fhir_request("Patient", "enrolled=2020"), fails=True) == ([set()], 1)


def test_of_many_sites_the_one_used_longest_ago_is_forgotten() -> None:
    sites = [replace(SITE, guid=str(number)) for number in range(1_025)]
    requests = [fhir_request("Patient", "enrolled=2020", site=site) for site in (*sites, sites[-1], sites[0])]
    assert run(*requests)[1] == 1_026
