"""Verbs `rename`, `require`, `split-list`, `limit-ids` and `read-instead-of-search`."""

import json
from pathlib import Path

import pytest
from support.packs import client_request, pack_issue, run, searchset, sent_url

WHY = 'reason = "The vendor says so."'
TYPE = 'type = "Patient"'
BASE = "https://upstream.example/fhir"
PATIENT = {"resourceType": "Patient", "id": "p1"}


def test_renamed_parameter_keeps_its_modifier_and_comes_back_in_links(tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, '{ rename = "phone", to = "mobile", ' + WHY + " }", TYPE)
    link = [
        {"relation": "next", "url": f"{BASE}/Patient?mobile:exact=1%202&mobile=9&_page=2"},
        {"relation": "self", "url": f"{BASE}?_getpages=x"},
    ]
    observed = run(issue, "GET Patient?phone:exact=1%202&name=a", searchset(link=link))
    assert sent_url(observed) == "Patient?mobile:exact=1%202&name=a"
    urls = [each["url"] for each in json.loads(observed.response.body)["link"]]
    assert urls == [f"{BASE}/Patient?phone:exact=1%202&mobile=9&_page=2", f"{BASE}?_getpages=x"]
    assert observed.response.applied_repairs == ("vendor:one",)


def test_patient_may_be_called_subject(tmp_path: Path) -> None:
    issue = pack_issue(
        tmp_path, '{ rename = "patient", to = "subject", ' + WHY + " }", 'type = "Observation"'
    )
    assert sent_url(run(issue, "GET Observation?patient=p1")) == "Observation?subject=p1"


@pytest.mark.parametrize(
    ("url", "is_sent"),
    [
        ("GET Patient?identifier=1", False),
        ("GET Patient?identifier=1&family=a", False),
        ("GET Patient?identifier=1&family=a&birthdate=1990", True),
        ("GET Patient?identifier=1&family:exact=a&birthdate=1990", True),
        ("GET Patient?identifier=1&_id=p1", True),
        ("GET Patient?_getpages=x", True),
        ("GET Patient?identifier=1&_page=2", True),
        ("GET Patient?identifier=1&_offset=20", True),
        ("GET Patient?identifier=1&_elements=id&_tag=a", False),
        ("GET Patient?identifier=1&family=a&birthdate=", False),
        ("GET Patient?identifier=1&family=a&birthdate:missing=true", False),
        ("GET Patient?identifier=1&_id=", False),
        ("GET Observation?identifier=1", True),
    ],
)
def test_search_without_companions_is_not_sent(url: str, is_sent: bool, tmp_path: Path) -> None:
    do = '{ require = ["family", "birthdate"], unless = "_id", ' + WHY + " }"
    observed = run(pack_issue(tmp_path, do, f'{TYPE}, parameter = "identifier"'), url)
    assert bool(observed.sent) is is_sent
    assert observed.response.status == (200 if is_sent else 400)
    assert (
        is_sent or b"only with family, birthdate. The vendor says so. This search" in observed.response.body
    )


def test_own_parameter_of_the_upstream_needs_its_companion(tmp_path: Path) -> None:
    do = '{ require = "area-code", ' + WHY + " }"
    issue = pack_issue(tmp_path, do, f'{TYPE}, parameter = "mobile"')
    assert not run(issue, "GET Patient?mobile=1").sent
    assert run(issue, "GET Patient?mobile=1&area-code=2").sent


def test_default_is_added_unless_the_client_has_one(tmp_path: Path) -> None:
    do = '{ require = "_count", default = "50", ' + WHY + " }"
    issue = pack_issue(tmp_path, do, f'{TYPE}, parameter = "name"')
    assert sent_url(run(issue, "GET Patient?name=a")) == "Patient?name=a&_count=50"
    assert sent_url(run(issue, "GET Patient?name=a&_count=3")) == "Patient?name=a&_count=3"


@pytest.mark.parametrize(
    ("into", "url", "sent"),
    [
        ("repeated", "_sort=a,-b&name=x", "_sort=a&_sort=-b&name=x"),
        ("repeated", "_sort=a", "_sort=a"),
        ("repeated", "name=a,b", "name=a,b"),
        ("list", "_sort=a&name=x&_sort=-b", "_sort=a,-b&name=x"),
        ("list", "_sort=a", "_sort=a"),
        ("list", "name=a&name=b", "name=a&name=b"),
    ],
)
def test_list_is_split_or_joined(into: str, url: str, sent: str, tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, f'{{ split-list = "_sort", into = "{into}" }}', TYPE)
    assert sent_url(run(issue, f"GET Patient?{url}")) == f"Patient?{sent}"


