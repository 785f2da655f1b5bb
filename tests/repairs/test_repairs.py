"""All repairs: one id everywhere, a fault of the emulator without the repair and none with it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, Pair
from support.sql import LARGE, parameter, query

from gateway.emulator.settings import DOCUMENTED_FAULTS
from gateway.emulator.sites import SYDNEY
from gateway.repairs import REPAIRS
from gateway.repairs.repair import Repair

REPAIR_IDS = [repair.issue.id for repair in REPAIRS]


def links_are_on_gateway(pair: Pair, straight: bool) -> bool:
    page = (pair.straight if straight else pair.get)("Patient?_count=1").json()
    return pair.url in page["link"][0]["url"]


def next_page_has_includes(pair: Pair, straight: bool) -> bool:
    query = "Appointment?date=ge2026-01-01&_include=Appointment:patient&_count=5"
    page = (pair.straight if straight else pair.get)(query).json()
    url = next(link["url"] for link in page["link"] if link["relation"] == "next")
    second = pair.straight(url.partition("/fhir/R4/")[2]) if straight else pair.ask("GET", url)
    return any(entry["resource"]["resourceType"] == "Patient" for entry in second.json()["entry"])


def month_is_accepted(pair: Pair, straight: bool) -> bool:
    return (pair.straight if straight else pair.get)("Appointment?date=2026-04&_count=1").status_code == 200


def last_updated_is_utc(pair: Pair, straight: bool) -> bool:
    get = pair.straight if straight else pair.get
    times = [
        get(f"{type_}/1").json()["meta"]["lastUpdated"] for type_ in ("Patient", "Appointment", "Condition")
    ]
    return all(time.endswith("Z") for time in times)


def error_is_outcome(pair: Pair, straight: bool) -> bool:
    pair.fault(kind="offline", times=1)
    return bool((pair.straight if straight else pair.get)("Patient/1").json().get("issue"))


def references_are_on_gateway(pair: Pair, straight: bool) -> bool:
    patient = (pair.straight if straight else pair.get)("Patient/1").json()
    reference = patient["managingOrganization"]["reference"]
    return reference in {"Organization/1", f"{pair.base()}/Organization/1"}


def inactive_search_is_rejected_or_found(pair: Pair, straight: bool) -> bool:
    response = (pair.straight if straight else pair.get)("Patient?active=false")
    return response.status_code == 400 or bool(response.json()["total"])


def statement_is_complete(pair: Pair, straight: bool) -> bool:
    statement = (pair.straight if straight else pair.get)("metadata").json()
    has_search = {"code": "search-type"} in statement["rest"][0]["resource"][0]["interaction"]
    return "date" in statement and "patchFormat" not in statement and has_search


def large_document_is_filed(pair: Pair, straight: bool) -> bool:
    url = pair.emulator.url if straight else pair.url
    body = query(
        parameter("@PatientId", "Int", "1"),
        parameter("@Title", "NVarChar", "Synthetic letter"),
        parameter("@Content", "VarBinary", LARGE),
        parameter("@DocumentId", "Int", direction="output"),
    )
    path = f"/integrator/sites/{SYDNEY}/queries/immediate"
    return pair.ask("POST", url + path, body, content_type="application/json").status_code == 200


IS_REPAIRED: dict[str, Callable[[Pair, bool], bool]] = {
    "search-date-format": month_is_accepted,
    "link-include-params": next_page_has_includes,
    "link-base-url": links_are_on_gateway,
    "reference-base-url": references_are_on_gateway,
    "last-updated-offset": last_updated_is_utc,
    "inactive-records": inactive_search_is_rejected_or_found,
    "capability-statement": statement_is_complete,
    "error-envelope": error_is_outcome,
    "sql-parameter-conversion": large_document_is_filed,
}


def test_every_repair_has_own_id_file_fault_and_test() -> None:
    assert len(set(REPAIR_IDS)) == len(REPAIR_IDS)
    assert set(REPAIR_IDS) <= set(DOCUMENTED_FAULTS)
    assert set(IS_REPAIRED) == set(REPAIR_IDS)
    for repair_id in REPAIR_IDS:
        stem = repair_id.replace("-", "_")
        assert (ROOT / "gateway" / "repairs" / f"{stem}.py").is_file()
        assert (Path(__file__).parent / f"test_{stem}.py").is_file()


@pytest.mark.parametrize("repair_id", REPAIR_IDS)
def test_fault_of_emulator_is_repaired_by_gateway(pair: Pair, repair_id: str) -> None:
    assert not IS_REPAIRED[repair_id](pair, True)
    assert IS_REPAIRED[repair_id](pair, False)


@pytest.mark.parametrize("repair_id", REPAIR_IDS)
def test_correct_response_stays_correct(pair: Pair, repair_id: str) -> None:
    pair.settings(faults={repair_id: False})
    assert IS_REPAIRED[repair_id](pair, False)


def test_repair_is_inactive_if_site_disables_it() -> None:
    from support.requests import SITE

    repair = Repair(REPAIRS[0].issue)
    assert repair.is_active(SITE)
    assert not repair.is_active(None)
    assert not repair.is_active(
        type(SITE)(SITE.guid, SITE.zone, disabled_repairs=frozenset({repair.issue.id}))
    )


def test_header_lists_applied_repairs(pair: Pair) -> None:
    page = pair.get("Appointment?date=2026-04&_include=Appointment:patient&_count=1")
    assert page.headers["gateway-repairs"] == (
        "search-date-format, link-include-params, link-base-url, reference-base-url, last-updated-offset"
    )
    assert pair.get("metadata").headers["gateway-repairs"] == "capability-statement"
    pair.fault(kind="offline", times=1)
    assert pair.get("Patient/1").headers["gateway-repairs"] == "error-envelope"
