import pytest
from emulator.halo_itsm.itsm_client import OTHER_CLIENT, ItsmClient


@pytest.mark.parametrize("path", ["/API/Tickets/1", "/api/TICKETS/1", "/Api/tickets/1/"])
def test_letter_case_of_paths_is_ignored(itsm: ItsmClient, path: str) -> None:
    assert itsm.json(path)["id"] == 1


@pytest.mark.parametrize("path", ["/api/nothing", "/api/tickets/1/2", "/", "/auth/authorize"])
def test_unknown_path_gets_a_page(itsm: ItsmClient, path: str) -> None:
    response = itsm.send(path)
    assert (response.status_code, response.headers["content-type"]) == (404, "text/html; charset=utf-8")


@pytest.mark.parametrize("header", ["Bearer wrong", "Basic abc", ""])
def test_request_without_valid_token_is_unauthorised(itsm: ItsmClient, header: str) -> None:
    response = itsm.send("/api/tickets", headers={"authorization": header})
    assert (response.status_code, response.content) == (401, b"")
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/tickets/1", "GET, POST, DELETE"),
        ("PATCH", "/api/tickets", "GET, POST, DELETE"),
        ("POST", "/api/lookup", "GET"),
        ("DELETE", "/api/report/1", "GET, POST"),
    ],
)
def test_wrong_method_names_those_allowed(itsm: ItsmClient, method: str, path: str, allowed: str) -> None:
    response = itsm.send(path, method)
    assert (response.status_code, response.headers["allow"]) == (405, allowed)
    assert response.json() == {"Message": f"The requested resource does not support http method '{method}'."}


@pytest.mark.parametrize(("method", "path"), [("POST", "/api/tickets/1"), ("DELETE", "/api/tickets")])
def test_method_needs_the_right_path(itsm: ItsmClient, method: str, path: str) -> None:
    assert itsm.send(path, method).status_code == 404


def test_body_over_the_limit_is_too_large(itsm: ItsmClient) -> None:
    itsm.patch_settings(max_body=100)
    assert itsm.save("/api/tickets", {"details": "x" * 200}).status_code == 413


def test_large_report_is_late_unless_it_is_not_loaded(itsm: ItsmClient) -> None:
    itsm.patch_settings(report_seconds=0)
    late = itsm.send("/api/report/2?loadreport=true")
    assert (late.status_code, late.headers["content-type"]) == (504, "text/html; charset=utf-8")
    assert itsm.json("/api/report/2?loadreport=false") == {"id": 2, "name": "All tickets since 2010"}
    assert len(itsm.json("/api/report/1?loadreport=true")["report"]["rows"]) == 120
    assert itsm.send("/api/report/9?loadreport=true").status_code == 404


def test_rate_is_enforced_per_api_client(itsm: ItsmClient) -> None:
    itsm.patch_settings(rate_windows=[{"requests": 2, "seconds": 60}])
    assert [itsm.send("/api/tickets/1").status_code for _ in range(3)] == [200, 200, 429]
    itsm.use_token()
    assert itsm.send("/api/agent").status_code == 429
    itsm.use_token(**OTHER_CLIENT)
    assert itsm.send("/api/agent").status_code == 200
