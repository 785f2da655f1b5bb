"""Entries and pages of a scripted upstream, as a client sees them."""

from typing import Any

import httpx
import pytest
from conftest import KEY
from end_to_end.failing_gateway import BASE, FailingGateway, checked_issue, error_code

UPSTREAM = f"https://internal.example{BASE}"


def entry(type_: str, id_: str, mode: str = "", **fields: Any) -> dict[str, Any]:
    resource = {"resourceType": type_, "id": id_, **fields}
    search = {"search": {"mode": mode}} if mode else {}
    return {"fullUrl": f"{UPSTREAM}/{type_}/{id_}", "resource": resource, **search}


def bundle(*entries: dict[str, Any], type_: str = "searchset", **fields: Any) -> dict[str, Any]:
    links = [
        {"relation": name, "url": UPSTREAM + fields.pop(name)} for name in ("self", "next") if name in fields
    ]
    return {"resourceType": "Bundle", "type": type_, "link": links, "entry": list(entries), **fields}


def answer(gateway: FailingGateway, *bodies: Any, status: int = 200) -> None:
    """Let the upstream answer with each body once, and with the last one from then on."""
    for number, body in enumerate(bodies, 1):
        times = 1 if number < len(bodies) else None
        gateway.pair.fault(kind="answer", status=status, body=body, times=times)


def ask(gateway: FailingGateway, query: str, **headers: str) -> httpx.Response:
    return gateway.ask("GET", f"{BASE}/{query}", headers=KEY | headers)


def names(response: httpx.Response) -> list[str]:
    return [
        f"{item['resource']['resourceType']}/{item['resource'].get('id', '')}"
        for item in response.json()["entry"]
    ]


def follow_next(gateway: FailingGateway, response: httpx.Response) -> httpx.Response:
    url = next(link["url"] for link in response.json()["link"] if link["relation"] == "next")
    return gateway.ask("GET", url.removeprefix(gateway.url))


def test_history_keeps_all_versions_at_one_url(gateway: FailingGateway) -> None:
    versions = [entry("Patient", "1", meta={"versionId": version}) for version in ("3", "2", "1")]
    answer(gateway, bundle(*versions, type_="history", total=3))
    body = ask(gateway, "Patient/1/_history").json()
    assert [item["resource"]["meta"]["versionId"] for item in body["entry"]] == ["3", "2", "1"]


OBSERVATIONS = [
    entry(
        "Observation",
        str(number),
        effectiveDateTime=f"2026-0{3 + number}-05T10:00:00+10:00",
        subject={"reference": f"Patient/{number}"},
        hasMember=[{"reference": f"Observation/{number + 2}"}],
    )
    for number in (1, 2)
]


@pytest.mark.parametrize("mode", ["", "match"])
def test_includes_without_mode_stay_while_a_filter_works(gateway: FailingGateway, mode: str) -> None:
    matches = [item | ({"search": {"mode": mode}} if mode else {}) for item in OBSERVATIONS]
    outcome = {"resource": {"resourceType": "OperationOutcome", "issue": [
        {"severity": "information", "code": "informational"}]}}  # fmt: skip
    member = entry("Observation", "3", effectiveDateTime="2020-01-01T10:00:00+10:00")
    includes = [entry("Patient", "1"), entry("Patient", "2"), member, entry("Provenance", "4", target=[
        {"reference": "Observation/1"}])]  # fmt: skip
    answer(gateway, bundle(*matches, *includes, outcome))
    response = ask(
        gateway,
        "Observation?date=2026-04-05&code=x&_include=Observation:subject&_include=Observation:has-member"
        "&_revinclude=*",
    )
    expected = ["Observation/1", "Observation/3", "Patient/1", "Provenance/4", "OperationOutcome/"]
    assert sorted(names(response)) == sorted(expected)
    modes = {
        item["resource"]["resourceType"]: item.get("search", {}).get("mode")
        for item in response.json()["entry"]
    }
    assert (modes["Patient"], modes["OperationOutcome"]) == ("include", "outcome")


@pytest.mark.parametrize("status", [202, 204, 304])
@pytest.mark.parametrize("path", ["Patient?name=a", "Patient/1", "Patient/1/_history", "metadata"])
def test_unasked_status_never_reaches_a_client(gateway: FailingGateway, path: str, status: int) -> None:
    answer(gateway, "", status=status)
    checked_issue(ask(gateway, path, **{"if-none-match": "a"}), 502)


