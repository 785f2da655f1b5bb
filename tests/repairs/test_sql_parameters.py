"""Stored procedures with large parameters: sent as text, again only after the refusal, with their results."""

import asyncio
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import msgspec
import pytest
from support.requests import GUID, fhir_request, json_response
from support.scripted_upstream import Clock, HandlerCase, ScriptedUpstream, Step
from support.sql import (
    LARGE,
    REFUSAL_TEXT,
    SMALL,
    command_of,
    filed,
    parameter,
    query,
    refusal,
    refused,
    registration,
    sql_request,
)
from support.sql_refusals import OTHER_ANSWERS

from gateway.errors.catalog import UPSTREAM_CONNECT, UPSTREAM_RESET
from gateway.errors.failure import Failure, FailureKind
from gateway.exchange import FhirRequest, FhirResponse, UpstreamUse
from gateway.repairs.conversion_scopes import ConversionScopes, RewriteMode
from gateway.repairs.rewrite_queue import RewriteQuery, RewriteQueue, after_admission
from gateway.repairs.sql_parameter_conversion import ID
from gateway.repairs.sql_parameters import SqlParameters
from gateway.repairs.submitted_queries import SubmittedQueries
from gateway.sites.issue_states import IssueStates
from gateway.sql.reasons import Reason
from gateway.sql.rewrite import LeftAlone, Scope, rewrite_query
from gateway.stores.memory import MemoryStore
from gateway.upstreams.halo_failures import OFFLINE, QUERY_FAILED

pytestmark = pytest.mark.anyio

QUERY_ID = "0f0f0f0f-0000-4000-8000-00000000000f"
QUEUED = json_response({"id": QUERY_ID, "status": "initialising"}, 201)
RAN = json_response(
    {"id": QUERY_ID, "result": {"data": "W10=", "parameters": [parameter("@ret", "Int", "0", "output")]}}
)
#: Answer to a poll of a command that the practice could not convert.
FAILED_LATER = Failure(
    QUERY_FAILED,
    upstream_response=json_response(
        {
            "status": "executionFailed",
            "errorDetails": {"errorType": "haloLink", "errorCode": 2, "errorMessage": REFUSAL_TEXT},
        }
    ),
)
SUBMISSIONS = [("immediate", filed()), ("async", filed()), ("registered", registration(filed()))]
#: A value that no documented limit forbids, but a site may.
SMALL_BODY = filed(SMALL)


@dataclass
class Counts:
    """Counts of one test."""

    outcomes: list[str] = field(default_factory=list)
    responses: list[bool] = field(default_factory=list)

    def count_outcome(self, outcome: str) -> None:
        self.outcomes.append(outcome)

    def count_response(self, _: FhirRequest, *, is_fired: bool) -> None:
        self.responses.append(is_fired)


class Case(HandlerCase):
    """The handler before a scripted upstream, at a site with a known engine version."""

    def __init__(
        self,
        *steps: Step,
        mode: RewriteMode = "large",
        is_on: bool = True,
        is_proved: bool = True,
        rewrite: RewriteQuery = rewrite_query,
        max_wait: float = 5.0,
    ) -> None:
        self.upstream = ScriptedUpstream(*steps)
        self.counts = Counts()
        self.engine = "26.619"
        self.refusal: Failure | None = None
        clock = Clock()
        store = MemoryStore(clock=clock)
        queue = RewriteQueue(lambda _: is_proved, lambda _: max_wait, rewrite, min_wait=0.0)
        self.scopes = ConversionScopes(mode, IssueStates(store, clock, self._version), lambda _: is_on)
        self.handler = SqlParameters(
            self.upstream,
            self.scopes,
            SubmittedQueries(store, clock),
            self.counts,
            lambda *_: is_proved,
            after_admission(queue.rewrite, self._require_admitted),
        )

    async def _require_admitted(self, _: FhirRequest) -> None:
        if self.refusal is not None:
            raise self.refusal

    async def _version(self, _: str) -> str:
        return self.engine

    async def send(self, path: str = "immediate", body: bytes = b"", method: str = "POST") -> FhirResponse:
        response: FhirResponse = await self.handler(sql_request(path, body, method))
        return response

    async def learned_scope(self) -> str | None:
        """Scope of the site with what was learned."""
        return await self.scopes.scope_at(GUID)

    @property
    def types(self) -> list[str]:
        """Types of the commands that were sent."""
        return [command_of(request)["type"] for request in self.upstream.requests]


