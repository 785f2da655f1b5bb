"""Error rules of Health Gorilla."""

from typing import Any

import msgspec
import pytest
from support.dialects import (
    KEY,
    NOW,
    SEARCH,
    failure,
    failure_of_own_key,
    gorilla,
    request,
    require_failure,
    response,
)
from support.requests import fhir_request
from support.upstream_catalogue import HEALTH_GORILLA

from gateway.errors.failure import FailureKind
from gateway.upstreams import DIALECTS, failures, health_gorilla
from gateway.upstreams.kinds_by_interaction import kind_for


@pytest.mark.parametrize(("rule", "status", "body", "kind"), HEALTH_GORILLA)
def test_catalogue_entry_has_its_kind(rule: str, status: int, body: Any, kind: FailureKind) -> None:
    assert require_failure("health-gorilla", status, body).kind == kind_for(kind, SEARCH)


def test_every_rule_is_in_the_catalogue() -> None:
    assert {rule.id for rule in health_gorilla.RULES} <= {rule for rule, *_ in HEALTH_GORILLA}


def test_refused_token_of_the_gateway_is_a_502() -> None:
    for status, text in ((400, "Subject validation failed"), (401, "Invalid Token")):
        result = failure_of_own_key("health-gorilla", status, gorilla(text))
        assert result.kind is failures.GATEWAY_CREDENTIALS_INVALID


def test_issue_type_and_element_of_error_are_relayed() -> None:
    body = gorilla("The field is required", "required")
    body["issue"][0]["location"] = ["AllergyIntolerance.patient"]
    result = require_failure("health-gorilla", 422, body)
    assert (result.issue, result.expression) == ("required", "AllergyIntolerance.patient")


def test_rate_limit_headers_are_relayed() -> None:
    result = require_failure("health-gorilla", 429, b"", ("x-ratelimit-limit", "10"), ("retry-after", "7"))
    assert (result.retry_after, dict(result.headers)) == (7, {"x-ratelimit-limit": "10"})


def test_asynchronous_result_may_be_any_resource() -> None:
    bundle = {"resourceType": "Bundle", "type": "searchset"}
    assert failure("health-gorilla", 200, bundle, line="GET RequestResult/abc") is None
    assert failure("health-gorilla", 202, b"", line="GET RequestResult/abc") is None
    in_progress = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "information", "code": "transient"}],
    }
    assert failure("health-gorilla", 202, in_progress, line="GET RequestResult/abc") is None


#: Rows of its table of messages: status, message, kind.
_TABLE: list[tuple[int, str, FailureKind]] = [
    (400, "", health_gorilla.URL_MALFORMED),
    (400, "This operations can be executed in asynchronous mode only...", health_gorilla.ASYNC_ONLY),
    (400, "Subject validation failed", health_gorilla.SUBJECT_UNKNOWN),
    (400, "Invalid Request", failures.PARAMETER_INVALID),
    (401, "Invalid Token", failures.CREDENTIALS_INVALID),
    (403, "Insufficient access rights to perform the operation", health_gorilla.VERSION_FORBIDDEN),
    (403, "Tenant has no license to execute this method.", health_gorilla.NOT_LICENSED),
    (404, "Not found", failures.NOT_FOUND),
    (404, "rejected_www-request", failures.UPSTREAM_MISCONFIGURED),
    (405, "method not allowed", failures.METHOD_NOT_ALLOWED),
    (415, "", health_gorilla.MEDIA_TYPE_UNSUPPORTED),
    (422, "Required fields missing", health_gorilla.RULE_VIOLATION),
    (422, "Record with supplied ID2 already exists", health_gorilla.DUPLICATE_RECORD),
    (422, "Empty content attachment supplied", health_gorilla.ATTACHMENT_EMPTY),
    (
        422,
        "Supplied record duplicates the existing one.;Failed to create duplicate",
        health_gorilla.DUPLICATE_RECORD,
    ),
    (422, "Supplied performer is unknown", health_gorilla.PERFORMER_UNKNOWN),
    (
        422,
        "Supplied AuthorizedBy is unknown or cannot be used with the specified Author.",
        health_gorilla.AUTHORISING_LOCATION_UNKNOWN,
    ),
    (429, "Too many requests", failures.RATE_LIMITED),
    (429, "Too many requests: 10 requests per second", health_gorilla.TOO_MANY_PER_SECOND),
    (429, "Too many requests: concurrent p360 async processes", health_gorilla.TOO_MANY_P360),
    (454, "", health_gorilla.LINK_EXPIRED),
    (504, "Gateway Timeout", health_gorilla.TOO_SLOW),
]


@pytest.mark.parametrize(("status", "message", "kind"), _TABLE)
@pytest.mark.parametrize("form", [gorilla, str.encode])
def test_row_of_its_table_has_its_kind_and_message(
    status: int, message: str, kind: FailureKind, form: Any
) -> None:
    result = require_failure("health-gorilla", status, form(message) if message else b"")
    assert result.kind == kind_for(kind, SEARCH)
    assert result.diagnostics.partition(": ")[2] == message


@pytest.mark.parametrize(
    "message", [row[1] for row in _TABLE if row[0] == 422 and row[2] is not health_gorilla.RULE_VIOLATION]
)
def test_order_that_contains_the_words_gets_the_same_kind(message: str) -> None:
    url = "https://example.org/requestgroup-authorizedBy performer ID2 attachment duplicate record"
    asked = request("POST RequestGroup").replace(body=msgspec.json.encode({"extension": [{"url": url}]}))
    result = DIALECTS["health-gorilla"].failure_from_response(asked, response(422, gorilla(message)), now=NOW)
    assert result is not None
    assert result.kind is require_failure("health-gorilla", 422, gorilla(message)).kind
    assert result.kind is not health_gorilla.RULE_VIOLATION