@pytest.mark.parametrize(
    ("url", "is_sent"),
    [("_id=a,b", True), ("_id=a,b,c", False), ("_id=a,b&_id=c", False), ("name=a,b,c", True)],
)
def test_search_with_more_ids_is_not_sent(url: str, is_sent: bool, tmp_path: Path) -> None:
    observed = run(pack_issue(tmp_path, "{ limit-ids = 2 }", TYPE), f"GET Patient?{url}")
    assert bool(observed.sent) is is_sent
    assert is_sent or b"at most 2 values of _id" in observed.response.body


@pytest.mark.parametrize(
    ("do", "url", "is_sent"),
    [
        ('limit-ids = 2, parameter = "_lastUpdated", of = "repetitions"', "_lastUpdated=a,b,c", True),
        (
            'limit-ids = 2, parameter = "_lastUpdated", of = "repetitions"',
            "&".join(["_lastUpdated=a"] * 3),
            False,
        ),
        ('limit-ids = 1, parameter = "patient"', "patient=p1&patient=Patient/p1", True),
        ('limit-ids = 1, parameter = "patient"', "patient=p1,p2", False),
        ('limit-ids = 1, parameter = "code"', "code=a%5C,b", True),
    ],
)
def test_limit_counts_distinct_values_or_repetitions(
    do: str, url: str, is_sent: bool, tmp_path: Path
) -> None:
    observed = run(pack_issue(tmp_path, f"{{ {do} }}", 'type = "Observation"'), f"GET Observation?{url}")
    assert bool(observed.sent) is is_sent


def test_search_by_an_id_is_sent_as_a_read(tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, "{ read-instead-of-search = true }", TYPE)
    observed = run(issue, "GET Patient?_id=p1&_count=10", PATIENT)
    assert sent_url(observed) == "Patient/p1"
    url = "https://gateway.example/fhir/Patient"
    assert json.loads(observed.response.body) == {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": 1,
        "link": [{"relation": "self", "url": f"{url}?_id=p1&_count=10"}],
        "entry": [{"fullUrl": f"{url}/p1", "resource": PATIENT, "search": {"mode": "match"}}],
    }


@pytest.mark.parametrize(
    "query",
    ["_id=p1,p2", "_id=p1&_id=p2", "_id=p1&name=a", "_id=p1&_include=Patient:link", "_id=p1&_summary=count",
     "_id=p1&_count=0", "_id=p%2F1", "_id=", "name=a"],
)  # fmt: skip
def test_other_searches_stay_searches(query: str, tmp_path: Path) -> None:
    observed = run(pack_issue(tmp_path, "{ read-instead-of-search = true }", TYPE), f"GET Patient?{query}")
    assert sent_url(observed).startswith("Patient?")


def test_search_that_may_be_answered_later_stays_a_search(tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, "{ read-instead-of-search = true }", TYPE)
    asked = client_request("GET Patient?_id=p1", Prefer="respond-async")
    assert sent_url(run(issue, asked)) == "Patient?_id=p1"


@pytest.mark.parametrize("status", [404, 410, 401, 500])
def test_failed_read_is_never_an_empty_searchset(status: int, tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, "{ read-instead-of-search = true }", TYPE)
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "not-found"}]}
    observed = run(issue, "GET Patient?_id=p1", outcome, status)
    assert observed.response.status >= 400
    assert json.loads(observed.response.body)["resourceType"] == "OperationOutcome"


def test_read_of_another_resource_is_refused(tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, "{ read-instead-of-search = true }", TYPE)
    assert run(issue, "GET Patient?_id=p1", PATIENT | {"id": "p2"}).response.status == 502


def test_read_of_the_client_stays_a_read(tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, "{ read-instead-of-search = true }", TYPE)
    assert json.loads(run(issue, client_request("GET Patient/p1?_id=p1"), PATIENT).response.body) == PATIENT


@pytest.mark.parametrize(
    "do",
    [
        f'{{ rename = "name", to = "label", {WHY} }}',
        f'{{ require = "family", {WHY} }}',
        '{ split-list = "_elements", into = "repeated" }',
        '{ limit-ids = 1, parameter = "name" }',
        "{ read-instead-of-search = true }",
        f'{{ drop = "name", filter = "string", {WHY} }}',
        f'{{ filter = "name", {WHY} }}',
    ],
)
def test_verbs_of_searches_leave_a_read_alone(do: str, tmp_path: Path) -> None:
    url = "Patient/p1?name=a,b&_elements=id,name"
    issue = pack_issue(tmp_path, do, 'type = "Patient", parameter = "name"')
    assert sent_url(run(issue, f"GET {url}", {"resourceType": "Patient", "id": "p1"})) == url
