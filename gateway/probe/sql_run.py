"""Run of a probe of SQL Passthrough: asks its questions, within a budget."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, Handler, Headers
from gateway.fhir.interaction import NOT_FHIR
from gateway.probe.evidence import UNREADABLE_ERRORS
from gateway.probe.sql_questions import (
    REQUEST_SIZES,
    SQL_QUESTIONS,
    UNREADABLE,
    SqlAnswer,
    SqlAnswers,
    SqlQuestion,
    parse_answer,
)
from gateway.probe.sql_refusals import refusal_of


@dataclass(frozen=True, slots=True)
class SqlProbeReport:
    """Result of a probe. `questions_left` exceeded the budget; `problem` says what ended the probe early."""

    guid: str
    started_at: datetime
    budget: int
    answers: SqlAnswers = field(default_factory=dict)
    queries_sent: int = 0
    questions_left: int = 0
    problem: str = ""


def sql_cost_announcement(budget: int) -> str:
    """Return the announcement of the maximum cost."""
    count, megabytes = min(budget, len(SQL_QUESTIONS)), sum(REQUEST_SIZES) // 1_000_000
    return (
        f"Sending at most {count} billed SQL queries, and {megabytes} MB in all (SELECT without a table,"
        " nothing is changed)."
    )


@dataclass(frozen=True, slots=True)
class SqlProber:
    """Asks all questions of one site; `base`: URL of its queries, `headers`: credentials."""

    base: str
    headers: Headers

    async def run_questions(self, upstream: Handler, report: SqlProbeReport) -> SqlProbeReport:
        """Return the report with the answers, within its budget."""
        for question in SQL_QUESTIONS:
            body = None if report.problem else question.build_body(report.answers)
            if body is None:
                continue
            if report.queries_sent == report.budget:
                report = replace(report, questions_left=report.questions_left + 1)
            else:
                report = await self._add_answer(upstream, report, question, body)
        return report

    async def _add_answer(
        self, upstream: Handler, report: SqlProbeReport, question: SqlQuestion, body: bytes
    ) -> SqlProbeReport:
        report = replace(report, queries_sent=report.queries_sent + 1)
        try:
            answer = parse_answer((await upstream(self._request(body, report.started_at))).body)
        except Failure as failure:
            refusal = refusal_of(failure, is_about_size=bool(question.request_size))
            if refusal is None:
                return replace(report, problem=f"{failure.text} ({failure.kind.code})")
            answer = refusal
        except UNREADABLE_ERRORS:
            answer = SqlAnswer(refusal=UNREADABLE)
        return replace(report, answers={**report.answers, question.id: answer})

    def _request(self, body: bytes, now: datetime) -> FhirRequest:
        return FhirRequest(
            "POST",
            NOT_FHIR,
            "immediate",
            self.base,
            self.base,
            headers=(*self.headers, ("content-type", "application/json")),
            body=body,
            request_id="halo-gateway-probe",
            received_at=now,
        )
