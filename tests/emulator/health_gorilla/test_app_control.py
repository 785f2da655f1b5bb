import pytest
from emulator.health_gorilla.gorilla_client import SECRET, GorillaClient


def test_patch_merges_settings_and_reset_restores_them(gorilla: GorillaClient) -> None:
    before = gorilla.emulator.control("GET", "settings")
    gorilla.settings(paging="offset", clients={"demo-client": {"versions": ["R4"]}})
    after = gorilla.emulator.control("GET", "settings")
    assert (after["paging"], after["clients"]["demo-client"]["versions"]) == ("offset", ["R4"])
    assert after["clients"]["demo-client"]["secret"] == SECRET
    gorilla.emulator.control("POST", "reset")
    assert gorilla.emulator.control("GET", "settings") == before


@pytest.mark.parametrize(
    ("method", "path", "body", "word"),
    [
        ("PATCH", "settings", {"paging": "scroll"}, "paging"),
        ("PATCH", "settings", [], "dictionary"),
        ("POST", "faults", {"kind": "no-such"}, "no-such"),
        ("POST", "faults", {"path": "("}, "regular expression"),
        ("POST", "faults", {"site": "x"}, "site"),
    ],
)
def test_wrong_body_is_refused_by_name(
    gorilla: GorillaClient, method: str, path: str, body: object, word: str
) -> None:
    with pytest.raises(ValueError, match=word):
        gorilla.emulator.control(method, path, body)


def test_faults_are_listed_and_cleared(gorilla: GorillaClient) -> None:
    gorilla.emulator.control("POST", "faults", [{"kind": "timeout"}, {"kind": "subject", "times": 2}])
    assert [rule["kind"] for rule in gorilla.emulator.control("GET", "faults")] == ["timeout", "subject"]
    gorilla.emulator.control("DELETE", "faults")
    assert gorilla.emulator.control("GET", "faults") == []


def test_requests_are_recorded_and_cleared(gorilla: GorillaClient) -> None:
    gorilla.get("/fhir/R4/Patient?family=Zzyzx&_count=1")
    (sent,) = gorilla.sent()
    assert (sent["method"], sent["path"], sent["status"]) == ("GET", "/fhir/R4/Patient", 200)
    assert sent["parameters"] == [["family", "Zzyzx"], ["_count", "1"]]
    assert sent["headers"]["authorization"] == "Bearer demo-token"
    gorilla.emulator.control("DELETE", "requests")
    assert gorilla.sent() == []


def test_reset_restores_the_data(gorilla: GorillaClient) -> None:
    assert gorilla.post("/fhir/R4/Observation", observation()).status_code == 201
    before = gorilla.get("/fhir/R4/Observation?_count=0").json()["total"]
    gorilla.emulator.control("POST", "reset")
    assert gorilla.get("/fhir/R4/Observation?_count=0").json()["total"] == before - 1


def observation() -> dict[str, object]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
