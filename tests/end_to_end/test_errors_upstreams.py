"""Several upstreams at once: each below its own path, with its own credentials, links and errors."""

import httpx
import pytest
from conftest import KEY
from end_to_end.failing import ASKED, BASE, FHIR, TOKEN, Failing, code, failing_settings, gateway, outcome
from fhir.resources.R4B.codesystem import CodeSystem

from gateway.errors.operation_outcome import ERROR_CODE_SYSTEM

SQL = BASE.replace("fhir/R4", "queries/x")


def bundle(failing: Failing, path: str = "/fhir/R4") -> dict[str, object]:
    base = failing.pair.emulator.url + path
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


def test_health_gorilla_is_fhir_on_our_base(failing: Failing) -> None:
    failing.pair.fault(kind="answer", status=200, body=bundle(failing))
    response = failing.ask("GET", "/hg/Patient?_lastUpdated=ge2024-11-01T00:00:00Z&_count=500", headers=TOKEN)
    assert response.headers["content-type"] == "application/fhir+json; charset=utf-8"
    found = response.json()
    assert found["link"][0]["url"] == f"{failing.url}/hg/Patient?_cursor=abc"
    assert found["entry"][0]["fullUrl"] == f"{failing.url}/hg/Patient/7"
    (sent,) = failing.pair.sent()
    assert sent["path"] == "/fhir/R4/Patient"
    assert sent["query"] == "_lastUpdated=ge2024-11-01T00:00:00Z&_count=100"


def test_following_the_next_link_asks_health_gorilla_for_that_page(failing: Failing) -> None:
    failing.pair.fault(kind="answer", status=200, body=bundle(failing))
    link = failing.ask("GET", "/hg/Patient", headers=TOKEN).json()["link"][0]["url"]
    httpx.get(link, headers=TOKEN, trust_env=False).raise_for_status()
    assert failing.pair.sent()[-1]["query"] == "_cursor=abc"


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("/fhir/R4/RequestResult/7f", "/hg/RequestResult/7f"),
        ("/fhir/RequestResult/7f", "/hg/~/fhir/RequestResult/7f"),
    ],
)
@pytest.mark.parametrize("name", ["location", "content-location"])
def test_an_asynchronous_request_is_polled_on_our_base(
    failing: Failing, place: str, shown: str, name: str
) -> None:
    headers = {name: failing.pair.emulator.url + place}
    failing.pair.fault(kind="answer", status=202, body=None, headers=headers, times=1)
    asked = failing.ask("GET", "/hg/Patient", headers=TOKEN | {"prefer": "respond-async"})
    assert (asked.status_code, asked.headers[name]) == (202, failing.url + shown)
    waiting = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "information", "code": "transient"}],
    }
    failing.pair.fault(kind="answer", status=202, body=waiting, headers={"x-progress": "half"}, times=1)
    assert httpx.get(asked.headers[name], headers=TOKEN, trust_env=False).headers["x-progress"] == "half"
    failing.pair.fault(kind="answer", status=200, body=bundle(failing), times=1)
    done = httpx.get(asked.headers[name], headers=TOKEN, trust_env=False).json()
    assert done["entry"][0]["fullUrl"] == f"{failing.url}/hg/Patient/7"
    first, *polls = failing.pair.sent()
    assert isinstance(first["headers"], dict)
    assert first["headers"]["prefer"] == "respond-async"
    assert [each["path"] for each in polls] == [place, place]


def test_a_status_that_failed_is_a_failure(failing: Failing) -> None:
    failing.pair.fault(kind="answer", status=404, body="")
    issue = outcome(failing.ask("GET", "/hg/~/fhir/RequestResult/7f", headers=TOKEN), 404)
    assert code(issue) == "resource-not-found"


@pytest.mark.parametrize("path", ["/hg/~/fhir/R4/Patient", "/hg/~/admin", "/hg/~", "/hg/Nonsense"])
def test_nothing_else_beside_the_base_is_served(failing: Failing, path: str) -> None:
    outcome(failing.ask("GET", path, headers=TOKEN), 404)
    assert failing.pair.sent() == []


def test_health_gorilla_wants_a_token_of_its_own(failing: Failing) -> None:
    response = failing.ask("GET", "/hg/Patient")
    assert code(outcome(response, 401)) == "credentials-missing"
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert failing.pair.sent() == []


@pytest.mark.parametrize("path", ["/hg/Patient", "/itsm/api/tickets"])
def test_halos_key_never_goes_to_another_company(failing: Failing, path: str) -> None:
    failing.ask("GET", path, headers=KEY | TOKEN | {"DeviceId": "d"})
    (sent,) = failing.pair.sent()
    assert isinstance(sent["headers"], dict)
    assert sent["headers"]["authorization"] == "Bearer t"
    assert not {"ocp-apim-subscription-key", "deviceid"} & sent["headers"].keys()


