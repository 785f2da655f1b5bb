"""Verbs `drop` and `filter`: what is sent, what vanishes, what links and totals say."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from support.packs import client_request, pack_issue, resource_ids, run, searchset, sent_url
from support.requests import json_response
from support.scripted_upstream import ScriptedUpstream

from gateway.exchange import Position
from gateway.repairs.handlers import ResponseRepairs

WHY = 'reason = "The vendor refuses it."'
DROP = '{ drop = "gender", filter = "token", ' + WHY + " }"
TYPE = 'type = "Patient"'
FEMALE = {"resourceType": "Patient", "id": "f", "gender": "female"}
MALE = {"resourceType": "Patient", "id": "m", "gender": "male"}
SILENT = {"resourceType": "Patient", "id": "s"}
BASE = "https://upstream.example/fhir"


def links_of(body: bytes) -> dict[str, str]:
    return {link["relation"]: link["url"] for link in json.loads(body)["link"]}


def test_parameter_is_not_sent_and_its_matches_are_judged(tmp_path: Path) -> None:
    observed = run(
        pack_issue(tmp_path, DROP, TYPE),
        "GET Patient?gender=female&name=a",
        searchset(FEMALE, MALE, SILENT, id="b1"),
    )
    assert sent_url(observed) == "Patient?name=a"
    assert resource_ids(observed.response) == ["f"]
    assert "total" not in json.loads(observed.response.body)
    assert observed.response.applied_repairs == ("vendor:one",)


def test_total_goes_though_no_match_of_this_page_does(tmp_path: Path) -> None:
    observed = run(
        pack_issue(tmp_path, DROP, TYPE), "GET Patient?gender=female&name=a", searchset(FEMALE, total=7)
    )
    assert resource_ids(observed.response) == ["f"]
    assert "total" not in json.loads(observed.response.body)


def test_links_keep_the_criterion_also_on_an_opaque_page(tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, DROP, TYPE)
    link = [
        {"relation": "self", "url": f"{BASE}/Patient?name=a"},
        {"relation": "next", "url": f"{BASE}?_getpages=t0ken"},
        {"relation": "about", "url": f"{BASE}/Patient?name=a"},
    ]
    first = run(issue, "GET Patient?gender=female&name=a", searchset(MALE, link=link))
    assert links_of(first.response.body) == {
        "self": f"{BASE}/Patient?name=a&gender=female",
        "next": f"{BASE}?_getpages=t0ken&gender=female",
        "about": f"{BASE}/Patient?name=a",
    }
    assert resource_ids(first.response) == []
    following = run(issue, "GET Patient?_getpages=t0ken&gender=female", searchset(FEMALE, MALE))
    assert sent_url(following) == "Patient?_getpages=t0ken"
    assert resource_ids(following.response) == ["f"]


def test_page_of_a_link_is_sent_without_the_criterion(tmp_path: Path) -> None:
    """The search executor sends an upstream's link as it is; the criterion was restored in it."""
    request = client_request("GET Patient?name=a&_page=2&gender=female")
    position = Position(upstream_link="/Patient?name=a&_page=2&gender=female")
    sent = client_request("GET Patient?name=a").client_search
    page = request.replace(client_search=sent).with_plan(position=position)
    upstream = ScriptedUpstream(json_response(searchset(FEMALE, MALE)))
    response = asyncio.run(ResponseRepairs(upstream, [pack_issue(tmp_path, DROP, TYPE).repair()])(page))
    assert [each.upstream_search.query for each in upstream.requests] == ["name=a&_page=2"]
    assert resource_ids(response.with_encoded_body()) == ["f"]


def test_includes_stay_unless_only_a_removed_match_needs_them(tmp_path: Path) -> None:
    def with_organization(patient: dict[str, Any], name: str) -> dict[str, Any]:
        return patient | {"managingOrganization": {"reference": f"Organization/{name}"}}

    bundle = searchset(with_organization(FEMALE, "o1"), with_organization(MALE, "o2"))
    for name in ("o1", "o2"):
        organization = {"resourceType": "Organization", "id": name}
        bundle["entry"].append({"resource": organization, "search": {"mode": "include"}})
    outcome = {
        "resourceType": "OperationOutcome",
        "id": "w",
        "issue": [{"severity": "warning", "code": "value"}],
    }
    bundle["entry"].append({"resource": outcome, "search": {"mode": "outcome"}})
    observed = run(
        pack_issue(tmp_path, DROP, TYPE),
        "GET Patient?gender=female&name=a&_include=Patient:organization",
        bundle,
    )
    assert resource_ids(observed.response) == ["f", "o1", "w"]