def parameters_of(response: FhirResponse) -> Any:
    body = msgspec.json.decode(response.body)
    return body.get("result", body)["parameters"]


@pytest.mark.parametrize("api", ["integrator", "desktop"])
@pytest.mark.parametrize(("path", "body"), SUBMISSIONS)
async def test_large_parameter_is_declared_in_text(path: str, body: bytes, api: str) -> None:
    case = Case(RAN)
    response = await case.handler(sql_request(path, body, api=api))
    (sent,) = case.upstream.requests
    command = command_of(sent)
    assert command["type"] == "text"
    assert "DECLARE @Content varbinary(max);" in command["text"]
    assert [each["name"] for each in command["parameters"]] == ["@Title", "@ret"]
    assert response.applied_repairs == (ID,)
    assert (case.counts.outcomes, case.counts.responses) == (["rewritten"], [True])


async def test_output_of_an_immediate_result_is_the_return_value() -> None:
    response = await Case(RAN).send(body=filed())
    assert parameters_of(response) == [parameter("@ret", "Int", "0", "returnValue")]


async def test_result_without_the_output_is_unchanged() -> None:
    response = await Case(QUEUED).send(body=filed())
    assert response.body is QUEUED.body


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("immediate", SMALL_BODY),
        ("async", query(parameter("@Note", "NVarChar", "x" * 4_000), parameter("@a", "Int", "1"))),
        ("registered", registration(SMALL_BODY)),
        ("immediate", query(parameter("@Content", "Structured", "x" * 20_000))),
        ("immediate", query(parameter("@Content", "VarBinary", "not base64 " * 9_000))),
    ],
)
async def test_command_that_is_left_alone_goes_up_as_it_came(path: str, body: bytes) -> None:
    case = Case(RAN)
    request = sql_request(path, body)
    response = await case.handler(request)
    assert case.upstream.requests[0] is request
    assert response is RAN
    assert case.counts.responses == [False]
    assert case.counts.outcomes[0] in {"not-needed", "binary-encoding", "type"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "status"),
        ("GET", "registered"),
        ("DELETE", f"registered/{QUERY_ID}"),
        ("GET", f"{QUERY_ID}/results/1/stream"),
        ("POST", "other"),
    ],
)
async def test_other_request_passes_unchanged(method: str, path: str) -> None:
    case = Case(RAN)
    request = sql_request(path, filed(), method)
    assert await case.handler(request) is RAN
    assert case.upstream.requests[0] is request
    assert case.counts.outcomes == []


async def test_text_command_and_fhir_pass_unchanged() -> None:
    case = Case(RAN)
    text = sql_request("immediate", query(parameter("@a", "VarBinary", "0" * 20_000), type_="text"))
    for request in (text, fhir_request("Patient")):
        assert await case.handler(request) is RAN
        assert case.upstream.requests[-1] is request
    assert case.counts.outcomes == []


@pytest.mark.parametrize(("mode", "is_on"), [("off", True), ("large", False)])
async def test_repair_that_is_off_sends_one_unchanged_command(mode: RewriteMode, is_on: bool) -> None:
    for body in (filed(), SMALL_BODY):
        case = Case(refused(), mode=mode, is_on=is_on)
        request = sql_request("immediate", body)
        assert await case.code(request) == "sql-parameter"
        assert case.upstream.requests == [request]
        assert case.counts.outcomes == []


async def test_binary_always_declares_a_small_value() -> None:
    case = Case(RAN, mode="binary-always")
    await case.send(body=SMALL_BODY)
    assert case.types == ["text"]
    await case.send(body=query(parameter("@a", "NVarChar", "x")))
    assert case.types == ["text", "storedProcedure"]


@pytest.mark.parametrize(
    ("path", "body"),
    [("immediate", SMALL_BODY), ("async", SMALL_BODY), ("registered", registration(SMALL_BODY))],
)
async def test_refused_command_is_sent_once_more_as_text(path: str, body: bytes) -> None:
    case = Case(
        refused().with_upstream_use(UpstreamUse(1, 0.5)), RAN.replace(upstream_use=UpstreamUse(1, 0.25))
    )
    response = await case.send(path, body)
    assert case.types == ["storedProcedure", "text"]
    assert case.upstream.requests[0].body is body
    assert {each["name"] for each in command_of(case.upstream.requests[1])["parameters"]} == {"@ret"}
    assert response.upstream_use == UpstreamUse(2, 0.75)
    assert response.header("gateway-attempts") == "2"
    assert response.applied_repairs == (ID,)
    assert (case.counts.outcomes, case.counts.responses) == (["not-needed", "resent"], [True])


