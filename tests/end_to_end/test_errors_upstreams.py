"""Several upstreams, each below its own path with its own credentials, links and errors."""

import httpx
import pytest
from conftest import KEY
from end_to_end.failing_gateway import (
    BASE,
    CLIENT_REQUESTS,
    FHIR,
    TOKEN,
    FailingGateway,
    checked_issue,
    error_code,
    failing_settings,
    run_gateway,
)
from fhir.resources.R4B.codesystem import CodeSystem

from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM

SQL = BASE.replace("fhir/R4", "queries/x")
WINDOW = "Rate Limit Reached - 300 Requests per rolling 5 minute window"


def searchset_on(gateway: FailingGateway, path: str = "/fhir/R4") -> dict[str, object]:
    base = gateway.pair.emulator.url + path
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [{"relation": "next", "url": f"{base}/Patient?_cursor=abc"}],
        "entry": [
            {
                "fullUrl": f"{base}/Patient/7",
                "resource": {"resourceType": "Patient", "id": "7"},
                "search": {"mode": "match"},
            }
        ],
    }


def test_health_gorilla_has_links_on_the_gateway(gateway: FailingGateway) -> None:
    gateway.pair.fault(kind="answer", status=200, body=searchset_on(gateway))
    response = gateway.ask("GET", "/hg/Patient?_lastUpdated=ge2024-11-01T00:00:00Z&_count=500", headers=TOKEN)
    assert response.headers["content-type"] == "application/fhir+json; charset=utf-8"
    response = response.json()
    assert response["link"][0]["url"] == f"{gateway.url}/hg/Patient?_cursor=abc"
    assert response["entry"][0]["fullUrl"] == f"{gateway.url}/hg/Patient/7"
    (sent,) = gateway.pair.sent()
    assert sent["path"] == "/fhir/R4/Patient"
    assert sent["query"] == "_lastUpdated=ge2024-11-01T00:00:00Z&_count=100"


def test_next_link_of_health_gorilla_requests_that_page(gateway: FailingGateway) -> None:
    gateway.pair.fault(kind="answer", status=200, body=searchset_on(gateway))
    link = gateway.ask("GET", "/hg/Patient", headers=TOKEN).json()["link"][0]["url"]
    httpx.get(link, headers=TOKEN, trust_env=False).raise_for_status()
    assert gateway.pair.sent()[-1]["query"] == "_cursor=abc"


@pytest.mark.parametrize(
    ("place", "client_path"),
    [
        ("/fhir/R4/RequestResult/7f", "/hg/RequestResult/7f"),
        ("/fhir/RequestResult/7f", "/hg/~/fhir/RequestResult/7f"),
    ],
)
@pytest.mark.parametrize("name", ["location", "content-location"])
def test_asynchronous_request_is_polled_through_the_gateway(
    gateway: FailingGateway, place: str, client_path: str, name: str
) -> None:
    headers = {name: gateway.pair.emulator.url + place}
    gateway.pair.fault(kind="answer", status=202, body=None, headers=headers, times=1)
    accepted = gateway.ask("GET", "/hg/Patient", headers=TOKEN | {"prefer": "respond-async"})
    assert (accepted.status_code, accepted.headers[name]) == (202, gateway.url + client_path)
    in_progress = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "information", "code": "transient"}],
    }
    gateway.pair.fault(kind="answer", status=202, body=in_progress, headers={"x-progress": "half"}, times=1)
    assert httpx.get(accepted.headers[name], headers=TOKEN, trust_env=False).headers["x-progress"] == "half"
    gateway.pair.fault(kind="answer", status=200, body=searchset_on(gateway), times=1)
    done = httpx.get(accepted.headers[name], headers=TOKEN, trust_env=False).json()
    assert done["entry"][0]["fullUrl"] == f"{gateway.url}/hg/Patient/7"
    first, *polls = gateway.pair.sent()
    assert isinstance(first["headers"], dict)
    assert first["headers"]["prefer"] == "respond-async"
    assert [poll["path"] for poll in polls] == [place, place]


def test_failed_status_request_gives_an_outcome(gateway: FailingGateway) -> None:
    gateway.pair.fault(kind="answer", status=404, body="")
    issue = checked_issue(gateway.ask("GET", "/hg/~/fhir/RequestResult/7f", headers=TOKEN), 404)
    assert error_code(issue) == "resource-not-found"


@pytest.mark.parametrize("path", ["/hg/oauth/other", "/hg/Nonsense"])
def test_unknown_path_below_the_base_is_not_found(gateway: FailingGateway, path: str) -> None:
    checked_issue(gateway.ask("GET", path, headers=TOKEN), 404)
    assert gateway.pair.sent() == []


def test_other_path_beside_the_base_is_passed_through(gateway: FailingGateway) -> None:
    gateway.pair.fault(kind="answer", status=200, body="[1]", times=1)
    assert gateway.ask("GET", "/hg/~/files/1", headers=TOKEN).text == "[1]"
    (sent,) = gateway.pair.sent()
    assert sent["path"] == "/files/1"


