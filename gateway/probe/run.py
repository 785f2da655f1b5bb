"""The rim of a probe: asks the upstream, question by question, within a budget."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from gateway.builders import pool
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, Handler, Headers, Site
from gateway.fhir.interaction import OTHER, interaction
from gateway.fhir.search_params import Search, parameter
from gateway.probe.evidence import UNREADABLE, Asked, Known, Page, page, refused
from gateway.probe.questions import QUESTIONS
from gateway.settings import Settings
from gateway.settings.resolve import Sites
from gateway.upstreams import DIALECTS
from gateway.upstreams.client import Upstream

BUDGET = 25
_NO_FHIR = "The upstream's answer could not be read as FHIR."


@dataclass(frozen=True)
class Report:
    """What a probe learnt of a site: how much it asked, how much it left, and what ended it early."""

    guid: str
    known: Known
    budget: int
    asked: int = 0
    left: int = 0
    problem: str = ""


def announcement(budget: int = BUDGET) -> str:
    """What the probe is going to cost."""
    return f"Asking at most {min(budget, len(QUESTIONS))} queries (GET only, nothing is changed)."


def probe(
    settings: Settings,
    guid: str,
    headers: Mapping[str, str],
    *,
    base: str = "",
    budget: int = BUDGET,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Report:
    """What a live site answers to at most `budget` questions, metadata included.

    `headers` hold the operator's own credentials; `base` is the FHIR base to ask, the integrator API's by
    default. Raises ValueError when the configuration has no time zone for the site.
    """
    site = Sites(settings)(guid)
    if site is None:
        raise ValueError(f"sites.{guid}.time_zone must be set: dates depend on it")
    base = base or f"{str(settings.upstream.url).rstrip('/')}/integrator/sites/{guid}/fhir/R4"
    sent = tuple((name.lower(), value) for name, value in headers.items())
    return asyncio.run(_probed(settings, _Prober(site, base.rstrip("/"), sent, budget), now))


@dataclass(frozen=True)
class _Prober:
    site: Site
    base: str
    headers: Headers
    budget: int

    async def report(self, upstream: Handler, now: datetime) -> Report:
        report = Report(self.site.guid, Known(self.site.zone, now), self.budget)
        for question in QUESTIONS:
            asked = question.ask(report.known)
            if asked is None or report.problem:
                continue
            if report.asked == self.budget:
                report = replace(report, left=report.left + 1)
            else:
                report = await self._told(upstream, report, question.id, asked)
        return report

    async def _told(self, upstream: Handler, report: Report, question: str, asked: Asked) -> Report:
        report = replace(report, asked=report.asked + 1)
        try:
            answer = await self._answer(upstream, asked)
        except Failure as failure:
            return replace(report, problem=f"{failure.text} ({failure.kind.code})")
        except UNREADABLE:
            return replace(report, problem=_NO_FHIR)
        return replace(report, known=report.known.told(question, answer))

    async def _answer(self, upstream: Handler, asked: Asked) -> Page:
        try:
            return page(asked, await upstream(self._request(asked)))
        except Failure as failure:
            found = refused(asked, failure)
            if found is None:
                raise
            return found

    def _request(self, asked: Asked) -> FhirRequest:
        return FhirRequest(
            "GET",
            interaction("GET", asked.path) or OTHER,
            asked.path,
            self.base,
            self.base,
            site=self.site,
            search=Search(tuple(parameter(*pair) for pair in asked.pairs)),
            headers=self.headers,
            request_id="halo-gateway-probe",
        )


async def _probed(settings: Settings, prober: _Prober, now: Callable[[], datetime]) -> Report:
    transport = pool(settings.upstream, 1)
    try:
        return await prober.report(Upstream(transport, DIALECTS["halo-connect"], now), now())
    finally:
        await transport.aclose()
