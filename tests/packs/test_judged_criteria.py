"""Verbs `drop` and `filter`: what is sent, what vanishes, what links and totals say."""

import json
from collections import deque
from pathlib import Path
from typing import Any

import pytest
from support.cpu_time import least_cpu_seconds
from support.packs import client_request, pack_issue, resource_ids, run, searchset, sent_url

from gateway.dates.timezones import load_zone
from gateway.exchange import FhirRequest, FhirResponse, Site
from gateway.fhir.search_params import parse_search
from gateway.repairs.apply import repair_response, response_steps
from gateway.repairs.search_date_format import rewrite_dates

WHY = 'reason = "The vendor refuses it."'
DROP = '{ drop = "gender", filter = "token", ' + WHY + " }"
TYPE = 'type = "Patient"'
FEMALE = {"resourceType": "Patient", "id": "f", "gender": "female"}
MALE = {"resourceType": "Patient", "id": "m", "gender": "male"}
FILTER = '{ filter = "gender", ' + WHY + " }"
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
        "next": f"{BASE}?_getpages=t0ken&_judged:gender=female",
        "about": f"{BASE}/Patient?name=a",
    }
    assert resource_ids(first.response) == []
    following = run(issue, "GET Patient?_getpages=t0ken&_judged:gender=female", searchset(FEMALE, MALE))
    assert sent_url(following) == "Patient?_getpages=t0ken"
    assert resource_ids(following.response) == ["f"]


@pytest.mark.parametrize("position", ["_page=2", "page=2", "_offset=10&name=a", "ct=t0ken"])
def test_page_of_the_upstream_is_followed(position: str, tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, DROP, TYPE)
    link = [{"relation": "next", "url": f"{BASE}/Patient?{position}"}]
    first = run(issue, "GET Patient?gender=female&name=a", searchset(MALE, link=link))
    url = links_of(first.response.body)["next"].removeprefix(f"{BASE}/")
    second = run(issue, f"GET {url}", searchset(FEMALE, MALE, link=link))
    assert sent_url(second) == f"Patient?{position}"
    assert resource_ids(second.response) == ["f"]
    assert links_of(second.response.body)["next"] == f"{BASE}/{url}"


def test_sent_criterion_is_not_beside_a_page_token(tmp_path: Path) -> None:
    """A vendor may refuse any parameter beside its token; a link that states the search keeps it."""
    issue = pack_issue(tmp_path, FILTER, TYPE)
    for position in ("_page_token=t0ken", "gender=female&_page=2"):
        link = [{"relation": "next", "url": f"{BASE}/Patient?{position}"}]
        first = run(issue, "GET Patient?gender=female", searchset(MALE, link=link))
        url = links_of(first.response.body)["next"].removeprefix(f"{BASE}/")
        second = run(issue, f"GET {url}", searchset(FEMALE, MALE))
        assert sent_url(second) == f"Patient?{position}"
        assert resource_ids(second.response) == ["f"]


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
        "GET Patient?gender=female&foo=1",
        "GET Patient?gender=female&name=",
        "GET Patient?gender=female&_page=2",
        "GET Patient?name=a&"
        + "&".join(["gender=female,male,other,unknown"] + [f"gender=male,{n}" for n in range(50)]),
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
    issue = pack_issue(tmp_path, FILTER, TYPE)
    observed = run(issue, "GET Patient?gender=female", searchset(FEMALE, MALE))
    assert sent_url(observed) == "Patient?gender=female"
    assert resource_ids(observed.response) == ["f"]
    assert "total" not in json.loads(observed.response.body)


@pytest.mark.parametrize("query", ["_elements=name", "_summary=text", "_summary=count", "_count=0"])
def test_sent_parameter_is_refused_where_pages_hide_it(query: str, tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, FILTER, TYPE)
    observed = run(issue, f"GET Patient?gender=female&{query}", searchset(SILENT))
    assert (observed.sent, observed.response.status) == ((), 400)
    assert len(run(issue, f"GET Patient?name=a&{query}", searchset(SILENT)).sent) == 1


def test_sent_parameter_of_another_form_is_the_upstreams(tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, FILTER, TYPE)
    observed = run(issue, "GET Patient?gender:not=female", searchset(MALE))
    assert resource_ids(observed.response) == ["m"]
    assert json.loads(observed.response.body)["total"] == 1


@pytest.mark.parametrize("other", ["gender:not=other", "gender:missing=false", "gender=a%5C,b"])
def test_criterion_of_another_form_leaves_the_others_judged(other: str, tmp_path: Path) -> None:
    observed = run(
        pack_issue(tmp_path, FILTER, TYPE), f"GET Patient?gender=female&{other}", searchset(FEMALE, MALE)
    )
    assert sent_url(observed) == f"Patient?gender=female&{other}"
    assert resource_ids(observed.response) == ["f"]
    assert "total" not in json.loads(observed.response.body)


def test_too_many_values_are_refused_also_if_they_are_sent(tmp_path: Path) -> None:
    """Past the bound the upstream's result would not be judged, and each match costs all values."""
    query = "&".join(f"gender=male,{number}" for number in range(51))
    observed = run(pack_issue(tmp_path, FILTER, TYPE), f"GET Patient?{query}", searchset(FEMALE))
    assert (observed.sent, observed.response.status) == ((), 400)
    assert "too-costly" in observed.response.body.decode()