def test_health_gorilla_requires_a_bearer_token(gateway: FailingGateway) -> None:
    response = gateway.ask("GET", "/hg/Patient")
    assert error_code(checked_issue(response, 401)) == "credentials-missing"
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert gateway.pair.sent() == []


@pytest.mark.parametrize("path", ["/hg/Patient", "/itsm/api/tickets"])
def test_halo_key_is_not_sent_to_other_upstreams(gateway: FailingGateway, path: str) -> None:
    gateway.ask("GET", path, headers=KEY | TOKEN | {"DeviceId": "d"})
    (sent,) = gateway.pair.sent()
    assert isinstance(sent["headers"], dict)
    assert sent["headers"]["authorization"] == "Bearer t"
    assert not {"ocp-apim-subscription-key", "deviceid"} & sent["headers"].keys()


def test_itsm_responses_pass_unchanged(gateway: FailingGateway) -> None:
    body = '{"record_count": 1, "tickets": [ {"id": 1.0} ], "Message": "Saved"}'
    headers = {"content-type": "application/json"}
    gateway.pair.fault(kind="answer", status=201, body=body, headers=headers)
    response = gateway.ask("POST", "/itsm/api/tickets?pageinate=true", headers=TOKEN, content=b'[{"a": 1}]')
    assert (response.status_code, response.text) == (201, body)
    assert response.headers["content-type"] == "application/json"
    (sent,) = gateway.pair.sent()
    assert (sent["path"], sent["query"]) == ("/itsm/api/tickets", "pageinate=true")
    assert sent["text"] == '[{"a": 1}]'


def test_itsm_token_request_needs_no_token(gateway: FailingGateway) -> None:
    gateway.pair.fault(kind="answer", status=401, body={"error": "invalid_client"})
    response = gateway.ask("POST", "/itsm/auth/token", headers={}, content=b"client_id=1")
    assert (response.status_code, response.json()) == (401, {"error": "invalid_client"})
    assert "www-authenticate" not in response.headers
    issue = checked_issue(gateway.ask("POST", "/itsm/auth/token", headers=FHIR, content=b"client_id=1"), 401)
    assert (error_code(issue), issue["code"]) == ("upstream-credentials", "login")


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html", ""])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        *((400, '{"resultCode": "E1" ,"errorMessage":"\\u00e9"}'), (403, '{"ClassName":"X","Message":"No"}')),
        *((404, ""), (422, '[{"odd": 1}]'), (429, "Rate Limit Reached"), (500, "<html>broken</html>")),
        *((504, ""), (418, "{")),
    ],
)
def test_itsm_errors_keep_status_and_bytes_for_json_clients(
    gateway: FailingGateway, accept: str, status: int, body: str
) -> None:
    gateway.pair.fault(kind="answer", status=status, body=body, headers={"content-type": "text/x-odd"})
    response = gateway.ask("GET", "/itsm/api/tickets", headers=TOKEN | {"accept": accept})
    assert (response.status_code, response.text) == (status, body)
    assert response.headers["content-type"] == "text/x-odd"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers.get("retry-after") == {429: "5", 500: "10"}.get(status)


@pytest.mark.parametrize("accept", ["application/fhir+json", "application/fhir+xml, */*;q=0.5"])
def test_itsm_errors_are_outcomes_for_fhir_clients(gateway: FailingGateway, accept: str) -> None:
    gateway.pair.fault(kind="answer", status=429, body=WINDOW)
    response = gateway.ask("GET", "/itsm/api/tickets", headers=TOKEN | {"accept": accept})
    issue = checked_issue(response, 429)
    assert (error_code(issue), response.headers["retry-after"]) == ("rate-limited", "5")
    assert issue["diagnostics"].endswith(f": {WINDOW}")


def test_itsm_throttle_without_retry_after_gets_one(gateway: FailingGateway) -> None:
    gateway.pair.fault(kind="answer", status=429, body=WINDOW, times=1)
    response = gateway.ask("GET", "/itsm/api/tickets", headers=TOKEN)
    assert (response.text, response.headers["retry-after"]) == (WINDOW, "5")
    gateway.pair.fault(kind="answer", status=429, body=WINDOW, headers={"retry-after": "7"})
    other = {"Authorization": "Bearer other"}
    assert gateway.ask("GET", "/itsm/api/tickets", headers=other).headers["retry-after"] == "7"


@pytest.mark.parametrize("status", [302, 407, 511])
def test_itsm_answers_of_the_network_are_outcomes(gateway: FailingGateway, status: int) -> None:
    gateway.pair.fault(kind="answer", status=status, body="")
    checked_issue(gateway.ask("GET", "/itsm/api/tickets", headers=TOKEN), 502)


