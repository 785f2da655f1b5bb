"""Error rules by status."""

import pytest
from support.dialects import NOW, apim, assert_valid, failure, request, require_failure, response
from support.upstream_catalogue import STATUSES

from gateway.upstreams import DIALECTS, failures
from gateway.upstreams.dialect import Dialect
from gateway.upstreams.status_rules import OTHER_4XX, OTHER_5XX, RULES

PLAIN = Dialect("plain", ())
_BUNDLE = {"resourceType": "Bundle", "type": "searchset"}


@pytest.mark.parametrize("status", STATUSES)
def test_status_has_its_translation(status: int) -> None:
    result = PLAIN.failure_from_response(request("GET Patient/1"), response(status, b"no"), now=NOW)
    assert result is not None
    assert_valid(result)
    assert (result.kind.status, result.issue, result.retry_after) == STATUSES[status]


@pytest.mark.parametrize("status", [200, 201, 203])
def test_success_status_is_no_failure(status: int) -> None:
    assert PLAIN.failure_from_response(request(), response(status, _BUNDLE), now=NOW) is None


@pytest.mark.parametrize(
    ("line", "status"),
    [("POST Patient", 202), ("DELETE Patient/1", 204), ("DELETE Patient/1", 205), ("GET $op", 204)],
)
def test_some_responses_need_no_body(line: str, status: int) -> None:
    assert PLAIN.failure_from_response(request(line), response(status), now=NOW) is None


@pytest.mark.parametrize("status", [204, 205])
def test_search_without_content_is_a_failure(status: int) -> None:
    result = PLAIN.failure_from_response(request("GET Patient"), response(status), now=NOW)
    assert result is not None
    assert result.kind is failures.NOT_FHIR


def test_unassigned_statuses_are_classified_by_class() -> None:
    assert require_failure("halo-connect", 499 - 20, b"x").kind is OTHER_4XX
    assert require_failure("halo-connect", 598, b"x").kind is OTHER_5XX


def test_401_about_gateways_token_is_a_502() -> None:
    result = PLAIN.failure_from_response(request(headers=()), response(401), now=NOW)
    assert result is not None
    assert result.kind is failures.GATEWAY_CREDENTIALS_INVALID


def test_html_with_200_is_not_fhir() -> None:
    assert require_failure("halo-connect", 200, b"<html>").kind is failures.NOT_FHIR


def test_inner_status_of_error_in_200_decides() -> None:
    assert require_failure("halo-connect", 200, apim(429, "Slow down")).kind is failures.RATE_LIMITED


@pytest.mark.parametrize(
    "fields",
    [
        {"errorDetails": {"errorCode": 429, "errorMessage": "Slow down"}},
        {"errorCode": 429, "errorMessage": "Slow down"},
    ],
)
@pytest.mark.parametrize("size", [1, 300_000])
def test_error_fields_in_a_resource_are_recognised(fields: dict[str, object], size: int) -> None:
    body = _BUNDLE | {"entry": [{"fullUrl": "x" * size}]} | fields
    assert require_failure("halo-connect", 200, body).kind is failures.RATE_LIMITED


@pytest.mark.parametrize("name", DIALECTS)
def test_every_error_status_is_a_failure(name: str) -> None:
    for status in range(306, 600):
        assert failure(name, status, b"x", line="GET x/y")


def test_rule_ids_are_unique() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("body", [{"fault": 1}, b"[]", {"resourceType": "Patient"}])
def test_refusal_in_an_unknown_shape_is_one_except_of_halo(body: object) -> None:
    assert require_failure("fhir", 400, body).kind.status == 400
    assert require_failure("fhir", 460, body).kind is OTHER_4XX
    assert require_failure("fhir", 500, body).kind is failures.UNRECOGNISED_RESPONSE
    for status in (400, 460):
        assert require_failure("halo-connect", status, body).kind is failures.UNRECOGNISED_RESPONSE