@pytest.mark.parametrize(
    "url",
    [
        "GET Patient?gender:not=female&name=a",
        "GET Patient?gender=fe\\male&name=a",
        "GET Patient?gender=female",
        "GET Patient?gender=female&_count=10&_sort=name",
        "GET Patient?gender=female&name=a&_summary=count",
        "GET Patient?gender=female&name=a&_count=0",
        "GET Patient?gender=female&name=a&_elements=name",
        "GET Patient?gender=female&name=a&_summary=text",
        "GET Patient?gender=female&name=a&_include=Patient:link:Patient",
        "GET Patient?gender=female&gender:not=male&name=a",
    ],
)
def test_search_that_cannot_be_judged_is_not_sent(url: str, tmp_path: Path) -> None:
    observed = run(pack_issue(tmp_path, DROP, TYPE), url, searchset(FEMALE, MALE))
    assert observed.sent == ()
    assert observed.response.status == 400
    body = observed.response.body.decode()
    assert "pack-refusal" in body
    assert "http.gender" in body
    assert "male" not in body


@pytest.mark.parametrize("request_text", ["GET Patient?name=a", "GET Observation?gender=x", "GET Patient/m"])
def test_request_without_the_issue_is_untouched(request_text: str, tmp_path: Path) -> None:
    content = MALE if "/" in request_text else searchset(MALE)
    observed = run(pack_issue(tmp_path, DROP, TYPE), request_text, content)
    assert sent_url(observed) == request_text.removeprefix("GET ")
    assert json.loads(observed.response.body) == content
    assert observed.response.applied_repairs == ()


def test_entry_of_another_type_without_a_mode_is_no_match(tmp_path: Path) -> None:
    bundle = searchset(FEMALE)
    bundle["entry"].append({"resource": {"resourceType": "Organization", "id": "o1"}})
    bundle["entry"].append({"resource": MALE})
    observed = run(pack_issue(tmp_path, DROP, TYPE), "GET Patient?gender=female&name=a", bundle)
    assert resource_ids(observed.response) == ["f", "o1"]


def test_search_by_form_is_judged(tmp_path: Path) -> None:
    request = client_request("POST Patient/_search", "gender=female&name=a")
    observed = run(pack_issue(tmp_path, DROP, TYPE), request, searchset(FEMALE, MALE))
    assert [each.upstream_body for each in observed.sent] == [b"name=a"]
    assert resource_ids(observed.response) == ["f"]


def test_split_searches_are_sent_without_the_parameter(tmp_path: Path) -> None:
    request = client_request("GET Patient?gender=female&name=a")
    split = request.with_plan(split_searches=(request.upstream_search, request.upstream_search))
    observed = run(pack_issue(tmp_path, DROP, TYPE), split, searchset(MALE))
    assert [search.query for search in observed.sent[0].plan.split_searches or ()] == ["name=a"] * 2


def test_sent_parameter_is_judged_too(tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, '{ filter = "gender", ' + WHY + " }", TYPE)
    observed = run(issue, "GET Patient?gender=female", searchset(FEMALE, MALE))
    assert sent_url(observed) == "Patient?gender=female"
    assert resource_ids(observed.response) == ["f"]
    assert "total" not in json.loads(observed.response.body)


@pytest.mark.parametrize("query", ["_elements=name", "_summary=text", "_summary=count", "_count=0"])
def test_sent_parameter_is_refused_where_pages_hide_it(query: str, tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, '{ filter = "gender", ' + WHY + " }", TYPE)
    observed = run(issue, f"GET Patient?gender=female&{query}", searchset(SILENT))
    assert (observed.sent, observed.response.status) == ((), 400)
    assert len(run(issue, f"GET Patient?name=a&{query}", searchset(SILENT)).sent) == 1


def test_sent_parameter_of_another_form_is_the_upstreams(tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, '{ filter = "gender", ' + WHY + " }", TYPE)
    observed = run(issue, "GET Patient?gender:not=female", searchset(MALE))
    assert resource_ids(observed.response) == ["m"]
    assert json.loads(observed.response.body)["total"] == 1


def test_parameter_that_selects_nothing_is_dropped_without_a_judge(tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, '{ drop = "_elements", filter = "none", ' + WHY + " }", TYPE)
    link = [{"relation": "self", "url": f"{BASE}/Patient?name=a"}]
    observed = run(issue, "GET Patient?name=a&_elements=id", searchset(MALE, link=link))
    assert sent_url(observed) == "Patient?name=a"
    assert json.loads(observed.response.body)["total"] == 1
    assert links_of(observed.response.body)["self"].endswith("Patient?name=a&_elements=id")