async def test_large_command_that_is_refused_is_sent_with_all_values() -> None:
    case = Case(refused(), RAN)
    await case.send(body=filed())
    first, second = map(command_of, case.upstream.requests)
    assert (first["type"], second["type"]) == ("text", "text")
    assert "@Title" not in {each["name"] for each in second["parameters"]}


@pytest.mark.parametrize("mode", ["large", "binary-always"])
async def test_command_is_never_sent_a_third_time(mode: RewriteMode) -> None:
    case = Case(refused(), mode=mode)
    text_only = query(parameter("@Note", "NVarChar", "x"))
    assert await case.code(sql_request("immediate", text_only)) == "sql-parameter"
    assert case.types == ["storedProcedure", "text"]
    response = case.last_failure.upstream_response
    assert response is not None
    assert response.applied_repairs == (ID,)
    assert response.header("gateway-attempts") == "2"
    assert await case.learned_scope() == mode


async def test_text_with_all_values_is_not_sent_again() -> None:
    case = Case(refused(), mode="binary-always")
    assert await case.code(sql_request("immediate", SMALL_BODY)) == "sql-parameter"
    assert case.types == ["text"]


async def test_same_text_is_not_sent_again() -> None:
    case = Case(refused())
    only_large = query(parameter("@Content", "VarBinary", LARGE))
    assert await case.code(sql_request("immediate", only_large)) == "sql-parameter"
    assert case.types == ["text"]


@pytest.mark.parametrize(
    "failure",
    [
        refused(refusal("Error converting data type varchar to numeric.")),
        refused(refusal(status=500)),
        refused(refusal(status=200)),
        refused(json_response({"errorDetails": {"errorType": "mssql", "errorMessage": REFUSAL_TEXT}}, 400)),
        Failure(OFFLINE, own_words=REFUSAL_TEXT),
        Failure(OFFLINE, upstream_response=json_response({"message": "offline"}, 400)),
        FAILED_LATER,
    ],
)
async def test_any_other_failure_is_final(failure: Failure) -> None:
    case = Case(failure)
    request = sql_request("immediate", SMALL_BODY)
    assert await case.code(request) == failure.kind.code
    assert case.last_failure is failure
    assert case.upstream.requests == [request]


async def test_refusal_that_may_repeat_the_request_is_final() -> None:
    case = Case(refused())
    body = query(
        parameter("@a", "VarBinary", SMALL), parameter("@note", "NVarChar", f"x {REFUSAL_TEXT.upper()}")
    )
    assert await case.code(sql_request("immediate", body)) == "sql-parameter"
    assert case.types == ["storedProcedure"]


async def test_refused_command_without_a_proved_text_is_final() -> None:
    case = Case(refused())
    request = sql_request("immediate", query(parameter("@a", "VarBinary", SMALL), text="p;1"))
    assert await case.code(request) == "sql-parameter"
    assert case.upstream.requests == [request]


async def test_second_answer_counts_whatever_it_is() -> None:
    case = Case(
        refused().with_upstream_use(UpstreamUse(1, 1)), Failure(OFFLINE).with_upstream_use(UpstreamUse(1, 2))
    )
    assert await case.code(sql_request("immediate", SMALL_BODY)) == OFFLINE.code
    assert case.last_failure.upstream_use == UpstreamUse(2, 3)
    assert case.last_failure.headers == (("gateway-attempts", "2"),)
    assert await case.learned_scope() == "large"


@pytest.mark.parametrize(
    ("kind", "body", "repairs", "counted"),
    [
        (UPSTREAM_RESET, filed(), (ID,), [True]),
        (UPSTREAM_RESET, SMALL_BODY, (), [False]),
        (UPSTREAM_CONNECT, filed(), (), []),
    ],
)
async def test_failure_without_response_names_the_repair(
    kind: FailureKind, body: bytes, repairs: tuple[str, ...], counted: list[bool]
) -> None:
    case = Case(Failure(kind))
    assert await case.code(sql_request("immediate", body)) == kind.code
    assert case.last_failure.applied_repairs == repairs
    assert case.counts.responses == counted


