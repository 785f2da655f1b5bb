from typing import Any

import pytest
from support.dialects import apim, details, failed, failed_by_own_key, failure, firely
from support.upstream_catalogue import HALO_CONNECT, MISSING_KEY

from gateway.errors.failure import FailureKind
from gateway.upstreams import halo_connect, halo_failures


@pytest.mark.parametrize(("row", "status", "body", "kind"), HALO_CONNECT)
def test_every_entry_of_the_catalogue_has_its_kind(
    row: str, status: int, body: Any, kind: FailureKind
) -> None:
    assert failed("halo-connect", status, body).kind == kind


def test_every_row_is_tried() -> None:
    assert {row.id for row in halo_connect.RULES} <= {row for row, *_ in HALO_CONNECT}


def test_a_good_searchset_is_no_failure() -> None:
    assert failure("halo-connect", 200, {"resourceType": "Bundle", "type": "searchset"}) is None


def test_a_refused_key_of_the_gateway_itself_is_not_the_clients_fault() -> None:
    for status, message in ((401, MISSING_KEY), (403, "Caller IP address 10.0.0.1 is not allowed.")):
        found = failed_by_own_key("halo-connect", status, apim(status, message))
        assert (found.kind.status, found.kind.issue) == (502, "security")


def test_a_401_names_the_way_to_log_in() -> None:
    found = failed("halo-connect", 401, apim(401, MISSING_KEY))
    assert dict(found.headers)["www-authenticate"].startswith("AzureApiManagementKey")


def test_a_quota_says_when_it_refills() -> None:
    text = "Out of call volume quota. Quota will be replenished in 01:02:03."
    assert failed("halo-connect", 403, apim(403, text)).retry_after == 3723


def test_new_error_details_win_over_the_old_root_fields() -> None:
    both = {"errorCode": 413, "errorMessage": "Too big", **details("haloLink", 3, "Query was orphaned")}
    assert failed("halo-connect", 400, both).kind is halo_failures.QUERY_ORPHANED


def test_upstream_codes_stand_beside_ours() -> None:
    assert ("http://hl7.org/fhir/dotnet-api-operation-outcome", "5003") in failed(
        "halo-connect", 400, firely("No")
    ).codings
    codings = failed("halo-connect", 400, details("halolink", 1, "No")).codings
    assert codings == (("https://halo-gateway.example/fhir/CodeSystem/upstream-error", "haloLink-1"),)


def test_a_more_specific_issue_type_of_the_engine_is_kept() -> None:
    assert failed("halo-connect", 400, firely("Bad", "value")).issue == "value"
    assert failed("halo-connect", 400, firely("Bad", "exception")).issue == "processing"
