from typing import Any

import pytest

from gateway.emulator.billing import bill_key, charge_for, is_billed_fault, is_billed_refusal, site_in_path
from gateway.emulator.injected_faults import FaultRule
from gateway.emulator.search.refusal import Refusal, RefusalSource
from gateway.emulator.sites import SITES, SYDNEY

FHIR = ["integrator", "sites", SYDNEY, "fhir", "R4"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ([*FHIR, "Patient"], "paid"),
        ([*FHIR, "metadata"], "free"),
        (["integrator", "sites", SYDNEY, "queries", "immediate"], "paid"),
        (["integrator", "sites", SYDNEY, "queries", "async"], "paid"),
        (["integrator", "sites", SYDNEY, "queries", "registered"], "paid"),
        (["integrator", "sites", SYDNEY, "queries", "status"], "free"),
        (["integrator", "sites", SYDNEY], "free"),
        (["integrator", "sites"], "free"),
        (["integrator", "token"], "free"),
    ],
)
def test_charge_depends_on_path_and_database_access(path: list[str], expected: str) -> None:
    assert charge_for(path, reached_database=True) == expected
    assert charge_for(path, reached_database=False) == "none"


def test_site_in_path_is_matched_case_insensitively() -> None:
    assert site_in_path(["desktop", "sites", SYDNEY.upper(), "fhir"]) is SITES[SYDNEY]
    assert site_in_path(["integrator", "sites", "nowhere"]) is None
    assert site_in_path(["integrator", "token"]) is None


@pytest.mark.parametrize("rest", ["registered", "registered/1", "registered/1/results", "1", "1/results/1"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_reads_and_deletes_of_queries_are_free(rest: str, method: str) -> None:
    path = ["desktop", "sites", SYDNEY, "queries", *rest.split("/")]
    assert charge_for(path, reached_database=True, method=method) == "free"


def test_bill_key_has_no_query_ids() -> None:
    path = ["integrator", "sites", SYDNEY, "queries", SYDNEY, "results", "1"]
    assert bill_key("key", path)[2] == f"integrator/sites/{SYDNEY}/queries/{{id}}/results/1"


def test_bill_key_has_path_below_fhir_base() -> None:
    assert bill_key("key", [*FHIR, "Patient", "1"]) == ("key", SYDNEY, "Patient/1")
    assert bill_key("key", ["integrator", "token"]) == ("key", "", "integrator/token")


@pytest.mark.parametrize(
    ("status", "billed"), [(200, True), (413, True), (500, True), (429, False), (503, False)]
)
def test_injected_response_is_billed_by_status(status: int, billed: bool) -> None:
    assert is_billed_fault(FaultRule(status=status)) is billed


def test_reset_and_hang_are_billed() -> None:
    assert is_billed_fault(FaultRule(kind="reset"))
    assert is_billed_fault(FaultRule(kind="hang"))


@pytest.mark.parametrize(
    ("source", "status", "billed"),
    [
        ("engine", 400, True),
        ("query", 413, True),
        ("wrapped", 504, True),
        ("wrapped", 401, False),
        ("apim", 401, False),
    ],
)
def test_only_engine_and_slow_query_refusals_are_billed(
    source: RefusalSource, status: int, billed: bool
) -> None:
    assert is_billed_refusal(Refusal(source, status, ""), None) is billed


@pytest.mark.parametrize(
    ("fault", "billed"),
    [
        ({"kind": "halo-link", "error_code": 0}, True),
        ({"kind": "halo-link", "error_code": 1}, False),
        ({"kind": "halo-link", "error_code": 4}, False),
        ({"kind": "sql-error", "error_code": 1}, True),
        ({"kind": "sql-error", "error_code": 18456}, False),
        ({"kind": "login-failed"}, False),
    ],
)
def test_query_that_did_not_reach_the_database_is_free(fault: dict[str, Any], billed: bool) -> None:
    assert is_billed_refusal(Refusal("query", 400, ""), FaultRule(**fault)) is billed


def test_504_of_offline_site_is_not_billed() -> None:
    assert not is_billed_refusal(Refusal("wrapped", 504, ""), FaultRule(kind="offline"))
