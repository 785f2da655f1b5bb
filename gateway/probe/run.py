"""Run of a probe: sends the requests of its questions to the upstream, within a budget."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

from gateway.builders import connection_pool
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, Handler, Headers, Site
from gateway.fhir.interaction import NOT_FHIR, interaction_for
from gateway.fhir.search_params import SearchParams, encode_parameter
from gateway.probe.evidence import (
    UNREADABLE_ERRORS,
    Evidence,
    ProbeRequest,
    ProbeResponse,
    parse_response,
    refused_response,
)
from gateway.probe.questions import QUESTIONS
from gateway.probe.sql_run import SqlProber, SqlProbeReport
from gateway.repairs import WITNESSES
from gateway.repairs.witness import observations
from gateway.settings import Settings
from gateway.settings import Upstream as UpstreamSettings
from gateway.settings.resolve import ConfiguredSites
from gateway.upstreams import DIALECTS
from gateway.upstreams.client import UpstreamClient

#: Maximum number of requests, enough for a site without unusual behaviour: 23 about dates, 5 about known
#: issues and the form of responses.
DEFAULT_BUDGET = 30
_Report = TypeVar("_Report")
_NOT_FHIR_TEXT = "The upstream's response is not valid FHIR."


@dataclass(frozen=True)
class ProbeReport:
    """Result of a probe. `questions_left` exceeded the budget; `problem` says what ended the probe early."""

    guid: str
    evidence: Evidence
    budget: int
    requests_sent: int = 0
    questions_left: int = 0
    problem: str = ""


def cost_announcement(budget: int = DEFAULT_BUDGET) -> str:
    """Return the announcement of the maximum cost."""
    return f"Sending at most {min(budget, len(QUESTIONS))} queries (GET only, nothing is changed)."


def run_probe(
    settings: Settings,
    guid: str,
    headers: Mapping[str, str],
    *,
    base: str = "",
    budget: int = DEFAULT_BUDGET,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> ProbeReport:
    """Probe a live site with at most `budget` requests, including the one for the CapabilityStatement.

    `headers` contain the operator's credentials; `base` is the FHIR base, by default the integrator API's.
    Raises ValueError if the configuration has no time zone for the site.
    """
    site = ConfiguredSites(settings).require(guid)
    base = base or f"{str(settings.upstream.url).rstrip('/')}/integrator/sites/{guid}/fhir/R4"
    credentials = tuple((name.lower(), value) for name, value in headers.items())
    prober = _Prober(site, base.rstrip("/"), credentials, budget)
    return asyncio.run(
        _with_client(
            settings.upstream,
            "halo-connect",
            now,
            lambda upstream: prober.run_questions(upstream, now()),
        )
    )


@dataclass(frozen=True)
class _Prober:
    site: Site
    base: str
    headers: Headers
    budget: int

    async def run_questions(self, upstream: Handler, now: datetime) -> ProbeReport:
        report = ProbeReport(self.site.guid, Evidence(self.site.zone, now), self.budget)
        for question in QUESTIONS:
            request = question.build_request(report.evidence)
            if request is None or report.problem:
                continue
            if report.requests_sent == self.budget:
                report = replace(report, questions_left=report.questions_left + 1)
            else:
                report = await self._add_response(upstream, report, question.id, request)
        return report

    async def _add_response(
        self, upstream: Handler, report: ProbeReport, question_id: str, request: ProbeRequest
    ) -> ProbeReport:
        report = replace(report, requests_sent=report.requests_sent + 1)
        try:
            response = await self._fetch_response(upstream, request, report.evidence.now)
        except Failure as failure:
            return replace(report, problem=f"{failure.text} ({failure.kind.code})")
        except UNREADABLE_ERRORS:
            return replace(report, problem=_NOT_FHIR_TEXT)
        return replace(report, evidence=report.evidence.with_response(question_id, response))

    async def _fetch_response(self, upstream: Handler, request: ProbeRequest, now: datetime) -> ProbeResponse:
        sent = self._fhir_request(request, now)
        try:
            received = await upstream(sent)
            response = parse_response(request, received)
        except Failure as failure:
            refused = refused_response(request, failure)
            if refused is None:
                raise
            return replace(refused, observations=observations(sent, failure, WITNESSES))
        return replace(response, observations=observations(sent, received, WITNESSES))

    def _fhir_request(self, request: ProbeRequest, now: datetime) -> FhirRequest:
        return FhirRequest(
            "GET",
            interaction_for("GET", request.path) or NOT_FHIR,
            request.path,
            self.base,
            self.base,
            site=self.site,
            upstream_search=SearchParams(tuple(encode_parameter(*pair) for pair in request.pairs)),
            headers=self.headers,
            request_id="halo-gateway-probe",
            received_at=now,
        )


def run_sql_probe(
    settings: Settings,
    guid: str,
    headers: Mapping[str, str],
    *,
    budget: int = DEFAULT_BUDGET,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> SqlProbeReport:
    """Probe SQL Passthrough of a live site with at most `budget` queries; `headers`: credentials."""
    base = f"{str(settings.upstream.url).rstrip('/')}/integrator/sites/{guid}/queries"
    prober = SqlProber(base, tuple((name.lower(), value) for name, value in headers.items()))
    report = SqlProbeReport(guid, now(), budget)
    return asyncio.run(
        _with_client(
            _with_sql_timeouts(settings),
            "halo-sql",
            now,
            lambda upstream: prober.run_questions(upstream, report),
        )
    )


def _with_sql_timeouts(settings: Settings) -> UpstreamSettings:
    sql = settings.sql
    timeouts = settings.upstream.timeouts.model_copy(
        update={"read": sql.read_timeout_seconds, "total": sql.total_timeout_seconds}
    )
    return settings.upstream.model_copy(update={"timeouts": timeouts})


async def _with_client(
    upstream: UpstreamSettings,
    dialect: str,
    now: Callable[[], datetime],
    ask: Callable[[Handler], Awaitable[_Report]],
) -> _Report:
    transport = connection_pool(upstream, 1)
    try:
        return await ask(UpstreamClient(transport, DIALECTS[dialect], now))
    finally:
        await transport.aclose()
