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
        (["integrator", "sites", SYDNEY], "free"),
        (["integrator", "sites"], "free"),
        (["integrator", "token"], "free"),
    ],
)
def test_what_asks_a_practice_is_paid_for(path: list[str], expected: str) -> None:
    assert charge_for(path, reached_database=True) == expected
    assert charge_for(path, reached_database=False) == "none"


def test_a_path_names_its_site_in_either_case() -> None:
    assert site_in_path(["desktop", "sites", SYDNEY.upper(), "fhir"]) is SITES[SYDNEY]
    assert site_in_path(["integrator", "sites", "nowhere"]) is None
    assert site_in_path(["integrator", "token"]) is None


def test_a_line_has_the_path_below_the_fhir_base() -> None:
    assert bill_key("key", [*FHIR, "Patient", "1"]) == ("key", SYDNEY, "Patient/1")
    assert bill_key("key", ["integrator", "token"]) == ("key", "", "integrator/token")


@pytest.mark.parametrize(
    ("status", "attempted"), [(200, True), (413, True), (500, True), (429, False), (503, False)]
)
def test_a_demanded_answer_is_charged_by_its_status(status: int, attempted: bool) -> None:
    assert is_billed_fault(FaultRule(status=status)) is attempted


def test_resets_and_silence_are_paid_for() -> None:
    assert is_billed_fault(FaultRule(kind="reset"))
    assert is_billed_fault(FaultRule(kind="hang"))


@pytest.mark.parametrize(
    ("surface", "status", "attempted"),
    [
        ("engine", 400, True),
        ("query", 413, True),
        ("wrapped", 504, True),
        ("wrapped", 401, False),
        ("apim", 401, False),
    ],
)
def test_refusals_of_the_engine_are_paid_for_and_the_clouds_are_not(
    surface: RefusalSource, status: int, attempted: bool
) -> None:
    assert is_billed_refusal(Refusal(surface, status, ""), None) is attempted


def test_an_offline_site_is_not_paid_for_although_it_gives_504() -> None:
    assert not is_billed_refusal(Refusal("wrapped", 504, ""), FaultRule(kind="offline"))
