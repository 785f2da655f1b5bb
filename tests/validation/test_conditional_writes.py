"""Conditions of writes, and the refusal of those that no CapabilityStatement promises."""

from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs
from support.requests import GUID, fhir_request
from support.scripted_upstream import OK, ScriptedUpstream
from upstreams.test_site_statements import OFFLINE, statement

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, UpstreamUse
from gateway.upstreams.failures import CREDENTIALS_INVALID
from gateway.upstreams.site_statements import SiteStatements
from gateway.validation.conditional_writes import ConditionalWrites

BASE = f"https://gw.example/integrator/sites/{GUID}/fhir/R4"
ALL_PROMISES = {
    "conditionalCreate": True,
    "conditionalUpdate": True,
    "conditionalPatch": True,
    "conditionalDelete": "multiple",
    "versioning": "versioned-update",
}


def write(method: str, path: str, query: str = "", **fields: str) -> FhirRequest:
    headers = tuple((name.replace("_", "-"), value) for name, value in fields.items())
    return fhir_request(path, query, method=method, headers=headers)


def transaction(**request: Any) -> FhirRequest:
    body = msgspec.json.encode(
        {"resourceType": "Bundle", "type": "transaction", "entry": [{"request": request}]}
    )
    return fhir_request("", method="POST", body=body)


#: A write, the promise that permits it, and the form that the refusal names.
CONDITIONAL_WRITES: list[tuple[FhirRequest, dict[str, Any], str]] = [
    (write("POST", "Patient", if_none_exist="identifier=1"), {"conditionalCreate": True}, "If-None-Exist"),
    (write("POST", "Patient", if_none_exist=""), {"conditionalCreate": True}, "If-None-Exist"),
    (write("PUT", "Patient/1", if_match='W/"99"'), {"versioning": "versioned-update"}, "If-Match"),
    (write("PATCH", "Patient/1", if_match="*"), {"versioning": "versioned-update"}, "If-Match"),
    (write("DELETE", "Patient/1", if_match='"1"'), {"versioning": "versioned-update"}, "If-Match"),
    (write("PUT", "Patient", "identifier=1"), {"conditionalUpdate": True}, "update by search"),
    (write("PATCH", "Patient", "identifier=1"), {"conditionalPatch": True}, "patch by search"),
    (
        transaction(method="POST", url="Patient", ifNoneExist="a=b"),
        {"conditionalCreate": True},
        "If-None-Exist",
    ),
    (
        transaction(method="PUT", url="Patient/1", ifMatch='W/"1"'),
        {"versioning": "versioned-update"},
        "If-Match",
    ),
    (transaction(method="PUT", url="Patient?identifier=1"), {"conditionalUpdate": True}, "update by search"),
    (transaction(method="DELETE", url="/Patient?a=b"), {"conditionalDelete": "single"}, "delete by search"),
]
#: Writes with a condition that nothing promises.
NEVER_PROMISED = [
    write("PUT", "Patient/1", if_none_match="*"),
    write("PUT", "Patient/1", if_unmodified_since="x"),
    write("PUT", "Patient/1", if_none_exist="identifier=1"),
    write("POST", "Patient", if_match='W/"1"'),
    write("POST", "Patient/1/$merge", if_match='W/"1"'),
    write("PUT", "Patient"),
    write("PUT", "Patient", "_format=json"),
    write("PUT", "Patient", "identifier="),
    write("PUT", "Patient", "identifier=1&name=%20"),
    transaction(method="PUT", url="Patient/1", ifNoneMatch="*"),
    transaction(method="DELETE", url=f"{BASE}/Patient"),
    transaction(method="DELETE", url="Observation?code=1"),
]
UNCONDITIONAL = [
    write("POST", "Patient"),
    write("PUT", "Patient/1"),
    write("PUT", "Patient/1", if_modified_since="x"),  # RFC 9110: only for GET and HEAD
    write("GET", "Patient/1", if_none_match="*", if_match="*"),
    write("GET", "Patient", if_none_exist="a=b"),
    transaction(method="POST", url="Patient"),
    transaction(method="PUT", url=f"{BASE}/Patient/1"),
    write("PUT", "Patient/1", "_format=json&_pretty=true"),
    write("POST", "Patient", "_summary=text&_elements=name"),
    transaction(method="PUT", url="Patient/1?_format=json"),
    transaction(method="GET", url="Patient/1", ifNoneMatch="*"),
]
#: Changes that R4 does not define, the code of the refusal, and the element that it names.
UNDEFINED: list[tuple[FhirRequest, str, str]] = [
    (write("PUT", "Patient/1", "_id=2"), "bad-request", ""),
    (write("POST", "Patient", "_id=1"), "bad-request", ""),
    (write("PATCH", "Patient/1", "x=y"), "bad-request", ""),
    (write("DELETE", "Patient/1", "_format:not=json"), "bad-request", ""),
    (write("PUT", "Patient/1", "_include=Patient:link"), "bad-request", ""),
    (transaction(method="PUT", url="Patient/1?_id=2"), "bad-request", "Bundle.entry[0].request.url"),
    (transaction(method="POST", url="Patient?_id=2"), "bad-request", "Bundle.entry[0].request.url"),
    (transaction(method="PUT", url="patient?_id=2"), "bad-body", "Bundle.entry[0].request.url"),
    (fhir_request("", method="POST", body=b"no JSON"), "bad-body", "Bundle"),
]