def test_judge_is_made_once_for_all_entries(tmp_path: Path) -> None:
    """A page with 400 matches and 100 values costs about as much as one with one value."""
    issue = pack_issue(tmp_path, FILTER.replace("gender", "code"), 'type = "Observation"')
    coded = {"resourceType": "Observation", "code": {"coding": [{"code": "1"}] * 4}}
    page = json.dumps(searchset(*[coded] * 400)).encode()

    def seconds(form: str) -> float:
        request = run(issue, client_request("POST Observation/_search", form)).sent[0]
        response = FhirResponse(200, (("content-type", "application/json"),), page)
        steps = response_steps([issue.repair()])
        return least_cpu_seconds(lambda: deque(repair_response(request, response, steps), maxlen=0))

    many = "&".join(
        "code=" + ",".join(f"urn:s|{place}{number}" for number in range(10)) for place in range(10)
    )
    assert seconds(many) < 3 * seconds("code=1")


def test_judge_gives_way_to_other_requests(tmp_path: Path) -> None:
    """The pieces of a judged page are about as many as those of reading it."""
    issue = pack_issue(tmp_path, FILTER, TYPE)
    page = json.dumps(searchset(*[FEMALE | {"text": {"div": "x" * 20_000}}] * 100)).encode()
    response = FhirResponse(200, (("content-type", "application/json"),), page)
    request = run(issue, "GET Patient?gender=female").sent[0]

    def pieces(asked: FhirRequest) -> int:
        return sum(1 for _ in repair_response(asked, response, response_steps([issue.repair()])))

    unjudged = sum(1 for _ in repair_response(request, response, response_steps([])))
    assert pieces(request) > 1.4 * unjudged


def test_split_search_is_judged_by_the_clients_criteria(tmp_path: Path) -> None:
    """The gateway's own rewritten dates are no criteria: a part of a split search must not lose a match."""
    issue = pack_issue(tmp_path, '{ filter = "date", ' + WHY + " }", 'type = "Observation"')
    request = client_request("GET Observation?date=2024-01-01,2024-01-03")
    parts = tuple(
        parse_search(f"date=ge{day}&date=lt{end}")
        for day, end in (("2024-01-01", "2024-01-02"), ("2024-01-03", "2024-01-04"))
    )
    split = request.replace(upstream_search=parts[0]).with_plan(split_searches=parts)
    third = {"resourceType": "Observation", "id": "3", "effectiveDateTime": "2024-01-03"}
    link = [{"relation": "next", "url": f"{BASE}/Observation?t=1"}]
    observed = run(
        issue, split, searchset(third, third | {"id": "9", "effectiveDateTime": "2024-01-09"}, link=link)
    )
    assert resource_ids(observed.response) == ["3"]
    next_url = links_of(observed.response.body)["next"]
    assert next_url == f"{BASE}/Observation?t=1&_judged:date=2024-01-01,2024-01-03"


def test_dropped_date_no_longer_splits_the_search(tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, '{ drop = "birthdate", filter = "date", ' + WHY + " }", TYPE)
    asked = client_request("GET Patient?birthdate=1980,1985-05&name=a")
    site = Site("practice", load_zone("Australia/Sydney"), "practice")
    request = rewrite_dates(asked.replace(site=site))
    assert len(request.plan.split_searches or ()) == 2
    repaired = issue.repair().request
    assert repaired is not None
    sent = repaired(request)
    assert (sent.plan.split_searches, sent.plan.date_plans, sent.upstream_search.query) == (
        None,
        (),
        "name=a",
    )


@pytest.mark.parametrize(
    ("type_", "name", "value", "is_sent"),
    [
        ("Observation", "date", "2024-01-01", False),
        ("Observation", "date", "2024-01-01T00:00:00%2B10:00", True),
        ("Patient", "birthdate", "1980", True),
        ("Patient", "birthdate", "1980-01-01T00:00:00Z", False),
    ],
)
def test_dropped_date_needs_no_zone_at_a_mount(
    type_: str, name: str, value: str, is_sent: bool, tmp_path: Path
) -> None:
    verb = f'{{ drop = "{name}", filter = "date", {WHY} }}'
    issue = pack_issue(tmp_path, verb, f'type = "{type_}"')
    observed = run(issue, f"GET {type_}?{name}={value}&_id=1")
    assert bool(observed.sent) is is_sent
    assert ("time zone" in observed.response.body.decode()) is not is_sent


def test_parameter_that_selects_nothing_is_dropped_without_a_judge(tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, '{ drop = "_elements", filter = "none", ' + WHY + " }", TYPE)
    link = [{"relation": "self", "url": f"{BASE}/Patient?name=a"}]
    observed = run(issue, "GET Patient?name=a&_elements=id", searchset(MALE, link=link))
    assert sent_url(observed) == "Patient?name=a"
    assert json.loads(observed.response.body)["total"] == 1
    assert links_of(observed.response.body)["self"].endswith("Patient?name=a&_elements=id")
