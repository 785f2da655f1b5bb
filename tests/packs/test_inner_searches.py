"""Searches that no verb reaches: later ones, conditions of changes, entries of Bundles, pages of bases."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.packs import client_request, pack_issue, run, searchset, sent_url

from gateway.fhir.interaction import Interaction
from gateway.packs.load import PackIssue

WHY = 'reason = "The vendor says so."'
DROP = f'{{ drop = "gender", filter = "token", {WHY} }}'
FILTER = f'{{ filter = "gender", {WHY} }}'
RENAME = f'{{ rename = "phone", to = "mobile", {WHY} }}'
REQUIRE = f'{{ require = "family", {WHY} }}'
TYPE = 'type = "Patient"'
SEARCHES = f'{TYPE}, interaction = "search-type"'


def refusal(issue: PackIssue, request: Any) -> dict[str, Any]:
    """Issue of the OperationOutcome that refuses a request; empty if it went up."""
    observed = run(issue, request)
    if observed.sent:
        return {}
    assert observed.response.status == 400
    found: dict[str, Any] = json.loads(observed.response.body)["issue"][0]
    assert found["details"]["coding"][0]["code"] == "pack-refusal"
    return found


@pytest.mark.parametrize("do", [DROP, FILTER, f'{{ rename = "gender", to = "sex", {WHY} }}'])
def test_search_whose_matches_come_later_is_refused(do: str, tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, do, TYPE)
    asked = client_request("GET Patient?family=x&gender=female", Prefer="respond-async, wait=5")
    assert refusal(issue, asked)["expression"] == ["http.prefer"]
    assert not refusal(issue, client_request("GET Patient?family=x", Prefer="respond-async"))
    assert not refusal(issue, client_request("GET Patient?family=x&gender=female", Prefer="wait=5"))


def test_matches_that_come_later_unasked_are_an_error(tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, DROP, TYPE)
    observed = run(issue, "GET Patient?family=x&gender=female", searchset(), 202)
    assert (len(observed.sent), observed.response.status) == (1, 502)
    assert b"expected=Bundle" in observed.response.body
    asked = client_request("GET Patient?family=x", Prefer="respond-async")
    assert run(issue, asked, searchset(), 202).response.status == 202


CONDITIONAL = [
    ("PUT Patient?family=x&gender=female", {}),
    ("PATCH Patient?gender:not=female", {}),
    ("PUT Patient/p1?gender=female", {}),
    ("POST Patient", {"If-None-Exist": "family=x&gender=female"}),
    ("POST Patient", {"If-None-Exist": "Patient?gender=female"}),
]


@pytest.mark.parametrize(("url", "headers"), CONDITIONAL)
@pytest.mark.parametrize("do", [DROP, FILTER, f'{{ rename = "gender", to = "sex", {WHY} }}'])
def test_condition_by_a_changed_parameter_is_refused(
    do: str, url: str, headers: dict[str, str], tmp_path: Path
) -> None:
    issue = pack_issue(tmp_path, do, SEARCHES)
    assert refusal(issue, client_request(url, **headers))["expression"]
    other = {name: value.replace("gender", "address") for name, value in headers.items()}
    assert not refusal(issue, client_request(url.replace("gender", "address"), **other))


def test_condition_that_its_search_would_not_pass_is_refused(tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, REQUIRE, f'{TYPE}, parameter = "identifier"')
    assert refusal(issue, "PUT Patient?identifier=1")
    assert not refusal(issue, "PUT Patient?identifier=1&family=a")


def test_condition_needs_no_default_and_no_list(tmp_path: Path) -> None:
    default = f'{{ require = "_count", default = "50", {WHY} }}'
    issue = pack_issue(tmp_path, default, f'{TYPE}, parameter = "name"')
    assert not refusal(issue, "PUT Patient?name=a")


def bundle(*requests: dict[str, str]) -> str:
    return json.dumps(
        {"resourceType": "Bundle", "type": "batch", "entry": [{"request": r} for r in requests]}
    )


def posted(*requests: dict[str, str]) -> Any:
    request = client_request("GET Patient")
    body = bundle(*requests).encode()
    return request.replace(method="POST", path="", interaction=Interaction("transaction"), body=body)


READ = {"method": "GET", "url": "Patient/p1"}


@pytest.mark.parametrize("do", [DROP, FILTER, f'{{ rename = "gender", to = "sex", {WHY} }}'])
@pytest.mark.parametrize(
    "entry",
    [
        {"method": "GET", "url": "Patient?family=x&gender=female"},
        {"method": "GET", "url": "/Patient?g%65nder=female"},
        {"method": "POST", "url": "Patient/_search"},
        {"method": "PUT", "url": "Patient?gender=female"},
        {"method": "DELETE", "url": "Patient?gender=female"},
        {"method": "POST", "url": "Patient", "ifNoneExist": "gender=female"},
    ],
)
def test_entry_that_a_verb_concerns_is_refused(do: str, entry: dict[str, str], tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, do, SEARCHES)
    assert refusal(issue, posted(READ, entry))["expression"] == ["Bundle.entry[1].request"]


@pytest.mark.parametrize(
    "entry",
    [
        {"method": "GET", "url": "Patient?family=x"},
        {"method": "GET", "url": "Person?gender=female"},
        {"method": "GET", "url": "Patient/p1/_history"},
        {"method": "POST", "url": "Patient"},
        {"method": "DELETE", "url": "Patient/p1"},
    ],
)
def test_entries_that_no_verb_concerns_are_sent(entry: dict[str, str], tmp_path: Path) -> None:
    request = posted(READ, entry)
    observed = run(pack_issue(tmp_path, DROP, TYPE), request)
    assert [each.body for each in observed.sent] == [request.body]


@pytest.mark.parametrize(
    ("do", "url"),
    [
        ("{ limit-ids = 1 }", "Patient?_id=a,b"),
        ("{ read-instead-of-search = true }", "Patient?_id=a"),
        ('{ split-list = "_sort", into = "repeated" }', "Patient?_sort=a,b"),
    ],
)
def test_entry_that_a_verb_would_change_is_refused(do: str, url: str, tmp_path: Path) -> None:
    assert refusal(pack_issue(tmp_path, do, TYPE), posted({"method": "GET", "url": url}))


def test_verbs_of_answers_leave_a_bundle_alone(tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, '{ set-header = "Prefer", value = "handling=strict" }')
    assert not refusal(issue, posted({"method": "FETCH", "url": "?"}))


def test_page_of_the_base_with_a_judged_parameter_is_refused(tmp_path: Path) -> None:
    """Its URL names no type, so its matches cannot be judged."""
    page = client_request("GET Patient?_getpages=x&gender=female")
    page = page.replace(path="", interaction=Interaction("search-type"))
    for do in (DROP, FILTER):
        assert refusal(pack_issue(tmp_path, do, TYPE), page)["expression"] == ["http.gender"]
    assert not refusal(pack_issue(tmp_path, RENAME, TYPE), page)
    assert sent_url(run(pack_issue(tmp_path, RENAME, TYPE), page)).endswith("?_getpages=x&gender=female")
