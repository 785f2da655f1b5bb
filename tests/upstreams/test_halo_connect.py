"""Error rules of Halo Connect."""

from typing import Any

import pytest
from support.dialects import SEARCH, apim, details, failure, failure_of_own_key, firely, require_failure
from support.upstream_catalogue import HALO_CONNECT, MISSING_KEY

from gateway.errors.failure import FailureKind
from gateway.upstreams import halo_connect, halo_failures
from gateway.upstreams.kinds_by_interaction import kind_for


@pytest.mark.parametrize(("rule", "status", "body", "kind"), HALO_CONNECT)
def test_catalogue_entry_has_its_kind(rule: str, status: int, body: Any, kind: FailureKind) -> None:
    assert require_failure("halo-connect", status, body).kind == kind_for(kind, SEARCH)


def test_every_rule_is_in_the_catalogue() -> None:
    assert {rule.id for rule in halo_connect.RULES} <= {rule for rule, *_ in HALO_CONNECT}


def test_good_searchset_is_no_failure() -> None:
    assert failure("halo-connect", 200, {"resourceType": "Bundle", "type": "searchset"}) is None


def test_refused_key_of_the_gateway_is_a_502() -> None:
    for status, message in ((401, MISSING_KEY), (403, "Caller IP address 10.0.0.1 is not allowed.")):
        result = failure_of_own_key("halo-connect", status, apim(status, message))
        assert (result.kind.status, result.kind.issue) == (502, "security")


def test_401_has_a_challenge() -> None:
    result = require_failure("halo-connect", 401, apim(401, MISSING_KEY))
    assert dict(result.headers)["www-authenticate"].startswith("AzureApiManagementKey")


@pytest.mark.parametrize(("time", "seconds"), [("00:50:00", 3_000), ("23:02:03", 3_600)])
def test_quota_failure_has_the_reset_time_within_an_hour(time: str, seconds: int) -> None:
    text = f"Out of call volume quota. Quota will be replenished in {time}."
    assert require_failure("halo-connect", 403, apim(403, text)).retry_after == seconds


def test_error_details_take_precedence_over_root_fields() -> None:
    both = {"errorCode": 413, "errorMessage": "Too big", **details("haloLink", 3, "Query was orphaned")}
    assert require_failure("halo-connect", 400, both).kind is halo_failures.QUERY_ORPHANED


def test_upstream_codes_are_added_to_the_codings() -> None:
    assert ("http://hl7.org/fhir/dotnet-api-operation-outcome", "5003") in require_failure(
        "halo-connect", 400, firely("No")
    ).codings
    codings = require_failure("halo-connect", 400, details("halolink", 1, "No")).codings
    assert codings == (("https://halo-gateway.example/fhir/CodeSystem/upstream-error", "haloLink-1"),)


def test_more_specific_issue_type_of_upstream_is_relayed() -> None:
    assert require_failure("halo-connect", 400, firely("Bad", "value")).issue == "value"
    assert require_failure("halo-connect", 400, firely("Bad", "exception")).issue == "processing"
