import pytest
from support.dialects import NOW, apim, check, failed, failure, request, response
from support.upstream_catalogue import STATUSES

from gateway.upstreams import DIALECTS, failures
from gateway.upstreams.dialect import Dialect
from gateway.upstreams.status_rules import OTHER_4XX, OTHER_5XX, RULES

PLAIN = Dialect("plain", ())
_BUNDLE = {"resourceType": "Bundle", "type": "searchset"}


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_its_meaning(status: int) -> None:
    found = PLAIN.failure_from_response(request(), response(status, b"no"), now=NOW)
    assert found is not None
    check(found)
    assert (found.kind.status, found.issue, found.retry_after) == STATUSES[status]


@pytest.mark.parametrize("status", [200, 201, 203])
def test_success_is_no_failure(status: int) -> None:
    assert PLAIN.failure_from_response(request(), response(status, _BUNDLE), now=NOW) is None


@pytest.mark.parametrize(
    ("line", "status"),
    [("GET Patient", 202), ("GET Patient", 304), ("DELETE Patient/1", 204), ("DELETE Patient/1", 205)],
)
def test_some_answers_need_no_body(line: str, status: int) -> None:
    assert PLAIN.failure_from_response(request(line), response(status), now=NOW) is None


@pytest.mark.parametrize("status", [204, 205])
def test_a_search_that_is_answered_with_nothing_has_failed(status: int) -> None:
    found = PLAIN.failure_from_response(request("GET Patient"), response(status), now=NOW)
    assert found is not None
    assert found.kind is failures.NOT_FHIR


def test_statuses_nobody_assigned_count_by_their_class() -> None:
    assert failed("halo-connect", 499 - 20, b"x").kind is OTHER_4XX
    assert failed("halo-connect", 598, b"x").kind is OTHER_5XX


def test_a_401_about_the_gateways_own_token_is_a_bad_gateway() -> None:
    found = PLAIN.failure_from_response(request(headers=()), response(401), now=NOW)
    assert found is not None
    assert found.kind is failures.GATEWAY_CREDENTIALS_INVALID


def test_html_under_a_200_is_not_fhir() -> None:
    assert failed("halo-connect", 200, b"<html>").kind is failures.NOT_FHIR


def test_the_inner_status_of_an_error_in_a_200_decides() -> None:
    assert failed("halo-connect", 200, apim(429, "Slow down")).kind is failures.RATE_LIMITED


@pytest.mark.parametrize(
    "beside",
    [
        {"errorDetails": {"errorCode": 429, "errorMessage": "Slow down"}},
        {"errorCode": 429, "errorMessage": "Slow down"},
    ],
)
@pytest.mark.parametrize("size", [1, 300_000])
def test_an_error_beside_a_resource_is_read_as_one_alone(beside: dict[str, object], size: int) -> None:
    found = failed("halo-connect", 200, _BUNDLE | {"entry": [{"fullUrl": "x" * size}]} | beside)
    assert found.kind is failures.RATE_LIMITED


@pytest.mark.parametrize("name", DIALECTS)
def test_no_status_is_ever_lost(name: str) -> None:
    for status in range(306, 600):
        assert failure(name, status, b"x", line="GET x/y")


def test_rows_are_named_once() -> None:
    assert len({row.id for row in RULES}) == len(RULES)