class Case:
    """The handler between an upstream for statements and one for changes."""

    def __init__(self, *steps: FhirResponse | Failure) -> None:
        self.inner = ScriptedUpstream(OK.with_upstream_use(UpstreamUse(1, 1.0)))
        self.metadata = ScriptedUpstream(*steps)
        self.handler = ConditionalWrites(self.inner, SiteStatements(self.metadata))

    async def code(self, request: FhirRequest) -> str:
        try:
            with capture_logs():
                return str((await self.handler(request)).status)
        except Failure as failure:
            self.failure = failure
            return failure.kind.code


def promise(**resource: Any) -> FhirResponse:
    return FhirResponse(200, body=statement(**resource)).with_upstream_use(UpstreamUse(1, 2.0))


@pytest.mark.anyio
@pytest.mark.parametrize(("request_", "needed", "name"), CONDITIONAL_WRITES)
async def test_write_is_sent_only_with_its_promise(
    request_: FhirRequest, needed: dict[str, Any], name: str
) -> None:
    case = Case(promise(**needed))
    assert (await case.code(request_), case.inner.requests[0].body) == ("200", request_.body)
    others = {key: value for key, value in ALL_PROMISES.items() if key not in needed}
    case = Case(promise(**others))
    assert (await case.code(request_), case.inner.requests) == ("conditional-not-supported", [])
    assert case.failure.text.endswith(f"Not promised: {name}.")
    assert (case.failure.kind.status, case.failure.upstream_use) == (412, UpstreamUse(1, 2.0))


@pytest.mark.anyio
@pytest.mark.parametrize("request_", NEVER_PROMISED)
async def test_condition_without_a_promise_in_r4_is_refused(request_: FhirRequest) -> None:
    case = Case(promise(**ALL_PROMISES))
    assert (await case.code(request_), case.inner.requests) == ("conditional-not-supported", [])


@pytest.mark.anyio
@pytest.mark.parametrize("request_", UNCONDITIONAL)
async def test_other_request_needs_no_statement(request_: FhirRequest) -> None:
    case = Case(OFFLINE)
    assert (await case.code(request_), len(case.inner.requests), case.metadata.requests) == ("200", 1, [])


@pytest.mark.anyio
async def test_own_etag_has_its_own_refusal_behind() -> None:
    case = Case(OFFLINE)
    assert await case.code(write("PUT", "Patient/1", if_match='W/"gw-1"')) == "200"


CREATE = CONDITIONAL_WRITES[0][0]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("step", "code"),
    [
        (OFFLINE, "conditional-support-unknown"),
        (FhirResponse(200, body=b"{"), "conditional-support-unknown"),
        (Failure(CREDENTIALS_INVALID), CREDENTIALS_INVALID.code),
    ],
)
async def test_change_is_not_sent_without_a_statement(step: FhirResponse | Failure, code: str) -> None:
    case = Case(step)
    assert (await case.code(CREATE), case.inner.requests) == (code, [])


@pytest.mark.anyio
async def test_statement_is_read_once_for_all_changes() -> None:
    case = Case(promise(conditionalCreate=True))
    assert [await case.code(CREATE) for _ in range(3)] == ["200"] * 3
    assert len(case.metadata.requests) == 1


@pytest.mark.anyio
@pytest.mark.parametrize(("request_", "code", "expression"), UNDEFINED)
async def test_change_that_r4_does_not_define_is_refused_unsent(
    request_: FhirRequest, code: str, expression: str
) -> None:
    case = Case(promise(**ALL_PROMISES))
    assert (await case.code(request_), case.inner.requests) == (code, [])
    assert (case.failure.kind.status, case.failure.expression) == (400, expression)
    assert case.metadata.requests == []
