"""Conditional writes through the gateway: refused unsent unless promised, or passed on by setting."""

import json
from typing import Any

import httpx
import pytest
from conftest import KEY, Pair, settings_for

from gateway.app import create_app
from gateway.emulator.sites import BRISBANE, SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Writes

PATIENT = {"resourceType": "Patient", "id": "1", "gender": "other", "name": [{"family": "Testperson"}]}
#: Method, path, condition.
FORMS: dict[str, tuple[str, str, dict[str, str]]] = {
    "create": ("POST", "Patient", {"If-None-Exist": "_id=1"}),
    "version": ("PUT", "Patient/1", {"If-Match": 'W/"99"'}),
    "none-match": ("PUT", "Patient/1", {"If-None-Match": "*"}),
    "update": ("PUT", "Patient?_id=1", {}),
}


@pytest.fixture
def url(pair: Pair) -> Any:
    """A new gateway, which knows no statement yet."""
    with ThreadedServer(create_app(settings_for(pair.emulator.url))) as server:
        yield server.url


def send(url: str, form: str, guid: str = SYDNEY) -> httpx.Response:
    method, path, condition = FORMS[form]
    headers = KEY | {"Content-Type": "application/fhir+json"} | condition
    base = f"{url}/integrator/sites/{guid}/fhir/R4"
    return httpx.request(
        method, f"{base}/{path}", content=json.dumps(PATIENT), headers=headers, trust_env=False
    )


def sent_writes(pair: Pair) -> list[object]:
    return [request["method"] for request in pair.sent() if request["method"] != "GET"]


@pytest.mark.parametrize("form", FORMS)
def test_unpromised_condition_is_refused_unsent_and_unbilled(pair: Pair, url: str, form: str) -> None:
    response = send(url, form)
    outcome = response.json()["issue"][0]
    codes = [coding["code"] for coding in outcome["details"]["coding"]]
    assert (response.status_code, codes[0]) == (412, "conditional-not-supported")
    assert "_id=1" not in response.text
    assert (sent_writes(pair), pair.emulator.control("GET", "bill")["queries"]) == ([], 0)


@pytest.mark.parametrize("form", ["create", "version", "update"])
def test_promised_condition_is_sent_and_honoured(pair: Pair, url: str, form: str) -> None:
    pair.settings(variants={"conditional_writes": {"promised": [form], "honoured": [form]}})
    response = send(url, form)
    assert (response.status_code, sent_writes(pair)) == (412 if form == "version" else 200, [FORMS[form][0]])


def test_statement_is_read_once_for_all_callers(pair: Pair, url: str) -> None:
    for form in (*FORMS, *FORMS):
        send(url, form)
    assert len(pair.sent()) == 1
    pair.settings(sites={BRISBANE: {"variants": {"conditional_writes": {"promised": ["create"]}}}})
    assert [send(url, "create", guid).status_code for guid in (SYDNEY, BRISBANE)] == [412, 201]


def test_unreadable_statement_sends_nothing(pair: Pair, url: str) -> None:
    pair.fault(kind="answer", path="metadata", status=200, body="<html>")
    response = send(url, "create")
    assert (response.status_code, sent_writes(pair)) == (503, [])
    assert "conditional-support-unknown" in response.text


def test_setting_passes_conditions_on(pair: Pair) -> None:
    settings = settings_for(pair.emulator.url).model_copy(update={"writes": Writes(conditional="pass")})
    with ThreadedServer(create_app(settings)) as server:
        assert [send(server.url, form).status_code for form in ("create", "version")] == [201, 200]
    assert len(pair.sent()) == 2


def test_version_of_the_gateway_is_refused_as_before(pair: Pair, url: str) -> None:
    headers = KEY | {"Content-Type": "application/fhir+json", "If-Match": 'W/"gw-1"'}
    path = f"{url}/integrator/sites/{SYDNEY}/fhir/R4/Patient/1"
    response = httpx.put(path, json=PATIENT, headers=headers, trust_env=False)
    assert (response.status_code, "etag-no-version" in response.text, pair.sent()) == (400, True, [])


def test_transaction_with_unpromised_condition_is_refused(pair: Pair, url: str) -> None:
    request = {"method": "POST", "url": "Patient", "ifNoneExist": "_id=1"}
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"resource": PATIENT, "request": request}],
    }
    headers = KEY | {"Content-Type": "application/fhir+json"}
    base = f"{url}/integrator/sites/{SYDNEY}/fhir/R4"
    response = httpx.post(base, json=bundle, headers=headers, trust_env=False)
    assert (response.status_code, sent_writes(pair)) == (412, [])


#: Entries' requests that a system could read as conditional, as JSON.
HIDDEN_CONDITIONS = [
    b'"request":{"method":"POST","url":"Patient","ifNoneExist":"_id=1","x":1e999}',
    b'"request":{"method":"POST","url":"Patient","ifNoneExist":"_id=1\xff"}',
    b'"request":{"method":"POST","url":"Patient","ifNoneExist":"_id=1"},"request":{"method":"POST","url":"Patient"}',
    b'"Request":{"method":"POST","url":"Patient","ifNoneExist":"_id=1"}',
    *(
        b'"request":{"method":"PUT","url":"%b"}' % url
        for url in (b" Patient?_id=1", b"patient?_id=1", b"Patient%3F_id=1", b"Patient/.?_id=1")
    ),
    b'"request":{"method":"PUT","url":"%50atient?_id=1"}',
    b'"request":{"method":"PUT","url":"Patient/1?_id=1"}',
    b'"request":{"method":"POST ","url":"Patient","ifNoneExist":"_id=1"}',
    b'"request":{"method":["POST"],"url":"Patient","ifNoneExist":"_id=1"}',
    b'"request":{"method":"POST","url":"Patient","IfNoneExist":"_id=1"}',
]


@pytest.mark.parametrize("request_", HIDDEN_CONDITIONS)
def test_transaction_that_may_hide_a_condition_is_refused(pair: Pair, url: str, request_: bytes) -> None:
    body = b'{"resourceType":"Bundle","type":"transaction","entry":[{"resource":%b,%b}]}'
    response = httpx.post(
        f"{url}/integrator/sites/{SYDNEY}/fhir/R4",
        content=body % (json.dumps(PATIENT).encode(), request_),
        headers=KEY | {"Content-Type": "application/fhir+json"},
        trust_env=False,
    )
    assert (response.status_code, pair.sent()) == (400, [])
    assert "Bundle" in response.json()["issue"][0]["expression"][0]
    assert "_id=1" not in response.text


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "Patient/1?_id=2"), ("POST", "Patient?_id=2"), ("PATCH", "Patient/1?x=y")]
)
def test_query_of_a_change_to_one_record_is_refused(pair: Pair, url: str, method: str, path: str) -> None:
    headers = KEY | {"Content-Type": "application/fhir+json"}
    base = f"{url}/integrator/sites/{SYDNEY}/fhir/R4"
    response = httpx.request(method, f"{base}/{path}", json=PATIENT, headers=headers, trust_env=False)
    assert (response.status_code, pair.sent()) == (400, [])
