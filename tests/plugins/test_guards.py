"""Guards: whatever a facet of another's repair raises or returns, no answer is lost or made up."""

from asyncio import CancelledError
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from msgspec import Raw
from support.requests import fhir_request, json_response

from gateway.errors.failure import Failure, FailureKind
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
BUNDLE: dict[str, Any] = {
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


REJECTION = FailureKind("acme-refusal", 400, "invalid", "Nothing was changed. Correct the request.")


def rejects(*_: Any) -> Any:
    raise Failure(REJECTION)


@pytest.mark.parametrize("facet", ["entry", "fields", "links", "headers"])
async def test_raised_failure_never_hides_a_write(facet: str) -> None:
    with pytest.raises(Failure) as caught:
        await respond(fhir_request("Slot", method="POST", body=b"{}"), **{facet: rejects})
    assert caught.value.kind.code == "write-outcome-unknown"
    assert "raised acme-refusal after a write" in caught.value.diagnostics
    with pytest.raises(Failure, match="acme-refusal"):
        await respond(fhir_request("Slot"), **{facet: rejects})


@pytest.mark.parametrize("status", [200, 204, 304, 399, 418.0, 460, 999, True, "400"])
@pytest.mark.parametrize("facet", ["request", "entry", "keeps"])
async def test_raised_failure_has_the_status_of_an_error(status: Any, facet: str) -> None:
    def succeed(*_: Any) -> Any:
        raise Failure(replace(REJECTION, status=status))

    side = "request" if facet == "request" else "response"
    with pytest.raises(Failure, match=f"{side}-repair-failed") as caught:
        await respond(fhir_request("Slot"), **{facet: succeed})
    assert "acme-refusal must have a registered status" in caught.value.diagnostics


async def test_raised_failure_relays_no_response() -> None:
    def relay(*_: Any) -> Any:
        raise Failure(REJECTION, upstream_response=FhirResponse(200))

    with pytest.raises(Failure, match="request-repair-failed"):
        await respond(fhir_request("Slot"), request=relay)


def empty_entry(_: FhirRequest, entry: Entry) -> Entry:
    entry.fields.clear()  # type: ignore[attr-defined]
    return entry


def other_entry(_: FhirRequest, entry: Entry) -> Any:
    entry.fields["resource"] = Raw(b'{"resourceType":"Patient","id":"9"}')  # type: ignore[index]
    return entry


def other_total(_: FhirRequest, fields: Any) -> Any:
    fields["total"] = Raw(b"0")
    return fields


def other_link(_: FhirRequest, links: Any) -> Any:
    links[0].fields["url"] = Raw(b'"y"')
    return links


def other_search(request: FhirRequest, argument: Any = None) -> Any:
    request.upstream_search.values_by_name["status"] = ("busy",)  # type: ignore[index]
    return request if argument is None else argument


@pytest.mark.parametrize(
    "facets",
    [
        {"entry": empty_entry},
        {"entry": other_entry},
        {"entry": other_search},
        {"keeps": other_entry},
        {"fields": other_total},
        {"links": other_link},
        {"request": other_search},
    ],
)
async def test_change_in_place_is_a_failure(facets: dict[str, Any]) -> None:
    with pytest.raises(Failure, match="-repair-failed") as caught:
        await respond(fhir_request("Slot", "status=free"), **facets)
    assert caught.value.diagnostics.endswith(("TypeError", "AttributeError"))


def test_witness_cannot_change_the_answer() -> None:
    def overwrite(_: FhirRequest, answer: UpstreamAnswer) -> Iterator[tuple[str, Any]]:
        assert answer.failure is not None
        answer.failure.text = "overwritten"
        yield "changed", "seen"
        answer.samples[0].fields["resource"] = Raw(b"{}")  # type: ignore[index]

    failure, witness = Failure(REJECTION), repair(witness=overwrite).witness
    assert witness is not None
    assert tuple(witness(fhir_request("Slot"), UpstreamAnswer(samples=(SLOT,), failure=failure))) == ()
    assert failure.text == REJECTION.text


def test_returned_mapping_is_copied() -> None:
    own: dict[str, Raw] = {}

    def fields(_: FhirRequest, old: Any) -> Any:
        own.update(old)
        return own

    facet = repair(fields=fields).fields
    assert facet is not None
    result = facet(fhir_request("Slot"), {"resourceType": Raw(b'"Bundle"')})
    own.clear()
    assert "resourceType" in result


@pytest.mark.parametrize("result", [None, 0, 1, "yes", []])
async def test_filter_returns_a_bool(result: Any) -> None:
    with pytest.raises(Failure, match="response-repair-failed") as caught:
        await respond(fhir_request("Slot"), keeps=lambda *_: result)
    assert f"returned {type(result).__name__} instead of a bool" in caught.value.diagnostics


SECOND = {"resource": {"resourceType": "Slot", "id": "2"}}
TWO = {**BUNDLE, "link": [], "total": 2, "entry": [*BUNDLE["entry"], SECOND]}


async def total_after(bundle: Any, keeps: Any, query: str = "") -> int | None:
    async def inner(_: FhirRequest) -> FhirResponse:
        return json_response(bundle)

    response = await ResponseRepairs(inner, [repair(keeps=keeps)])(fhir_request("Slot", query))
    assert response.bundle is not None
    return response.bundle.total


async def test_total_never_counts_what_a_filter_removes() -> None:
    assert await total_after(TWO, lambda *_: True) == 2
    assert await total_after(TWO, lambda _, entry: b'"2"' not in bytes(entry.resource)) is None
    assert await total_after({**TWO, "link": BUNDLE["link"]}, lambda *_: True) is None
    assert await total_after({**TWO, "entry": []}, lambda *_: True, "_summary=count") is None
    assert await total_after({**TWO, "entry": [], "total": 0}, lambda *_: True, "_summary=count") == 0


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit, CancelledError])
@pytest.mark.parametrize("facet", ["request", "entry", "keeps"])
async def test_facet_cannot_end_the_process(error: type[BaseException], facet: str) -> None:
    def end(*_: Any) -> Any:
        raise error

    with pytest.raises(Failure, match="-repair-failed") as caught:
        await respond(fhir_request("Slot"), **{facet: end})
    assert f"problem={error.__name__}" in caught.value.diagnostics
    witness = repair(witness=end).witness
    assert witness is not None
    assert tuple(witness(fhir_request("Slot"), UpstreamAnswer())) == ()


async def test_headers_of_a_result_are_in_lower_case() -> None:
    response = await respond(fhir_request("Slot"), headers=lambda _, old: (*old, ("X-A", "b")))
    assert response.header("x-a") == "b"


def test_headers_of_a_request_are_in_lower_case() -> None:
    facet = repair(request=lambda request: request.replace(headers=(("Prefer", "handling=strict"),))).request
    assert facet is not None
    assert facet(fhir_request("Slot")).header("prefer") == "handling=strict"
