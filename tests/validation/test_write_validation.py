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

VALID = {"resourceType": "Patient", "id": "7"}
HIDDEN = "Zzyzx"
WRONG = VALID | {"gender": HIDDEN, HIDDEN: HIDDEN, "contact": [{"gender": HIDDEN}]}
BUNDLE = {"resourceType": "Bundle", "type": "batch"}


class Upstream:
    """Takes note of what reaches it; fails if it has a failure."""

    def __init__(self, failure: Failure | None = None) -> None:
        self.asked: list[FhirRequest] = []
        self.failure = failure

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        self.asked.append(request)
        if self.failure:
            raise self.failure
        return json_response({"resourceType": "Patient"}, 201)


def sent(upstream: Upstream, mode: Any, body: object, path: str = "Patient", method: str = "POST") -> Any:
    """The answer, or the failure, to a request with this body."""
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    request = fhir_request(path, method=method, body=content)
    try:
        return asyncio.run(WriteValidation(upstream, mode)(request))
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
        ("PATCH", "Patient/7", WRONG),
        ("PATCH", "Patient/7", [{"op": "remove", "path": "/x"}]),
        ("POST", "Patient/_search", b""),
        ("POST", "Patient/$match", WRONG),
        ("DELETE", "Patient/7", b""),
        ("GET", "Patient/7", b""),
    ],
)
def test_what_is_valid_or_no_resource_is_sent_as_it_is(
    mode: str, method: str, path: str, body: object
) -> None:
    upstream = Upstream()
    with capture_logs() as lines:
        answer = sent(upstream, mode, body, path, method)
    assert (answer.status, len(upstream.asked), lines) == (201, 1, [])
    assert answer.header("gateway-validation") == ""


@pytest.mark.parametrize(
    ("method", "path", "body", "expression"),
    [
        ("POST", "Patient", WRONG, "Patient.gender"),
        ("PUT", "Patient/7", WRONG, "Patient.gender"),
        ("PUT", "Patient/8", VALID, "Patient.id"),
        ("POST", "Appointment", VALID, "Patient"),
        ("POST", "", VALID, "Patient"),
        ("POST", "", BUNDLE | {"type": "collection"}, "Bundle.type"),
        ("POST", "Patient", b"", "Resource"),
    ],
)
def test_what_is_wrong_is_refused_before_it_is_sent(
    method: str, path: str, body: object, expression: str
) -> None:
    upstream = Upstream()
    failure = sent(upstream, "refuse", body, path, method)
    assert (failure.kind.code, failure.kind.status, failure.kind.may_have_run) == (
        "invalid-resource",
        400,
        False,
    )
    assert failure.expression == expression
    assert upstream.asked == []


def test_a_refusal_has_an_issue_for_each_finding() -> None:
    failure = sent(Upstream(), "refuse", WRONG)
    issues = [
        (failure.issue, failure.expression),
        *((each.code, each.expression) for each in failure.more_issues),
    ]
    assert issues == [
        ("code-invalid", "Patient.gender"),
        ("structure", "Patient"),
        ("code-invalid", "Patient.contact[0].gender"),
    ]
    assert failure.text.startswith("The gateway did not send this change")
    assert failure.text.endswith("Patient.gender is none of the codes of R4: female, male, other, unknown.")


def test_errors_beyond_the_list_are_counted_in_the_last_issue() -> None:
    failure = sent(Upstream(), "refuse", VALID | {"contact": [{}] * 60})
    assert len(failure.more_issues) == 15
    assert failure.more_issues[-1].text == "Errors beyond these: 45."


def test_an_invalid_change_that_may_go_on_is_named_in_a_header() -> None:
    upstream = Upstream()
    answer = sent(upstream, "warn", WRONG)
    assert (answer.status, len(upstream.asked)) == (201, 1)
    assert answer.header("gateway-validation") == "Patient.gender, Patient, Patient.contact[0].gender"


def test_a_failure_after_a_warning_names_the_elements_too() -> None:
    failure = sent(Upstream(Failure(GATEWAY_OVERLOADED, headers=(("allow", "GET"),))), "warn", WRONG)
    assert failure.kind is GATEWAY_OVERLOADED
    assert dict(failure.headers)["gateway-validation"].startswith("Patient.gender, ")
    assert dict(failure.headers)["allow"] == "GET"


