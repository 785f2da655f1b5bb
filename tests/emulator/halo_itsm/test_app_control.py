import pytest
from emulator.halo_itsm.itsm_client import ItsmClient


def test_patch_merges_settings_and_reset_restores_them(itsm: ItsmClient) -> None:
    before = itsm.emulator.control("GET", "settings")
    itsm.patch_settings(token_seconds=5)
    after = itsm.emulator.control("PATCH", "settings", {"clients": {"third": "secret"}})
    assert (after["token_seconds"], after["clients"]["third"]) == (5, "secret")
    assert after["clients"]["demo-client"] == "demo-secret"
    itsm.emulator.control("POST", "reset")
    assert itsm.emulator.control("GET", "settings") == before


@pytest.mark.parametrize(
    ("patch", "word"),
    [({"colour": "blue"}, "colour"), ({"rate_windows": [{"requests": 0}]}, "requests"), ([], "valid dict")],
)
def test_unknown_setting_is_rejected_by_name(itsm: ItsmClient, patch: object, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        itsm.emulator.control("PATCH", "settings", patch)


def test_malformed_json_is_rejected(itsm: ItsmClient) -> None:
    for path, method in (("faults", "POST"), ("settings", "PATCH")):
        assert itsm.send(f"/_emulator/{path}", method, content=b"{").status_code == 400


def test_reset_clears_records_faults_journal_and_tokens(itsm: ItsmClient) -> None:
    number = itsm.save("/api/tickets", {"summary": "Zzyzx"}).json()["id"]
    itsm.inject("timeout", times=9)
    itsm.emulator.control("POST", "reset")
    assert itsm.emulator.control("GET", "faults") == itsm.emulator.control("GET", "requests") == []
    assert itsm.send("/api/tickets").status_code == 401
    itsm.use_token()
    assert itsm.send(f"/api/tickets/{number}").status_code == 404


def test_faults_are_listed_and_cleared(itsm: ItsmClient) -> None:
    itsm.inject("timeout", path="report")
    (rule,) = itsm.emulator.control("GET", "faults")
    assert (rule["kind"], rule["path"], rule["times"]) == ("timeout", "report", None)
    itsm.emulator.control("DELETE", "faults")
    assert itsm.emulator.control("GET", "faults") == []


def test_journal_excludes_control_requests_and_is_clearable(itsm: ItsmClient) -> None:
    itsm.emulator.control("DELETE", "requests")
    itsm.save("/api/tickets?a=%2C", {"summary": "Zzyzx"})
    (entry,) = itsm.emulator.control("GET", "requests")
    assert (entry["method"], entry["path"], entry["query"]) == ("POST", "/api/tickets", "a=%2C")
    assert (entry["status"], entry["text"], entry["size"]) == (201, '[{"summary":"Zzyzx"}]', 21)
    assert entry["headers"]["authorization"].startswith("Bearer ")
    itsm.emulator.control("DELETE", "requests")
    assert itsm.emulator.control("GET", "requests") == []
