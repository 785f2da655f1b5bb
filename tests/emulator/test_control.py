import pytest
from emulator.halo_client import HaloClient

from gateway.emulator.sites import PERTH, SITES, SYDNEY


def test_patch_merges_settings_and_reset_restores_them(halo: HaloClient) -> None:
    before = halo.emulator.control("GET", "settings")
    halo.patch_settings(faults={"link-base-url": False}, variants={"paging": "page"})
    after = halo.emulator.control("PATCH", "settings", {"variants": {"comma": "first"}})
    assert after["faults"] == {"link-base-url": False}
    assert (after["variants"]["paging"], after["variants"]["comma"]) == ("page", "first")
    halo.emulator.control("POST", "reset")
    assert halo.emulator.control("GET", "settings") == before


def test_null_in_patch_removes_setting(halo: HaloClient) -> None:
    halo.disable("link-base-url")
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
def test_unknown_setting_is_rejected_by_name(halo: HaloClient, patch: object, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        halo.emulator.control("PATCH", "settings", patch)


def test_malformed_json_is_rejected(halo: HaloClient) -> None:
    for path in ("faults", "settings"):
        method = "POST" if path == "faults" else "PATCH"
        assert halo.send(f"/_emulator/{path}", method=method, content=b"{").status_code == 400


def test_reset_clears_all_state(halo: HaloClient) -> None:
    halo.send("Patient", method="POST", json={"resourceType": "Patient", "name": [{"family": "Quokka"}]})
    halo.inject("offline", times=9)
    halo.emulator.control("POST", "reset")
    assert halo.ids("Patient?family=Quokka") == []
    assert halo.emulator.control("GET", "faults") == []
    assert len(halo.emulator.control("GET", "requests")) == 1
    assert halo.emulator.control("GET", "bill")["queries"] == 1


def test_faults_are_listed_and_cleared(halo: HaloClient) -> None:
    halo.inject("offline", site=PERTH)
    (rule,) = halo.emulator.control("GET", "faults")
    assert (rule["kind"], rule["site"], rule["times"]) == ("offline", PERTH, None)
    halo.emulator.control("DELETE", "faults")
    assert halo.emulator.control("GET", "faults") == []


def test_journal_excludes_control_requests_and_is_clearable(halo: HaloClient) -> None:
    halo.send("metadata")
    assert len(halo.emulator.control("GET", "requests")) == 1
    halo.emulator.control("DELETE", "requests")
    assert halo.emulator.control("GET", "requests") == []


def test_truth_has_inactive_rows_and_correct_timestamps(halo: HaloClient) -> None:
    rows = halo.emulator.control("GET", f"truth/{SYDNEY}/Appointment")
    assert {row["active"] for row in rows} == {True, False}
    assert all(row["resource"]["meta"]["lastUpdated"].endswith("Z") for row in rows)


def test_truth_of_unknown_site_is_not_found(halo: HaloClient) -> None:
    with pytest.raises(ValueError, match="no such site"):
        halo.emulator.control("GET", "truth/nowhere/Patient")


def test_sites_are_listed_with_time_zones(halo: HaloClient) -> None:
    sites = halo.emulator.control("GET", "sites")
    assert {site["guid"]: site["zone_name"] for site in sites} == {
        guid: site.zone_name for guid, site in SITES.items()
    }