@pytest.mark.parametrize("mode", ["warn", "refuse"])
def test_one_log_line_counts_and_nothing_repeats_what_was_written(mode: str) -> None:
    with capture_logs() as lines:
        answer = sent(Upstream(), mode, WRONG)
    (line,) = lines
    assert (line["event"], line["type"], line["findings"]) == ("invalid-write", "Patient", 3)
    said = [answer.text, *(each.text for each in answer.more_issues)] if mode == "refuse" else answer.headers
    assert HIDDEN not in str(said) + str(lines)


def test_a_header_names_five_elements_of_bounded_length() -> None:
    findings = [Finding(f"Patient.contact[{each // 2}]", "structure", "is empty") for each in range(20)]
    long = Finding("Patient" + ".extension[0]" * 60, "structure", "is empty")
    around = "Patient" + ".extension[0]" * 14
    rest = "Patient.contact[0], Patient.contact[1], Patient.contact[2], Patient.contact[3]"
    assert error_paths(ValidationResult((long, *findings))) == f"{around}, {rest}"


def test_the_largest_refusal_is_small() -> None:
    finding = Finding(
        "Patient" + ".extension[10]" * 60, "structure", "is none of the codes of R4: " + "x" * 250
    )
    assert (
        len(encode_resource(operation_outcome(validation_failure(ValidationResult((finding,) * 50, 10**6)))))
        <= 16_384
    )


def test_errors_that_only_count_are_refused_too() -> None:
    unchecked = Finding("MedicinalProduct", "informational", "is not checked", "information")
    failure = validation_failure(ValidationResult((unchecked,) * 50, 3))
    assert failure.text.endswith("Resource is not valid.")
    assert [each.text for each in failure.more_issues] == ["Errors beyond these: 2."]


@pytest.mark.parametrize(
    ("method", "path", "wanted"),
    [
        ("POST", "Patient", ExpectedBody("Patient")),
        ("PUT", "Patient", ExpectedBody("Patient")),
        ("PUT", "Patient/7", ExpectedBody("Patient", "7")),
        ("POST", "", ExpectedBody("Bundle", is_batch_or_transaction=True)),
    ],
)
def test_the_url_says_what_body_is_expected(method: str, path: str, wanted: ExpectedBody) -> None:
    assert expected_body(fhir_request(path, method=method)) == wanted


LARGE = msgspec.json.encode(VALID | {"name": [{"family": "Synthetic"}] * 2_000})


def judged_at_once(count: int, body: bytes) -> tuple[list[Any], set[str]]:
    """The answers and failures of so many requests at once, and the threads of validation."""
    handler = WriteValidation(Upstream(), "refuse")
    request = fhir_request("Patient", method="POST", body=body)

    async def many() -> tuple[list[Any], set[str]]:
        answers = await asyncio.gather(*(handler(request) for _ in range(count)), return_exceptions=True)
        return answers, {each.name for each in threading.enumerate() if each.name.startswith("validation")}

    return asyncio.run(many())


def test_large_bodies_are_judged_in_two_threads_beside_the_event_loop() -> None:
    answers, threads = judged_at_once(8, LARGE)
    assert [answer.status for answer in answers] == [201] * 8
    assert 1 <= len(threads) <= 2


def test_large_bodies_beyond_the_queue_are_refused_at_once() -> None:
    answers, _ = judged_at_once(20, LARGE)
    failures = [each for each in answers if isinstance(each, Failure)]
    assert [failure.kind for failure in failures] == [GATEWAY_OVERLOADED] * 12
    assert "did not send this one" in failures[0].text


def test_small_bodies_never_wait_for_large_ones() -> None:
    handler, finished = WriteValidation(Upstream(), "refuse"), list[str]()

    async def write(name: str, body: bytes) -> None:
        await handler(fhir_request("Patient", method="POST", body=body))
        finished.append(name)

    async def all_at_once() -> None:
        small = msgspec.json.encode(VALID)
        await asyncio.gather(*(write("large", LARGE) for _ in range(8)), write("small", small))

    asyncio.run(all_at_once())
    assert finished[0] == "small"


def test_an_element_deep_below_is_named_by_one_around_it() -> None:
    deep: dict[str, Any] = {"url": "https://synthetic.example", "valueDate": "bad"}
    for _ in range(30):
        deep = {"url": "https://synthetic.example", "extension": [deep]}
    failure = sent(Upstream(), "refuse", VALID | {"extension": [deep]})
    assert f"An element below {failure.expression} is not a date" in failure.text
    assert failure.expression.endswith(".extension[0]")