async def test_site_that_accepted_the_text_gets_it_at_once() -> None:
    case = Case(refused(), RAN)
    await case.send(body=SMALL_BODY)
    await case.send(body=SMALL_BODY)
    assert case.types == ["storedProcedure", "text", "text"]
    text_only = query(parameter("@Note", "NVarChar", "x"))
    await case.send(body=text_only)
    assert case.upstream.requests[-1].body is text_only
    case.engine = "26.800"
    await case.send(body=SMALL_BODY)
    assert case.types[-1] == "storedProcedure"


async def test_value_that_a_site_may_count_as_large_teaches_nothing() -> None:
    case = Case(refused(), RAN)
    await case.send(body=filed("0x" + "ab" * 7_999))
    assert case.types == ["storedProcedure", "text"]
    assert await case.learned_scope() == "large"
    case = Case(refused(), RAN, QUEUED, FAILED_LATER)
    await case.send(body=filed("0x" + "ab" * 7_999))
    await case.send("async", filed("0x" + "ab" * 7_999))
    await case.code(sql_request(QUERY_ID, method="GET"))
    assert await case.learned_scope() == "large"


@pytest.mark.parametrize("scope", ["binary-always", "all"])
async def test_wider_scope_files_what_a_narrower_one_does(scope: Scope) -> None:
    padded = parameter("@Mark", "Binary", "YWJj") | {"size": 20}
    body = query(parameter("@Content", "VarBinary", LARGE), padded)
    case = Case(RAN)
    await case.scopes.confirm_text(GUID)
    await case.scopes.learn(GUID, "binary-always")
    await case.scopes.learn(GUID, scope)
    assert await case.learned_scope() == scope
    await case.send(body=body)
    assert case.types == ["text"]
    assert command_of(case.upstream.requests[0])["parameters"] == [padded]


async def test_site_that_refuses_texts_too_gets_these_declared() -> None:
    case = Case(refused(), RAN, mode="binary-always")
    text_only = query(parameter("@Note", "NVarChar", "x"))
    await case.send(body=text_only)
    await case.send(body=text_only)
    assert case.types == ["storedProcedure", "text", "text"]


@pytest.mark.parametrize(
    ("path", "body", "later"),
    [
        ("async", filed(), QUERY_ID),
        ("async", filed(), f"{QUERY_ID}/results/1"),
        ("registered", registration(filed()), f"registered/{QUERY_ID}/results"),
    ],
)
async def test_later_result_has_the_return_value(path: str, body: bytes, later: str) -> None:
    page = json_response({"data": "", "parameters": [parameter("@ret", "Int", "7", "output")]})
    case = Case(QUEUED, page)
    await case.send(path, body)
    response = await case.send(later, method="GET")
    assert parameters_of(response) == [parameter("@ret", "Int", "7", "returnValue")]
    assert response.applied_repairs == (ID,)
    assert await case.send("another", method="GET") is page


async def test_result_of_a_command_that_was_left_alone_is_unchanged() -> None:
    page = json_response({"parameters": [parameter("@ret", "Int", "7", "output")]})
    case = Case(QUEUED, page)
    await case.send("async", SMALL_BODY)
    assert await case.send(QUERY_ID, method="GET") is page


async def test_large_result_is_changed_in_one_place() -> None:
    page = json_response({"data": "A" * 1_000_000, "parameters": [parameter("@ret", "Int", "7", "output")]})
    case = Case(QUEUED, page)
    await case.send("async", filed())
    response = await case.send(f"{QUERY_ID}/results/1", method="GET")
    assert response.body == page.body.replace(b'"output"', b'"returnValue"')


@pytest.mark.parametrize("is_proved", [True, False])
async def test_later_refusal_teaches_the_site_but_sends_nothing(is_proved: bool) -> None:
    case = Case(RAN, QUEUED, FAILED_LATER, is_proved=is_proved)
    await case.send(body=filed())
    await case.send("async", SMALL_BODY)
    assert await case.code(sql_request(QUERY_ID, method="GET")) == QUERY_FAILED.code
    assert case.last_failure is FAILED_LATER
    assert len(case.upstream.requests) == 3
    assert await case.learned_scope() == ("binary-always" if is_proved else "large")


