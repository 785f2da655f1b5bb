"""Known issues without a repair: the size limit."""

from support.requests import fhir_request

from gateway.errors.failure import Failure
from gateway.repairs import KNOWN_ISSUES, REPAIRS
from gateway.repairs.further_issues import FURTHER_ISSUES, witness_size_limit
from gateway.repairs.witness import UpstreamAnswer
from gateway.upstreams.halo_failures import OFFLINE, RESULT_TOO_LARGE

REQUEST = fhir_request("Patient")


def test_every_known_issue_has_its_own_id() -> None:
    ids = [issue.id for issue in KNOWN_ISSUES]
    assert len(set(ids)) == len(ids) == len(REPAIRS) + len(FURTHER_ISSUES)


def test_too_large_result_shows_the_limit() -> None:
    answer = UpstreamAnswer(failure=Failure(RESULT_TOO_LARGE))
    assert list(witness_size_limit(REQUEST, answer)) == [("", "broken")]
    assert not list(witness_size_limit(REQUEST, UpstreamAnswer(failure=Failure(OFFLINE))))


def test_larger_response_than_documented_is_right() -> None:
    assert list(witness_size_limit(REQUEST, UpstreamAnswer(8_000_001))) == [("", "right")]
    assert not list(witness_size_limit(REQUEST, UpstreamAnswer(8_000_000)))
