"""All repairs: one id everywhere, a fault of the emulator without the repair and none with it."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Literal

import pytest
from conftest import ROOT, Pair

from gateway.emulator.settings import DOCUMENTED_FAULTS
from gateway.emulator.sites import SYDNEY
from gateway.plugins.proofs import check_repair
from gateway.plugins.recordings import Exchange
from gateway.repairs import REPAIRS
from gateway.repairs.repair import Repair

REPAIR_IDS = [repair.issue.id for repair in REPAIRS]


IS_REPAIRED: dict[str, Callable[[Pair, bool], bool]] = {
    repair_id: import_module(f"repairs.test_{repair_id.replace('-', '_')}").is_repaired
    for repair_id in REPAIR_IDS
}


def test_every_repair_has_own_id_file_fault_and_test() -> None:
    assert len(set(REPAIR_IDS)) == len(REPAIR_IDS)
    assert set(REPAIR_IDS) <= set(DOCUMENTED_FAULTS)
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


#: A request that shows the fault, of each repair that changes a response of FHIR and nothing else.
SHOWN_BY = {
    "link-base-url": "Patient?_count=1",
    "reference-base-url": "Patient/1",
    "last-updated-offset": "Patient/1",
    "link-include-params": "Appointment?date=ge2026-01-01&_include=Appointment:patient&_count=5",
}


@pytest.mark.parametrize("repair_id", SHOWN_BY)
def test_exchanges_with_emulator_prove_the_repair(pair: Pair, repair_id: str) -> None:
    """The proofs that `halo_gateway.testing` has for plugins, over answers of the emulator."""
    base = f"{pair.emulator.url}/integrator/sites/{SYDNEY}/fhir/R4"
    public_base = "https://gateway.example/fhir/R4" if repair_id == "reference-base-url" else base

    def record(shows: Literal["broken", "right"]) -> Exchange:
        pair.settings(faults=dict.fromkeys(DOCUMENTED_FAULTS, False) | {repair_id: shows == "broken"})
        request, body = f"GET {SHOWN_BY[repair_id]}", pair.straight(SHOWN_BY[repair_id]).json()
        return Exchange(
            request=request, shows=shows, body=body, base=base, public_base=public_base, site=SYDNEY
        )

    repair = next(repair for repair in REPAIRS if repair.issue.id == repair_id)
    check_repair(repair, [record("broken"), record("right")])
