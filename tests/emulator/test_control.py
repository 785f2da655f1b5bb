import pytest
from emulator.asking import Halo

from gateway.emulator.sites import PERTH, SITES, SYDNEY


def test_settings_are_merged_and_reset_brings_them_back(halo: Halo) -> None:
    before = halo.emulator.control("GET", "settings")
    halo.set(faults={"link-base-url": False}, variants={"paging": "page"})
    after = halo.emulator.control("PATCH", "settings", {"variants": {"comma": "first"}})
    assert after["faults"] == {"link-base-url": False}
    assert (after["variants"]["paging"], after["variants"]["comma"]) == ("page", "first")
    halo.emulator.control("POST", "reset")
    assert halo.emulator.control("GET", "settings") == before


def test_a_null_takes_a_setting_back(halo: Halo) -> None:
    halo.off("link-base-url")
    assert halo.emulator.control("PATCH", "settings", {"faults": {"link-base-url": None}})["faults"] == {}


@pytest.mark.parametrize(
    ("patch", "word"),
    [
        ({"faults": {"no-such": False}}, "no-such"),
        ({"variants": {"paging": "scroll"}}, "paging"),
        ({"sites": {"nowhere": {}}}, "nowhere"),
        ({"sites": {PERTH: {"variants": {"paging": "scroll"}}}}, "paging"),
        ({"colour": "blue"}, "colour"),
        ([], "valid dictionary"),
    ],
)
def test_an_unknown_switch_is_refused_by_name(halo: Halo, patch: object, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        halo.emulator.control("PATCH", "settings", patch)


def test_what_is_not_json_is_refused(halo: Halo) -> None:
    for path in ("faults", "settings"):
        method = "POST" if path == "faults" else "PATCH"
        assert halo.ask(f"/_emulator/{path}", method=method, content=b"{").status_code == 400


def test_reset_forgets_everything(halo: Halo) -> None:
    halo.ask("Patient", method="POST", json={"resourceType": "Patient", "name": [{"family": "Quokka"}]})
    halo.fault("offline", times=9)
    halo.emulator.control("POST", "reset")
    assert halo.ids("Patient?family=Quokka") == []
    assert halo.emulator.control("GET", "faults") == []
    assert len(halo.emulator.control("GET", "requests")) == 1
    assert halo.emulator.control("GET", "bill")["queries"] == 1


def test_faults_can_be_listed_and_cleared(halo: Halo) -> None:
    halo.fault("offline", site=PERTH)
    (rule,) = halo.emulator.control("GET", "faults")
    assert (rule["kind"], rule["site"], rule["times"]) == ("offline", PERTH, None)
    halo.emulator.control("DELETE", "faults")
    assert halo.emulator.control("GET", "faults") == []


def test_requests_can_be_forgotten_and_control_requests_are_none(halo: Halo) -> None:
    halo.ask("metadata")
    assert len(halo.emulator.control("GET", "requests")) == 1
    halo.emulator.control("DELETE", "requests")
    assert halo.emulator.control("GET", "requests") == []


def test_the_truth_flags_inactive_rows_and_has_no_spoiled_value(halo: Halo) -> None:
    rows = halo.emulator.control("GET", f"truth/{SYDNEY}/Appointment")
    assert {row["active"] for row in rows} == {True, False}
    assert all(row["resource"]["meta"]["lastUpdated"].endswith("Z") for row in rows)


def test_the_truth_of_no_site_is_not_found(halo: Halo) -> None:
    with pytest.raises(ValueError, match="no such site"):
        halo.emulator.control("GET", "truth/nowhere/Patient")


def test_the_sites_are_listed_with_their_zones(halo: Halo) -> None:
    listed = halo.emulator.control("GET", "sites")
    assert {site["guid"]: site["zone_name"] for site in listed} == {
        guid: site.zone_name for guid, site in SITES.items()
    }
