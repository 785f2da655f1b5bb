import asyncio
import threading
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs
from support.requests import fhir_request, json_response

from gateway.errors.catalog import GATEWAY_OVERLOADED
from gateway.errors.failure import Failure
from gateway.errors.operation_outcome import encode_resource, operation_outcome
from gateway.exchange import FhirRequest, FhirResponse
from gateway.validation.finding import Finding, ValidationResult
from gateway.validation.judge import ExpectedBody
from gateway.validation.write_validation import (
    WriteValidation,
    error_paths,
    expected_body,
    validation_failure,
)

pytestmark = pytest.mark.anyio

VALID = {"resourceType": "Patient", "id": "7"}
HIDDEN = "Zzyzx"
INVALID = VALID | {"gender": HIDDEN, HIDDEN: HIDDEN, "contact": [{"gender": HIDDEN}]}
BUNDLE = {"resourceType": "Bundle", "type": "batch"}


class Upstream:
    """Records its requests; raises its failure, if any."""

    def __init__(self, failure: Failure | None = None) -> None:
        self.requests: list[FhirRequest] = []
        self.failure = failure

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        self.requests.append(request)
        if self.failure:
            raise self.failure
        return json_response({"resourceType": "Patient"}, 201)


async def send(
    upstream: Upstream, mode: Any, body: object, path: str = "Patient", method: str = "POST"
) -> Any:
    """The response to, or the failure of, a request with this body."""
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    request = fhir_request(path, method=method, body=content)
    try:
        return await WriteValidation(upstream, mode)(request)
    except Failure as failure:
        return failure


@pytest.mark.parametrize("mode", ["warn", "refuse"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "Patient", VALID),
        ("PUT", "Patient/7", VALID),
        ("PUT", "Patient", VALID),
        ("POST", "", BUNDLE),
        ("PATCH", "Patient/7", INVALID),
        ("PATCH", "Patient/7", [{"op": "remove", "path": "/x"}]),
        ("POST", "Patient/_search", b""),
        ("POST", "Patient/$match", INVALID),
        ("DELETE", "Patient/7", b""),
        ("GET", "Patient/7", b""),
    ],
)
async def test_valid_body_or_other_request_is_sent(mode: str, method: str, path: str, body: object) -> None:
    upstream = Upstream()
    with capture_logs() as lines:
        response = await send(upstream, mode, body, path, method)
    assert (response.status, len(upstream.requests), lines) == (201, 1, [])
    assert response.header("gateway-validation") == ""


@pytest.mark.parametrize(
    ("method", "path", "body", "expression"),
    [
        ("POST", "Patient", INVALID, "Patient.gender"),
        ("PUT", "Patient/7", INVALID, "Patient.gender"),
        ("PUT", "Patient/8", VALID, "Patient.id"),
        ("POST", "Appointment", VALID, "Patient"),
        ("POST", "", VALID, "Patient"),
        ("POST", "", BUNDLE | {"type": "collection"}, "Bundle.type"),
        ("POST", "Patient", b"", "Resource"),
    ],
)
async def test_invalid_body_is_rejected_before_it_is_sent(
    method: str, path: str, body: object, expression: str
) -> None:
    upstream = Upstream()
    failure = await send(upstream, "refuse", body, path, method)
    assert (failure.kind.code, failure.kind.status, failure.kind.may_have_run) == (
        "invalid-resource",
        400,
        False,
    )
    assert failure.expression == expression
    assert upstream.requests == []


async def test_rejection_has_one_issue_per_finding() -> None:
    failure = await send(Upstream(), "refuse", INVALID)
    issues = [
        (failure.issue, failure.expression),
        *((issue.code, issue.expression) for issue in failure.more_issues),
    ]
    assert issues == [
        ("code-invalid", "Patient.gender"),
        ("structure", "Patient"),
        ("code-invalid", "Patient.contact[0].gender"),
    ]
    assert failure.text.startswith("The gateway did not send this change")
    assert failure.text.endswith("Patient.gender is none of the codes of R4: female, male, other, unknown.")


async def test_last_issue_counts_further_errors() -> None:
    failure = await send(Upstream(), "refuse", VALID | {"contact": [{}] * 60})
    assert len(failure.more_issues) == 15
    assert failure.more_issues[-1].text == "Further errors: 45."


async def test_warn_mode_lists_invalid_elements_in_header() -> None:
    upstream = Upstream()
    response = await send(upstream, "warn", INVALID)
    assert (response.status, len(upstream.requests)) == (201, 1)
    assert response.header("gateway-validation") == "Patient.gender, Patient, Patient.contact[0].gender"


