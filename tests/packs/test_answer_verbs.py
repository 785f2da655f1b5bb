"""Verbs `set-code`, `map-code`, `set-header`, `map-status` and `error-path`."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.packs import client_request, pack_issue, run, searchset

from gateway.packs.answer_verbs import TARGETS, kind_of_status

PATIENT: dict[str, Any] = {"resourceType": "Patient", "id": "p1"}


def outcome(text: str) -> dict[str, Any]:
    issue = {"severity": "error", "code": "processing", "diagnostics": text}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def test_missing_code_is_written_as_unknown(tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, '{ set-code = "Observation.status", value = "unknown" }')
    with_status = {"resourceType": "Observation", "id": "o1", "status": "final"}
    without = {"resourceType": "Observation", "id": "o2"}
    reason = {"resourceType": "Observation", "id": "o3", "_status": {"extension": []}}
    observed = run(issue, "GET Observation?code=a", searchset(with_status, without, reason, PATIENT))
    resources = [each["resource"] for each in json.loads(observed.response.body)["entry"]]
    assert resources == [with_status, without | {"status": "unknown"}, reason, PATIENT]


@pytest.mark.parametrize(
    "url",
    [
        "GET Observation?code=a&_elements=code",
        "GET Observation?code=a&_summary=true",
        "GET Observation/o1?_elements=code",
        "GET Observation?_getpages=x&_count=10",
        "POST Observation",
        "PUT Observation/o1",
    ],
)
def test_part_of_a_resource_gets_no_code(url: str, tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, '{ set-code = "Observation.status", value = "unknown" }')
    part = {"resourceType": "Observation", "id": "o1"}
    content = part if "/o1" in url or "POST" in url else searchset(part)
    assert b"unknown" not in run(issue, url, content).response.body


@pytest.mark.parametrize("url", ["GET Observation?code=a&_page=2", "GET Observation?code=a&_count=1"])
def test_page_that_states_its_search_gets_the_code(url: str, tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, '{ set-code = "Observation.status", value = "unknown" }')
    part = {"resourceType": "Observation", "id": "o1"}
    assert b"unknown" in run(issue, url, searchset(part)).response.body
    tag = {"meta": {"tag": [{"code": "SUBSETTED"}]}}
    assert b"unknown" not in run(issue, url, searchset(part | tag)).response.body


def test_code_that_r4_lacks_becomes_one_that_it_has(tmp_path: Path) -> None:
    do = '{ map-code = "Patient.telecom.use", values = { "cell" = "mobile" } }'
    telecom = [{"use": "cell", "value": "cell"}, {"use": "home", "rank": 1}, {"extra": "0.10"}]
    observed = run(pack_issue(tmp_path, do), "GET Patient/p1", PATIENT | {"telecom": telecom})
    expected = [{"use": "mobile", "value": "cell"}, *telecom[1:]]
    assert json.loads(observed.response.body)["telecom"] == expected
    untouched = run(pack_issue(tmp_path, do), "GET Patient/p1", PATIENT | {"telecom": telecom[1:]})
    assert untouched.response.applied_repairs == ()


def test_decimals_beside_a_mapped_code_keep_their_digits(tmp_path: Path) -> None:
    do = '{ map-code = "Patient.telecom.use", values = { "cell" = "mobile" } }'
    observed = run(
        pack_issue(tmp_path, do), "GET Patient/p1", PATIENT | {"telecom": [{"use": "cell", "x": 1.5}]}
    )
    assert b'{"use":"mobile","x":1.5}' in observed.response.body


def test_media_type_of_json_is_replaced(tmp_path: Path) -> None:
    do = '{ set-header = "Content-Type", value = "application/fhir+json", on = "answer" }'
    issue, content = pack_issue(tmp_path, do), {"Content-Type": "application/json+fhir"}
    observed = run(issue, "GET Patient/p1", PATIENT, **content)
    assert observed.response.header("content-type") == "application/fhir+json"
    binary = run(issue, "GET Binary/p1", PATIENT, **{"Content-Type": "image/png"})
    assert binary.response.header("content-type") == "image/png"


@pytest.mark.parametrize(
    ("request_text", "media_type", "is_replaced"),
    [
        ("PUT Patient/p1", "application/json; charset=utf-8", True),
        ("PUT Patient/p1", "Text/JSON", True),
        ("PUT Patient/p1", "application/json; charset=latin1", False),
        ("PUT Patient/p1", "application/geo+json", False),
        ("PUT Patient/p1", "application/fhir+ndjson", False),
        ("PATCH Patient/p1", "application/json-patch+json", False),
        ("PATCH Patient/p1", "application/json", False),
        ("PUT Binary/b1", "application/json", False),
        ("PUT Binary/b1", "application/geo+json", False),
    ],
)
def test_only_a_media_type_of_fhir_is_replaced(
    request_text: str, media_type: str, is_replaced: bool, tmp_path: Path
) -> None:
    do = '{ set-header = "Content-Type", value = "application/fhir+json" }'
    asked = client_request(request_text, **{"Content-Type": media_type})
    sent = run(pack_issue(tmp_path, do), asked, PATIENT).sent[0].header("content-type")
    assert sent == ("application/fhir+json" if is_replaced else media_type)


def test_content_of_a_binary_keeps_its_media_type(tmp_path: Path) -> None:
    do = '{ set-header = "Content-Type", value = "application/fhir+json", on = "answer" }'
    content = {"Content-Type": "application/json"}
    binary = {"resourceType": "Binary", "id": "b1", "contentType": "application/json"}
    observed = run(pack_issue(tmp_path, do), "GET Binary/b1", binary, **content)
    assert observed.response.header("content-type") == "application/json"


def test_request_header_is_set_unless_the_client_has_it(tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, '{ set-header = "Prefer", value = "handling=strict" }', 'type = "Patient"')
    assert run(issue, "GET Patient/p1", PATIENT).sent[0].headers == (("prefer", "handling=strict"),)
    own = client_request("GET Patient/p1", Prefer="return=minimal", Authorization="Bearer t")
    assert run(issue, own, PATIENT).sent[0].headers == own.headers


@pytest.mark.parametrize(
    ("text", "status"), [("Your Session.has expired", 410), ("Your session has expired", 400)]
)
def test_error_has_the_status_that_its_text_means(text: str, status: int, tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, '{ map-status = 410, says = "session.has" }', "status = 400")
    assert run(issue, "GET Patient?name=a", outcome(text), 400).response.status == status
    assert run(issue, "GET Patient?name=a", outcome(text), 422).response.status == 422


@pytest.mark.parametrize("status", sorted(TARGETS))
def test_mapped_error_stays_one_and_may_have_run(status: int) -> None:
    kind = kind_of_status(status, may_have_run=True)
    assert kind.status >= 400
    assert kind.write_outcome_unknown
    assert kind_of_status(404, may_have_run=False).write_outcome_unknown is False


@pytest.mark.parametrize(
    ("do", "content", "is_error"),
    [
        ('error-path = "error.code"', {"error": {"code": "E1"}}, True),
        ('error-path = "error.code"', {"error": {"code": ""}}, False),
        ('error-path = "error.code"', {"error": "E1"}, False),
        ('error-path = "errors"', {"errors": []}, False),
        ('error-path = "errors"', {"errors": [1]}, True),
        ('error-path = "success", equals = false', {"success": False}, True),
        ('error-path = "success", equals = false', {"success": True}, False),
        ('error-path = "result", equals = "failed"', {"result": "failed"}, True),
        ('error-path = "result", equals = "failed"', {"result": None}, False),
    ],
)
def test_success_with_an_error_inside_is_an_error(
    do: str, content: dict[str, Any], is_error: bool, tmp_path: Path
) -> None:
    issue = pack_issue(tmp_path, f"{{ {do}, status = 502 }}")
    for url, good in (("GET Patient/p1", PATIENT), ("GET Patient?name=a", searchset(PATIENT))):
        observed = run(issue, url, good | content)
        assert observed.response.status == (502 if is_error else 200)
        assert len(observed.sent) == 1
