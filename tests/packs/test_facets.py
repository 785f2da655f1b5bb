"""Facets in the handlers of a practice: pages through the search executor, and switches of sites."""

import asyncio
import dataclasses
import json
from pathlib import Path

import pytest
from support.packs import client_request, pack_issue, resource_ids, run, searchset
from support.requests import json_response
from support.scripted_upstream import ScriptedUpstream

from gateway.exchange import FhirRequest, FhirResponse
from gateway.packs.facets import Facets, make_repair
from gateway.repairs.handlers import RequestRepairs, ResponseRepairs
from gateway.repairs.repair import KnownIssue
from gateway.search.executor import SearchExecutor

DROP = '{ drop = "gender", filter = "token", reason = "The vendor refuses it." }'
FEMALE = {"resourceType": "Patient", "id": "f", "gender": "female"}
MALE = {"resourceType": "Patient", "id": "m", "gender": "male"}


@pytest.mark.parametrize("link", ["Patient?name=a&_page=2", "Patient?_getpages=t0ken"])
def test_second_page_of_a_practice_is_judged_too(link: str, tmp_path: Path) -> None:
    """The criterion reaches the next page through its link, and the upstream never."""
    repairs = [pack_issue(tmp_path, DROP, 'type = "Patient"').repair()]
    request = client_request("GET Patient?gender=female&name=a")
    url = f"{request.upstream_base}/{link}"
    first = searchset(FEMALE, MALE, link=[{"relation": "next", "url": url}])
    upstream = ScriptedUpstream(json_response(first), json_response(searchset(MALE, FEMALE)))
    executor = RequestRepairs(SearchExecutor(ResponseRepairs(upstream, repairs), 1), repairs)

    async def read(request: FhirRequest) -> FhirResponse:
        return await executor(request)

    response = asyncio.run(read(request))
    assert response.paging is not None
    following = request.with_plan(position=response.paging.page_positions["next"])
    second = asyncio.run(read(following))
    assert [each.upstream_search.query for each in upstream.requests] == ["name=a", link.partition("?")[2]]
    for each in (response, second):
        assert resource_ids(each.with_encoded_body()) == ["f"]
        assert "total" not in json.loads(each.with_encoded_body().body)


def test_site_switches_an_issue_off(tmp_path: Path) -> None:
    issue = pack_issue(tmp_path, DROP, 'type = "Patient"')
    request = client_request("GET Patient?gender=female&name=a")
    assert request.site
    site = dataclasses.replace(request.site, disabled_repairs=frozenset({"vendor:one"}))
    observed = run(issue, request.replace(site=site), searchset(FEMALE, MALE))
    assert observed.sent[0].upstream_search is request.upstream_search
    assert resource_ids(observed.response) == ["f", "m"]


def test_verbs_are_applied_in_the_order_of_the_file() -> None:
    issue = KnownIssue("vendor:one", "A fault", "https://vendor.example")
    verbs = [Facets(headers=lambda _, headers, name=name: (*headers, (name, "1"))) for name in "ab"]  # type: ignore[misc]
    repair = make_repair(issue, verbs)
    assert repair.headers is not None
    assert repair.headers(client_request("GET Patient"), ()) == (("a", "1"), ("b", "1"))
    assert (repair.request, repair.entry, repair.fields, repair.links, repair.keeps) == (None,) * 5