async def test_warn_mode_adds_header_to_upstream_failure() -> None:
    upstream = Upstream(Failure(GATEWAY_OVERLOADED, headers=(("allow", "GET"),)))
    failure = await send(upstream, "warn", INVALID)
    assert failure.kind is GATEWAY_OVERLOADED
    assert dict(failure.headers)["gateway-validation"].startswith("Patient.gender, ")
    assert dict(failure.headers)["allow"] == "GET"


@pytest.mark.parametrize("mode", ["warn", "refuse"])
async def test_log_counts_findings_and_repeats_no_client_text(mode: str) -> None:
    with capture_logs() as lines:
        result = await send(Upstream(), mode, INVALID)
    (line,) = lines
    assert (line["event"], line["type"], line["findings"]) == ("invalid-write", "Patient", 3)
    texts = (
        [result.text, *(issue.text for issue in result.more_issues)] if mode == "refuse" else result.headers
    )
    assert HIDDEN not in str(texts) + str(lines)


def test_header_has_five_paths_of_limited_length() -> None:
    findings = [Finding(f"Patient.contact[{number // 2}]", "structure", "is empty") for number in range(20)]
    long = Finding("Patient" + ".extension[0]" * 60, "structure", "is empty")
    ancestor = "Patient" + ".extension[0]" * 14
    rest = "Patient.contact[0], Patient.contact[1], Patient.contact[2], Patient.contact[3]"
    assert error_paths(ValidationResult((long, *findings))) == f"{ancestor}, {rest}"


def test_largest_rejection_has_at_most_16_kib() -> None:
    finding = Finding(
        "Patient" + ".extension[10]" * 60, "structure", "is none of the codes of R4: " + "x" * 250
    )
    failure = validation_failure(ValidationResult((finding,) * 50, 10**6))
    assert len(encode_resource(operation_outcome(failure))) <= 16_384


def test_unlisted_errors_alone_are_rejected() -> None:
    unchecked = Finding("MedicinalProduct", "informational", "is not checked", "information")
    failure = validation_failure(ValidationResult((unchecked,) * 50, 3))
    assert failure.text.endswith("Resource is not valid.")
    assert [issue.text for issue in failure.more_issues] == ["Further errors: 2."]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "Patient", ExpectedBody("Patient")),
        ("PUT", "Patient", ExpectedBody("Patient")),
        ("PUT", "Patient/7", ExpectedBody("Patient", "7")),
        ("POST", "", ExpectedBody("Bundle", is_batch_or_transaction=True)),
    ],
)
def test_url_determines_expected_body(method: str, path: str, expected: ExpectedBody) -> None:
    assert expected_body(fhir_request(path, method=method)) == expected


LARGE = msgspec.json.encode(VALID | {"name": [{"family": "Synthetic"}] * 2_000})


async def validate_concurrently(count: int, body: bytes) -> tuple[list[Any], set[str]]:
    """Responses or failures of concurrent requests, and the names of the validation threads."""
    handler = WriteValidation(Upstream(), "refuse")
    request = fhir_request("Patient", method="POST", body=body)
    results = await asyncio.gather(*(handler(request) for _ in range(count)), return_exceptions=True)
    threads = {thread.name for thread in threading.enumerate() if thread.name.startswith("validation")}
    return results, threads


async def test_large_bodies_are_validated_in_at_most_two_threads() -> None:
    responses, threads = await validate_concurrently(8, LARGE)
    assert [response.status for response in responses] == [201] * 8
    assert 1 <= len(threads) <= 2


async def test_large_bodies_beyond_queue_are_rejected() -> None:
    results, _ = await validate_concurrently(20, LARGE)
    failures = [result for result in results if isinstance(result, Failure)]
    assert [failure.kind for failure in failures] == [GATEWAY_OVERLOADED] * 12
    assert "was not sent" in failures[0].text


async def test_small_body_does_not_wait_for_large_bodies() -> None:
    handler, finished = WriteValidation(Upstream(), "refuse"), list[str]()

    async def write(name: str, body: bytes) -> None:
        await handler(fhir_request("Patient", method="POST", body=body))
        finished.append(name)

    small = msgspec.json.encode(VALID)
    await asyncio.gather(*(write("large", LARGE) for _ in range(8)), write("small", small))
    assert finished[0] == "small"


async def test_deep_element_is_reported_by_its_ancestor() -> None:
    deep: dict[str, Any] = {"url": "https://synthetic.example", "valueDate": "bad"}
    for _ in range(30):
        deep = {"url": "https://synthetic.example", "extension": [deep]}
    failure = await send(Upstream(), "refuse", VALID | {"extension": [deep]})
    assert f"An element below {failure.expression} is not a date" in failure.text
    assert failure.expression.endswith(".extension[0]")
