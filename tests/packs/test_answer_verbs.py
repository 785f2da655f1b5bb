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