def test_failures_of_the_gateway_are_outcomes_for_itsm_clients(gateway: FailingGateway) -> None:
    gateway.pair.fault(kind="answer", status=200, delay=3)
    issue = checked_issue(gateway.ask("GET", "/itsm/api/tickets", headers=TOKEN), 504)
    assert error_code(issue) == "upstream-timeout"


def test_second_halo_connect_is_mounted_below_its_path(gateway: FailingGateway) -> None:
    response = gateway.ask("GET", f"/stage{BASE}/Patient?_count=2")
    assert response.status_code == 200
    links = {link["relation"]: link["url"] for link in response.json()["link"]}
    assert links["self"].startswith(f"{gateway.url}/stage{BASE}/Patient")
    next_page = httpx.get(links["next"], headers=KEY, trust_env=False)
    assert next_page.status_code == 200
    assert {request["path"] for request in gateway.pair.sent()} == {f"{BASE}/Patient"}
    assert gateway.ask("GET", "/stage" + BASE.split("/fhir")[0]).status_code == 200


BODIES = [
    (400, '{"errorDetails": {"errorType": "mssql", "errorMessage": "Invalid column name \'Zq\'"}}'),
    (429, '{"statusCode": 429, "message": "Rate limit is exceeded."}'),
    (504, "<html>late</html>"),
    (200, '{"status": "executionFailed", "errorCode": 207}'),
]


@pytest.mark.parametrize(("status", "body"), BODIES)
@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/csv"])
def test_halo_endpoints_pass_halo_errors_unchanged(
    gateway: FailingGateway, status: int, body: str, accept: str
) -> None:
    headers = {"content-type": "application/json", "retry-after": "Sun, 01 Mar 2026 09:02:00 GMT"}
    gateway.pair.fault(kind="answer", status=status, body=body, headers=headers)
    response = gateway.ask("GET", SQL, headers=KEY | {"accept": accept})
    assert (response.status_code, response.text) == (status, body)
    assert headers.items() <= dict(response.headers).items()


@pytest.mark.parametrize(("status", "body"), BODIES)
def test_halo_error_is_an_outcome_if_fhir_is_accepted(
    gateway: FailingGateway, status: int, body: str
) -> None:
    gateway.pair.fault(kind="answer", status=status, body=body)
    accept = {"accept": "application/json;q=0.5, application/fhir+json"}
    issue = checked_issue(gateway.ask("GET", SQL, headers=KEY | accept))
    assert "Zq" not in str(issue)


def test_sql_success_passes_with_any_accept(gateway: FailingGateway) -> None:
    for headers in (KEY, KEY | FHIR):
        response = gateway.ask("GET", BASE.split("/fhir")[0], headers=headers)
        assert (response.status_code, response.headers["content-type"]) == (
            200,
            "application/json; charset=utf-8",
        )


MOUNTS = ["", BASE, f"/desktop{BASE.removeprefix('/integrator')}", "/fhir/R4", f"/stage{BASE}", "/hg"]


@pytest.mark.parametrize("mount", MOUNTS)
def test_code_system_needs_no_credentials(gateway: FailingGateway, mount: str) -> None:
    response = gateway.ask("GET", f"{mount}/CodeSystem/gateway-error", headers={})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/fhir+json; charset=utf-8"
    assert CodeSystem.model_validate_json(response.text).url == ERROR_CODE_SYSTEM
    assert gateway.pair.sent() == []


def test_every_sent_code_is_in_the_code_system(gateway: FailingGateway) -> None:
    concepts = gateway.ask("GET", "/CodeSystem/gateway-error").json()["concept"]
    for dialect in CLIENT_REQUESTS:
        issue = checked_issue(gateway.get_with_upstream_response(dialect, 503, b""))
        assert error_code(issue) in {concept["code"] for concept in concepts}


def test_code_system_is_json_only(gateway: FailingGateway) -> None:
    path = "/CodeSystem/gateway-error"
    plain = gateway.ask("GET", path, headers={"accept": "application/json"})
    assert plain.headers["content-type"] == "application/json; charset=utf-8"
    checked_issue(gateway.ask("GET", f"{path}?_format=xml"), 406)
    assert gateway.ask("POST", path).headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("upstream_text", "end"),
    [("masked", ": Invalid column name …"), ("full", ": Invalid column name 'Zq'"), ("none", "")],
)
def test_setting_controls_upstream_text_in_diagnostics(
    gateway: FailingGateway, upstream_text: str, end: str
) -> None:
    settings = failing_settings(gateway.pair.emulator.url, errors={"upstream_text": upstream_text})
    with run_gateway(settings) as url:
        gateway.pair.fault(kind="answer", status=400, body={"Message": "Invalid column name 'Zq'"})
        response = checked_issue(httpx.get(f"{url}{BASE}/Patient", headers=KEY, trust_env=False))
    assert response["diagnostics"].endswith(end)
    assert ("Invalid" in response["diagnostics"]) is bool(end)
