import pytest
from support.requests import fhir_request, json_response

from gateway.errors import catalog
from gateway.errors.failure import Failure, FailureKind, RetryAdvice, call_after
from gateway.exchange import NO_USE, FhirRequest, FhirResponse, UpstreamUse

_KIND = FailureKind("lost", 503, "transient", "Lost.", retry_advice=RetryAdvice.YES, retry_after=5)


def test_failure_has_text_issue_and_retry_after_of_kind() -> None:
    failure = Failure(_KIND)
    assert (str(failure), failure.text, failure.issue, failure.retry_after) == (
        "lost",
        "Lost.",
        "transient",
        5,
    )


def test_occurrence_overrides_text_issue_and_retry_after() -> None:
    failure = Failure(_KIND, text="Gone.", issue="timeout", retry_after=9)
    assert (failure.text, failure.issue, failure.retry_after) == ("Gone.", "timeout", 9)


def test_write_outcome_is_unknown_if_request_may_have_run() -> None:
    assert _KIND.write_outcome_unknown
    assert not FailureKind(
        "lost", 503, "transient", "Lost.", retry_advice=RetryAdvice.YES, may_have_run=False
    ).write_outcome_unknown
    assert not FailureKind(
        "bad", 400, "invalid", "Bad.", retry_advice=RetryAdvice.AFTER_CHANGE
    ).write_outcome_unknown
    assert FailureKind("strange", 502, "exception", "Strange.").write_outcome_unknown
    assert not FailureKind("refused", 502, "exception", "Refused.", refuses_change=True).write_outcome_unknown
    assert FailureKind("broken", 400, "processing", "Broken off.", may_be_partial=True).write_outcome_unknown
    assert not FailureKind("refused", 400, "processing", "Refused.").write_outcome_unknown


def test_copy_is_made_only_for_another_use() -> None:
    failure = Failure(catalog.UPSTREAM_TIMEOUT)
    assert failure.with_upstream_use(NO_USE) is failure
    other = failure.with_upstream_use(UpstreamUse(1, 0.5))
    assert (other.upstream_use, failure.upstream_use) == (UpstreamUse(1, 0.5), NO_USE)


@pytest.mark.parametrize("response", [None, json_response({})])
def test_repair_is_named_with_and_without_response(response: FhirResponse | None) -> None:
    failure = Failure(catalog.UPSTREAM_TIMEOUT, upstream_response=response)
    named = failure.with_applied_repair("a").with_applied_repair("b")
    assert (named.applied_repairs, failure.applied_repairs) == (("a", "b"), ())
    assert named.upstream_response == (response and response.replace(applied_repairs=("a", "b")))


@pytest.mark.anyio
async def test_call_after_names_earlier_requests_and_extends_the_deadline() -> None:
    request = fhir_request("Patient/1", deadline=10.0)
    deadlines: list[float] = []

    async def handler(received: FhirRequest) -> FhirResponse:
        deadlines.append(received.deadline)
        return json_response({}).with_upstream_use(UpstreamUse(1, 0.5))

    assert (await call_after(NO_USE, handler, request)).upstream_use == UpstreamUse(1, 0.5)
    assert (await call_after(UpstreamUse(2, 3.0), handler, request)).upstream_use == UpstreamUse(3, 3.5)
    assert deadlines == [10.0, 13.0]