def diagnostics_of(query: str, text: str) -> str:
    asked = fhir_request("Patient", query, headers=KEY)
    result = DIALECTS["health-gorilla"].failure_from_response(asked, response(400, gorilla(text)), now=NOW)
    assert result is not None
    return result.diagnostics.partition(": ")[2]


_UNKNOWN = (
    "Invalid request: The FHIR endpoint on this server does not know how to handle GET operation[Patient]"
)


@pytest.mark.parametrize(
    ("query", "names", "shown"),
    [
        ("wrong_parameter=1", "wrong_parameter", "[[wrong_parameter]]"),
        ("favouriteColour=zzyzx", "favouriteColour", "[[favouriteColour]]"),
        ("a=1&name=Zq", "a, name", "[[a, name]]"),
        ("favouriteColour=zzyzx", "favouriteColour, family", "[[favouriteColour, family]]"),
        ("favouriteColour=zzyzx", "favouriteColour, Zzyzy", "…"),
        ("favouriteColour=zzyzx", "zzyzx", "…"),
        ("zzyzx=zzyzx", "zzyzx", "…"),
        ("x=1&family=zzyzx", "Zzyzx", "…"),
        ("zz4711=1", "zz4711", "…"),
        ("family=1", "Zzyzx", "…"),
    ],
)
def test_names_of_parameters_stay_and_values_go(query: str, names: str, shown: str) -> None:
    assert diagnostics_of(query, f"{_UNKNOWN} with parameters [[{names}]]") == (
        f"{_UNKNOWN} with parameters {shown}"
    )


def test_name_of_a_parameter_stays_where_parameters_are_spoken_of() -> None:
    assert diagnostics_of("zq=1", "Unknown parameter zq") == "Unknown parameter zq"
    assert diagnostics_of("zq=1", "Unknown parameter 'zq'") == "Unknown parameter 'zq'"
    assert diagnostics_of("zq=1", "Patient zq is unknown") == "Patient … is unknown"
    assert diagnostics_of("zq=1", "zq is unknown") == "… is unknown"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "RequestGroup.author must match AuthorizedBy Zzyzx",
            "RequestGroup.author must match AuthorizedBy …",
        ),
        ("Patient Zq Zzyzx with ID2 4711 exists", "Patient … with ID2 … exists"),
        ("Tenant Zzyzx has no license", "Tenant … has no license"),
        ("performer Zzyzx Labs is unknown", "performer … is unknown"),
        ("Lab vendor 4711 has no compendium", "Lab vendor … has no compendium"),
        ("2950123451 has too many concurrent p360 processes", "… has too many concurrent p360 processes"),
    ],
)
def test_its_words_stay_and_names_go(text: str, shown: str) -> None:
    assert require_failure("health-gorilla", 422, gorilla(text)).diagnostics.endswith(f": {shown}")


@pytest.mark.parametrize("fields", [{"errorCode": 7}, {"errorMessage": "No"}, {"errorDetails": {"a": 1}}])
def test_fields_of_halo_in_a_resource_are_no_error(fields: dict[str, Any]) -> None:
    bundle = {"resourceType": "Bundle", "type": "searchset", **fields}
    assert failure("health-gorilla", 200, bundle) is None
    patient = {"resourceType": "Patient", "id": "1", **fields}
    assert failure("health-gorilla", 200, patient, line="GET Patient/1") is None


@pytest.mark.parametrize("status", [200, 201])
def test_only_a_failing_outcome_is_an_error_elsewhere(status: int) -> None:
    for body in ({"status": "uploadFailed"}, {"error": {"status": 500}}, {"access_token": "x"}, b"%PDF", b""):
        assert failure("health-gorilla", status, body, line="POST oauth/token") is None
    assert failure("health-gorilla", status, gorilla("Broken"), line="POST oauth/token")
    assert failure("health-gorilla", 200, gorilla("Broken"))


def test_token_request_needs_no_credential_of_its_own() -> None:
    asked = request("POST oauth/token", ())
    for body in ({"error": "invalid_grant", "error_description": "Subject validation failed"}, gorilla("x")):
        result = DIALECTS["health-gorilla"].failure_from_response(asked, response(401, body), now=NOW)
        assert result is not None
        assert (result.kind.status, result.kind.code) == (401, "upstream-credentials")


@pytest.mark.parametrize(
    ("value", "is_relayed"), [("c0ffee-12", True), ("Zzyzx", False), ("4711", False), ("a b1", False)]
)
def test_correlation_id_stays_with_an_error(value: str, *, is_relayed: bool) -> None:
    result = require_failure("health-gorilla", 404, b"", ("x-correlation-id", value))
    assert (("x-correlation-id", value) in result.headers) is is_relayed


def test_its_own_request_id_is_in_diagnostics() -> None:
    """Not that of the request, which the vendor repeats."""
    ids = ("x-request-id", "ours-1"), ("x-hg-request-id", "c0ffee-12")
    result = require_failure("health-gorilla", 404, b"", *ids)
    assert "upstream-request=c0ffee-12" in result.diagnostics


def test_slow_call_advises_an_asynchronous_one() -> None:
    result = require_failure("health-gorilla", 504, b"")
    assert (result.retry_after, "Prefer: respond-async" in result.text) == (30, True)
    assert "Request a new link" in require_failure("health-gorilla", 454, b"").text