def test_itsm_answers_pass_unchanged(failing: Failing) -> None:
    body = '{"record_count": 1, "tickets": [ {"id": 1.0} ], "Message": "Saved"}'
    headers = {"content-type": "application/json"}
    failing.pair.fault(kind="answer", status=201, body=body, headers=headers)
    response = failing.ask("POST", "/itsm/api/tickets?pageinate=true", headers=TOKEN, content=b'[{"a": 1}]')
    assert (response.status_code, response.text) == (201, body)
    assert response.headers["content-type"] == "application/json"
    (sent,) = failing.pair.sent()
    assert (sent["path"], sent["query"]) == ("/itsm/api/tickets", "pageinate=true")
    assert sent["text"] == '[{"a": 1}]'


def test_itsm_may_be_asked_for_a_token_without_one(failing: Failing) -> None:
    failing.pair.fault(kind="answer", status=401, body={"error": "invalid_client"})
    response = failing.ask("POST", "/itsm/auth/token", headers={}, content=b"client_id=1")
    issue = outcome(response, 401)
    assert (code(issue), issue["code"]) == ("upstream-credentials", "login")


def test_another_halo_connect_is_mounted_below_its_path(failing: Failing) -> None:
    response = failing.ask("GET", f"/stage{BASE}/Patient?_count=2")
    assert response.status_code == 200
    links = {each["relation"]: each["url"] for each in response.json()["link"]}
    assert links["self"].startswith(f"{failing.url}/stage{BASE}/Patient")
    following = httpx.get(links["next"], headers=KEY, trust_env=False)
    assert following.status_code == 200
    assert {each["path"] for each in failing.pair.sent()} == {f"{BASE}/Patient"}
    assert failing.ask("GET", "/stage" + BASE.split("/fhir")[0]).status_code == 200


BODIES = [
    (400, '{"errorDetails": {"errorType": "mssql", "errorMessage": "Invalid column name \'Zq\'"}}'),
    (429, '{"statusCode": 429, "message": "Rate limit is exceeded."}'),
    (504, "<html>late</html>"),
    (200, '{"status": "executionFailed", "errorCode": 207}'),
]


@pytest.mark.parametrize(("status", "body"), BODIES)
@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/csv"])
def test_halos_own_endpoints_keep_halos_own_errors(
    failing: Failing, status: int, body: str, accept: str
) -> None:
    headers = {"content-type": "application/json", "retry-after": "Sun, 01 Mar 2026 09:02:00 GMT"}
    failing.pair.fault(kind="answer", status=status, body=body, headers=headers)
    response = failing.ask("GET", SQL, headers=KEY | {"accept": accept})
    assert (response.status_code, response.text) == (status, body)
    assert headers.items() <= dict(response.headers).items()


@pytest.mark.parametrize(("status", "body"), BODIES)
def test_who_names_fhir_there_gets_the_outcome(failing: Failing, status: int, body: str) -> None:
    failing.pair.fault(kind="answer", status=status, body=body)
    accept = {"accept": "application/json;q=0.5, application/fhir+json"}
    issue = outcome(failing.ask("GET", SQL, headers=KEY | accept))
    assert "Zq" not in str(issue)


def test_a_good_sql_answer_passes_whatever_is_accepted(failing: Failing) -> None:
    for headers in (KEY, KEY | FHIR):
        found = failing.ask("GET", BASE.split("/fhir")[0], headers=headers)
        assert (found.status_code, found.headers["content-type"]) == (200, "application/json; charset=utf-8")


MOUNTS = ["", BASE, f"/desktop{BASE.removeprefix('/integrator')}", "/fhir/R4", f"/stage{BASE}", "/hg"]


@pytest.mark.parametrize("mount", MOUNTS)
def test_the_code_system_is_published_for_everybody(failing: Failing, mount: str) -> None:
    response = failing.ask("GET", f"{mount}/CodeSystem/gateway-error", headers={})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/fhir+json; charset=utf-8"
    assert CodeSystem.model_validate_json(response.text).url == ERROR_CODE_SYSTEM
    assert failing.pair.sent() == []


def test_every_code_that_is_sent_is_in_the_code_system(failing: Failing) -> None:
    concepts = failing.ask("GET", "/CodeSystem/gateway-error").json()["concept"]
    for dialect in ASKED:
        issue = outcome(failing.answering(dialect, 503, b""))
        assert code(issue) in {each["code"] for each in concepts}


def test_the_code_system_comes_as_json_only(failing: Failing) -> None:
    path = "/CodeSystem/gateway-error"
    plain = failing.ask("GET", path, headers={"accept": "application/json"})
    assert plain.headers["content-type"] == "application/json; charset=utf-8"
    outcome(failing.ask("GET", f"{path}?_format=xml"), 406)
    assert failing.ask("POST", path).headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("shown", "end"),
    [
        ("masked", ": Invalid column name …"),
        ("full", ": Invalid column name 'Zq'"),
        ("none", ""),
    ],
)
def test_how_much_of_an_upstreams_words_is_shown_is_a_setting(failing: Failing, shown: str, end: str) -> None:
    chosen = failing_settings(failing.pair.emulator.url, errors={"upstream_text": shown})
    with gateway(chosen) as url:
        failing.pair.fault(kind="answer", status=400, body={"Message": "Invalid column name 'Zq'"})
        found = outcome(httpx.get(f"{url}{BASE}/Patient", headers=KEY, trust_env=False))
    assert found["diagnostics"].endswith(end)
    assert ("Invalid" in found["diagnostics"]) is bool(end)