@pytest.mark.parametrize("prefer", ["", "respond-async"])
def test_later_page_without_bundle_fails_the_search(gateway: FailingGateway, prefer: str) -> None:
    gateway.pair.fault(kind="answer", status=200, body=bundle(next="/Encounter?token=a"), times=1)
    gateway.pair.fault(kind="answer", status=202, body="")
    response = ask(gateway, "Encounter?date=2026-04-05&status=finished", prefer=prefer)
    expected = "upstream-page-missing" if prefer else "upstream-not-fhir"
    assert error_code(checked_issue(response, 502)) == expected


def test_only_page_with_fewer_matches_than_its_total_is_refused(gateway: FailingGateway) -> None:
    answer(gateway, bundle(entry("Patient", "1", "match"), total=40))
    assert error_code(checked_issue(ask(gateway, "Patient?name=a"), 502)) == "upstream-incomplete"


def test_full_page_without_next_has_a_warning(gateway: FailingGateway) -> None:
    answer(gateway, bundle(entry("Patient", "1", "match"), total=40))
    body = ask(gateway, "Patient?name=a&_count=1").json()
    assert body["entry"][-1]["resource"]["issue"][0]["severity"] == "warning"
    assert (body["total"], len(body["entry"])) == (40, 2)


def test_last_of_several_pages_may_have_fewer_matches(gateway: FailingGateway) -> None:
    pages = [bundle(entry("Patient", str(number), "match"), total=2) for number in (1, 2)]
    pages[0]["link"] = [{"relation": "next", "url": f"{UPSTREAM}/Patient?token=a"}]
    answer(gateway, *pages)
    first = ask(gateway, "Patient?name=a")
    last = follow_next(gateway, first)
    assert (names(first), names(last)) == (["Patient/1"], ["Patient/2"])
    assert len(last.json()["entry"]) == 1


@pytest.mark.parametrize(
    ("links", "expected_queries"),
    [
        (["/Patient?name=a"], 1),
        (["/Patient?token=1", "/Patient?token=1"], 2),
        (["/Patient?token=1", "/Patient?token=2", "/Patient?token=1"], 3),
        (["/Patient?token=1", "/Patient?token=2", "/Patient?name=a"], 3),
        (["/Patient?token=0", "/Patient?token=1", "/Patient?token=0", "/Patient?token=1"], 3),
    ],
)
def test_next_that_leads_back_is_refused(
    gateway: FailingGateway, links: list[str], expected_queries: int
) -> None:
    answer(
        gateway,
        *(bundle(entry("Patient", str(number), "match"), next=link) for number, link in enumerate(links)),
    )
    response = ask(gateway, "Patient?name=a")
    for _ in links:
        response = follow_next(gateway, response) if response.status_code == 200 else response
    assert error_code(checked_issue(response, 502)) == "upstream-link-loop"
    assert len(gateway.pair.sent()) == expected_queries


def test_empty_pages_that_lead_to_themselves_cost_two_queries(gateway: FailingGateway) -> None:
    answer(gateway, bundle(next="/Encounter?token=a"))
    response = ask(gateway, "Encounter?date=2026-04-05&status=finished")
    assert error_code(checked_issue(response, 502)) == "upstream-link-loop"
    assert len(gateway.pair.sent()) == 2


@pytest.mark.parametrize(
    ("link", "self_link", "sent_query"),
    [
        ("_page_token=abc", "", "_page_token=abc"),
        ("_page_token=abc", "name=a&_include=Patient:link", "_page_token=abc"),
        ("_page_token=abc", "name=a", "_page_token=abc&_include=Patient:link"),
        ("name=a&_offset=1", "", "name=a&_offset=1&_include=Patient:link"),
    ],
)
def test_opaque_link_is_sent_as_it_is(
    gateway: FailingGateway, link: str, self_link: str, sent_query: str
) -> None:
    links = {"next": f"/Patient?{link}"} | ({"self": f"/Patient?{self_link}"} if self_link else {})
    answer(gateway, bundle(entry("Patient", "1", "match"), **links), bundle(entry("Patient", "2", "match")))
    follow_next(gateway, ask(gateway, "Patient?name=a&_include=Patient:link"))
    sent = gateway.pair.sent()[-1]
    assert sent["parameters"] == [pair.split("=") for pair in sent_query.split("&")]
