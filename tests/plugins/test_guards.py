"""Guards: whatever a facet of another's repair raises or returns, no answer is lost or made up."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec import Raw
from support.requests import fhir_request, json_response

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.bundle import Entry, Link
from gateway.fhir.search_params import parse_search
from gateway.plugins.guards import with_guards
from gateway.repairs.apply import response_steps
from gateway.repairs.handlers import RequestRepairs, ResponseRepairs
from gateway.repairs.repair import KnownIssue, Repair
from gateway.repairs.witness import UpstreamAnswer, observations

pytestmark = pytest.mark.anyio
ISSUE = KnownIssue("acme:slot", "", "")
KEY = ("ocp-apim-subscription-key", "synthetic")
SLOT = Entry(
    {"resource": Raw(b'{"resourceType":"Slot","id":"1","status":"FREE"}'), "search": Raw(b'{"mode":"match"}')}
)
BUNDLE = {
    "resourceType": "Bundle",
    "type": "searchset",
    "total": 1,
    "link": [{"relation": "next", "url": "x"}],
    "entry": [{"resource": {"resourceType": "Slot", "id": "1"}}],
}


def fail(*_: Any) -> Any:
    raise KeyError("synthetic name of a patient")


def repair(**facets: Any) -> Repair:
    return with_guards(Repair(ISSUE, **facets), {"ocp-apim-subscription-key"})


async def respond(request: FhirRequest, /, **facets: Any) -> FhirResponse:
    async def inner(_: FhirRequest) -> FhirResponse:
        return json_response(BUNDLE)

    own = repair(**facets)
    return await RequestRepairs(ResponseRepairs(inner, [own]), [own])(request)


@pytest.mark.parametrize(
    ("facet", "kind"),
    [
        ("request", "request-repair-failed"),
        *((facet, "response-repair-failed") for facet in ("links", "entry", "fields", "headers")),
    ],
)
async def test_facet_that_raises_becomes_a_failure_with_its_id(facet: str, kind: str) -> None:
    with pytest.raises(Failure) as caught:
        await respond(fhir_request("Slot"), **{facet: fail})
    assert (caught.value.kind.code, caught.value.kind.status) == (kind, 500)
    assert "repair=acme:slot problem=KeyError" in caught.value.diagnostics
    assert "patient" not in caught.value.diagnostics
    assert caught.value.upstream_use.requests == 0


async def test_failure_of_a_response_names_its_upstream_request() -> None:
    from gateway.exchange import UpstreamUse

    async def inner(_: FhirRequest) -> FhirResponse:
        return json_response(BUNDLE).with_upstream_use(UpstreamUse(1, 0.5))

    with pytest.raises(Failure) as caught:
        await ResponseRepairs(inner, [repair(entry=fail)])(fhir_request("Slot"))
    assert caught.value.upstream_use.requests == 1


async def test_failure_after_a_write_says_that_its_outcome_is_unknown() -> None:
    with pytest.raises(Failure) as caught:
        await respond(fhir_request("Slot/1", method="PUT", body=b"{}"), entry=fail)
    assert caught.value.kind.code == "write-outcome-unknown"
    assert [code for _, code in caught.value.codings] == ["response-repair-failed"]


def test_failure_that_a_facet_raises_on_purpose_stays() -> None:
    from gateway.errors import catalog

    def reject(_: FhirRequest) -> FhirRequest:
        raise Failure(catalog.BAD_REQUEST)

    facet = repair(request=reject).request
    assert facet is not None
    with pytest.raises(Failure, match="bad-request"):
        facet(fhir_request("Slot"))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda _: None, "returned NoneType"),
        (lambda request: request.replace(upstream_base="https://attacker.example"), "changed upstream_base"),
        (lambda request: request.replace(site=None), "changed site"),
        (lambda request: request.replace(method="DELETE"), "changed method"),
        (lambda request: request.replace(caller="other"), "changed caller"),
        (lambda request: request.with_plan(split_searches=(parse_search("a=1"),) * 2), "changed plan"),
        (lambda request: request.replace(headers=()), "changed credentials"),
        (lambda request: request.replace(headers=(*request.headers, KEY)), "changed credentials"),
        (lambda request: request.replace(headers=(*request.headers, ("Host", "a"))), "changed credentials"),
        *(
            (lambda request, path=path: request.replace(path=path), "changed the path")
            for path in ("../x", "Slot/../../x", "//attacker.example", "~/x", "Slot?a=1", "Slot/%2e%2e", "")
        ),
    ],
)  # fmt: skip
def test_request_keeps_credentials_host_site_and_number(
    change: Callable[[FhirRequest], Any], problem: str
) -> None:
    facet = repair(request=change).request
    assert facet is not None
    with pytest.raises(Failure) as caught:
        facet(fhir_request("Slot", headers=(KEY,)))
    assert problem in caught.value.diagnostics


def test_search_body_and_further_headers_may_change() -> None:
    changes = {
        "upstream_search": parse_search("b=2"),
        "body": b"x",
        "headers": (KEY, ("prefer", "a")),
        "path": "Slot/1",
    }
    facet = repair(request=lambda request: request.replace(**changes)).request
    assert facet is not None
    assert facet(fhir_request("Slot", headers=(KEY,))).path == "Slot/1"


def with_resource(body: bytes) -> Callable[[FhirRequest, Entry], Entry]:
    return lambda _, entry: entry.with_field("resource", Raw(body))


@pytest.mark.parametrize(
    ("facets", "problem"),
    [
        ({"entry": lambda *_: None}, "returned NoneType for an entry"),
        ({"entry": lambda *_: Entry({})}, "changed how an entry was found"),
        ({"entry": lambda _, old: Entry({"search": old.fields["search"]})}, "added or removed a resource"),
        ({"entry": with_resource(b'{"resourceType":"Slot","id":"2"}')}, "changed id of a resource"),
        ({"entry": with_resource(b'{"resourceType":"Patient","id":"1"}')}, "changed resourceType"),
        ({"entry": with_resource(b"not JSON")}, "UnreadableError"),
    ],
)
def test_entry_stays_the_same_resource(facets: dict[str, Any], problem: str) -> None:
    facet = repair(**facets).entry
    assert facet is not None
    with pytest.raises(Failure) as caught:
        facet(fhir_request("Slot"), SLOT)
    assert problem in caught.value.diagnostics


@pytest.mark.parametrize(
    "facets",
    [
        {"links": lambda *_: ()},
        {"links": lambda _, links: (*links, *links)},
        {"links": lambda *_: [Link("next", "y")]},
        {"fields": lambda *_: {}},
        {"fields": lambda _, fields: {**fields, "total": Raw(b"0")}},
        {"fields": lambda _, fields: {**fields, "type": Raw(b'"history"')}},
        {"fields": lambda *_: None},
        {"headers": lambda *_: None},
        {"headers": lambda *_: (("a", "b\r\nc: d"),)},
        {"headers": lambda *_: (("a",),)},
    ],
)
async def test_match_set_and_links_stay(facets: dict[str, Any]) -> None:
    with pytest.raises(Failure, match="response-repair-failed"):
        await respond(fhir_request("Slot"), **facets)


async def test_correct_facets_are_applied_and_named() -> None:
    facets: dict[str, Any] = {
        "entry": with_resource(b'{"resourceType":"Slot","id":"1","status":"free"}'),
        "links": lambda _, links: tuple(link.with_url("y") for link in links),
        "headers": lambda _, headers: (*headers, ("x-a", "b")),
        "request": lambda request: request.replace(upstream_search=parse_search("status=free")),
    }
    response = (await respond(fhir_request("Slot"), **facets)).with_encoded_body()
    assert response.applied_repairs == ("acme:slot",)
    assert b'"free"' in response.body
    assert b'"y"' in response.body


def test_keeps_that_raises_drops_nothing() -> None:
    keeps = repair(keeps=fail).keeps
    assert keeps is not None
    with pytest.raises(Failure, match="response-repair-failed"):
        keeps(fhir_request("Slot"), SLOT)


def many(*_: Any) -> Iterator[tuple[str, Any]]:
    yield from ((f"{number}", "broken") for number in range(100))


@pytest.mark.parametrize(
    ("witness", "count"),
    [
        (fail, 0),
        (many, 16),
        (lambda *_: [("x" * 65, "broken"), ("a", "excellent"), ("b", "right")], 1),
        (lambda *_: None, 0),
    ],
)
def test_witness_never_fails_and_says_little(witness: Any, count: int) -> None:
    own = repair(witness=witness)
    assert own.witness is not None
    assert len(tuple(own.witness(fhir_request("Slot"), UpstreamAnswer()))) == count
    assert (
        len(observations(fhir_request("Slot"), json_response(BUNDLE), [("acme:slot", own.witness)])) == count
    )


def test_repair_without_facets_stays_without() -> None:
    steps = response_steps([repair()])
    assert not any((steps.entry, steps.links, steps.fields, steps.headers))
    assert repair().request is None