@pytest.mark.parametrize(
    ("path", "later", "expected"),
    [
        ("immediate", "", "binary-always"),
        ("async", "", "large"),
        ("async", f"{QUERY_ID}/results/1", "binary-always"),
    ],
)
async def test_site_is_taught_once_a_text_has_run(path: str, later: str, expected: str) -> None:
    page = json_response({"parameters": [parameter("@ret", "Int", "7", "output")]})
    case = Case(QUEUED if path == "async" else RAN, *([page] if later else []), QUEUED, FAILED_LATER)
    await case.send(path, filed())
    if later:
        await case.send(later, method="GET")
    await case.send("async", SMALL_BODY)
    await case.code(sql_request(QUERY_ID, method="GET"))
    assert await case.learned_scope() == expected


async def test_later_refusal_of_an_unknown_query_teaches_nothing() -> None:
    case = Case(FAILED_LATER)
    await case.code(sql_request(QUERY_ID, method="GET"))
    assert await case.learned_scope() == "large"


@pytest.mark.parametrize("is_proved", [True, False])
async def test_forty_commands_at_once_are_all_sent(is_proved: bool) -> None:
    case = Case(RAN, is_proved=is_proved)
    responses = await asyncio.gather(*(case.send(body=filed()) for _ in range(40)))
    assert [response.status for response in responses] == [200] * 40
    assert case.types == ["text"] * 40


async def test_command_that_needs_no_rewrite_waits_for_none() -> None:
    def fail(body: bytes, scope: Scope) -> LeftAlone:
        raise AssertionError

    case = Case(RAN, rewrite=fail)
    mention = query(type_="text", text="SELECT 1 -- storedProcedure " + "x" * 5_000)
    quoted = query(type_="text", text="SELECT '\"storedProcedure\"' -- " + "x" * 5_000)
    many_small = query(*(parameter(f"@p{n}", "NVarChar", "x" * 3_000) for n in range(20)))
    for body in (mention, quoted, many_small):
        await case.send(body=body)
    assert [request.body for request in case.upstream.requests] == [mention, quoted, many_small]
    assert case.counts.outcomes == ["not-needed"]


async def test_command_that_would_be_refused_is_not_rewritten() -> None:
    def fail(body: bytes, scope: Scope) -> LeftAlone:
        raise AssertionError

    case = Case(RAN, rewrite=fail)
    case.refusal = Failure(OFFLINE)
    assert await case.code(sql_request("immediate", filed())) == OFFLINE.code
    assert case.last_failure is case.refusal
    assert (case.upstream.requests, case.counts.outcomes) == ([], [])


async def test_command_whose_turn_does_not_come_is_not_sent() -> None:
    gate = Event()

    def wait(body: bytes, scope: Scope) -> LeftAlone:
        gate.wait(10)
        return LeftAlone(Reason.NOT_NEEDED)

    case = Case(RAN, rewrite=wait, max_wait=0.01)
    first = asyncio.create_task(case.send(body=filed()))
    await asyncio.sleep(0)
    assert await case.code(sql_request("immediate", filed())) == "overloaded"
    assert case.upstream.requests == []
    assert await case.code(sql_request("immediate", SMALL_BODY)) == "200"
    gate.set()
    await first


@pytest.mark.parametrize("charset", ["us-ascii", "iso-8859-1", '"Windows-1252"'])
@pytest.mark.parametrize("body", [filed(), SMALL_BODY])
async def test_body_in_another_charset_goes_up_as_it_came(charset: str, body: bytes) -> None:
    case = Case(refused())
    headers = (("content-type", f"application/json; charset={charset}"),)
    request = sql_request("immediate", body).replace(headers=headers)
    assert await case.code(request) == "sql-parameter"
    assert case.upstream.requests == [request]
    assert case.counts.outcomes[0] in {"charset", "not-needed"}


async def test_body_whose_charset_is_utf8_is_rewritten() -> None:
    case = Case(RAN)
    headers = (("content-type", "application/json; charset=UTF-8"),)
    await case.handler(sql_request("immediate", filed()).replace(headers=headers))
    assert case.types == ["text"]


@pytest.mark.parametrize("body", OTHER_ANSWERS)
async def test_answer_that_is_not_exactly_the_refusal_is_final(body: bytes) -> None:
    case = Case(refused(FhirResponse(400, body=body)))
    request = sql_request("immediate", SMALL_BODY)
    assert await case.code(request) == "sql-parameter"
    assert case.upstream.requests == [request]
