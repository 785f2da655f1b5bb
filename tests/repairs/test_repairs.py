"""What holds for every repair: one id everywhere, and a fault that is real without it and gone with it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, Pair

from gateway.emulator.settings import DOCUMENTED_FAULTS
from gateway.repairs import REPAIRS
from gateway.repairs.repair import Repair

IDS = [repair.issue.id for repair in REPAIRS]


def links_hosts(pair: Pair, straight: bool) -> bool:
    page = (pair.straight if straight else pair.get)("Patient?_count=1").json()
    return pair.url in page["link"][0]["url"]


def include_kept(pair: Pair, straight: bool) -> bool:
    query = "Appointment?date=ge2026-01-01&_include=Appointment:patient&_count=5"
    page = (pair.straight if straight else pair.get)(query).json()
    following = next(link["url"] for link in page["link"] if link["relation"] == "next")
    second = pair.straight(following.partition("/fhir/R4/")[2]) if straight else pair.ask("GET", following)
    return any(entry["resource"]["resourceType"] == "Patient" for entry in second.json()["entry"])


def date_understood(pair: Pair, straight: bool) -> bool:
    return (pair.straight if straight else pair.get)("Appointment?date=2026-04&_count=1").status_code == 200


def stamps_alike(pair: Pair, straight: bool) -> bool:
    ask = pair.straight if straight else pair.get
    stamps = [
        ask(f"{each}/1").json()["meta"]["lastUpdated"] for each in ("Patient", "Appointment", "Condition")
    ]
    return all(stamp.endswith("Z") for stamp in stamps)


def error_readable(pair: Pair, straight: bool) -> bool:
    pair.fault(kind="offline", times=1)
    return bool((pair.straight if straight else pair.get)("Patient/1").json().get("issue"))


def references_ours(pair: Pair, straight: bool) -> bool:
    patient = (pair.straight if straight else pair.get)("Patient/1").json()
    reference = patient["managingOrganization"]["reference"]
    return reference in {"Organization/1", f"{pair.base()}/Organization/1"}


def inactive_never_silently_empty(pair: Pair, straight: bool) -> bool:
    answer = (pair.straight if straight else pair.get)("Patient?active=false")
    return answer.status_code == 400 or bool(answer.json()["total"])


def statement_whole(pair: Pair, straight: bool) -> bool:
    statement = (pair.straight if straight else pair.get)("metadata").json()
    searched = {"code": "search-type"} in statement["rest"][0]["resource"][0]["interaction"]
    return "date" in statement and "patchFormat" not in statement and searched


HEALTHY: dict[str, Callable[[Pair, bool], bool]] = {
    "search-date-format": date_understood,
    "link-include-params": include_kept,
    "link-base-url": links_hosts,
    "reference-base-url": references_ours,
    "last-updated-offset": stamps_alike,
    "inactive-records": inactive_never_silently_empty,
    "capability-statement": statement_whole,
    "error-envelope": error_readable,
}


def test_every_repair_has_its_own_id_file_fault_and_test() -> None:
    assert len(set(IDS)) == len(IDS)
    assert set(IDS) <= set(DOCUMENTED_FAULTS)
    assert set(HEALTHY) == set(IDS)
    for name in IDS:
        stem = name.replace("-", "_")
        assert (ROOT / "gateway" / "repairs" / f"{stem}.py").is_file()
        assert (Path(__file__).parent / f"test_{stem}.py").is_file()


@pytest.mark.parametrize("name", IDS)
def test_the_fault_is_real_straight_from_the_emulator_and_gone_through_the_gateway(
    pair: Pair, name: str
) -> None:
    assert not HEALTHY[name](pair, True)
    assert HEALTHY[name](pair, False)


@pytest.mark.parametrize("name", IDS)
def test_a_repair_leaves_alone_what_is_already_right(pair: Pair, name: str) -> None:
    pair.settings(faults={name: False})
    assert HEALTHY[name](pair, False)


def test_a_repair_is_off_for_sites_that_switch_it_off() -> None:
    from support.requests import SITE

    repair = Repair(REPAIRS[0].issue)
    assert repair.is_active(SITE)
    assert not repair.is_active(None)
    assert not repair.is_active(
        type(SITE)(SITE.guid, SITE.zone, disabled_repairs=frozenset({repair.issue.id}))
    )


def test_the_header_names_what_was_mended(pair: Pair) -> None:
    page = pair.get("Appointment?date=2026-04&_include=Appointment:patient&_count=1")
    assert page.headers["gateway-repairs"] == (
        "search-date-format, link-include-params, link-base-url, reference-base-url, last-updated-offset"
    )
    assert pair.get("metadata").headers["gateway-repairs"] == "capability-statement"
    pair.fault(kind="offline", times=1)
    assert pair.get("Patient/1").headers["gateway-repairs"] == "error-envelope"
