"""Each proof of a repair holds for a correct one, and fails with a clear text for each way to be wrong."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

import halo_gateway.testing
from gateway.exchange import FhirRequest
from gateway.fhir.bundle import Entry
from gateway.fhir.raw_json import encode, object_fields, string_json, string_value
from gateway.plugins.proofs import check_exchange, check_repair
from gateway.plugins.recordings import Exchange, Expectation
from gateway.repairs.repair import KnownIssue, Repair
from gateway.repairs.witness import UpstreamAnswer
from gateway.sites.issue_states import Verdict


def slot(status: str) -> dict[str, Any]:
    return {"resourceType": "Slot", "id": "1", "status": status}


BROKEN = Exchange(
    request="GET Slot/1", shows="broken", body=slot("FREE"), expect=Expectation(body=slot("free"))
)
RIGHT = Exchange(request="GET Slot/1", shows="right", body=slot("free"))


def with_status(entry: Entry, status: str) -> Entry:
    fields = object_fields(entry.resource or b"")
    return entry.with_field("resource", encode({**fields, "status": string_json(status)}))


def correct(_: FhirRequest, entry: Entry) -> Entry:
    status = string_value(object_fields(entry.resource or b"").get("status"))
    return with_status(entry, "free") if status == "FREE" else entry


def witness(_: FhirRequest, answer: UpstreamAnswer) -> Iterator[tuple[str, Verdict]]:
    for entry in answer.samples:
        status = string_value(object_fields(entry.resource or b"").get("status"))
        yield "", "right" if status.islower() else "broken"


def repair(**facets: Any) -> Repair:
    return Repair(KnownIssue("slot-status-case", "", ""), **({"entry": correct} | facets))


def search(parameter: str) -> Exchange:
    return Exchange(
        request=f"GET Slot?{parameter}",
        shows="broken" if "state" in parameter else "right",
        status=400,
        expect=Expectation(request="GET Slot?status=free") if "state" in parameter else None,
    )


def rename(request: FhirRequest) -> FhirRequest:
    old = request.upstream_search
    new = halo_gateway.parse_search(old.query.replace("state=", "status="))
    return request if new.query == old.query else request.replace(upstream_search=new)


def test_correct_repair_is_proved_with_expectation_and_witness() -> None:
    check_repair(repair(), [BROKEN, RIGHT])
    check_repair(repair(witness=witness), [BROKEN, RIGHT])
    check_repair(repair(witness=witness), [replace_exchange(BROKEN, expect=None), RIGHT])
    halo_gateway.testing.check_repair(repair(), [BROKEN, RIGHT])


def test_repair_of_a_request_is_proved() -> None:
    check_repair(repair(entry=None, request=rename), [search("state=free"), search("status=free")])


def replace_exchange(exchange: Exchange, **changes: Any) -> Exchange:
    import msgspec

    return msgspec.structs.replace(exchange, **changes)


def lower(_: FhirRequest, entry: Entry) -> Entry:
    return with_status(entry, "free")


def grow(_: FhirRequest, entry: Entry) -> Entry:
    status = string_value(object_fields(entry.resource or b"").get("status"))
    return entry if status == "free" else with_status(entry, status + "E")


def silent(*_: object) -> Iterable[tuple[str, Verdict]]:
    return ()


def always_broken(*_: object) -> Iterable[tuple[str, Verdict]]:
    return [("", "broken")]


def always_right(*_: object) -> Iterable[tuple[str, Verdict]]:
    return [("", "right")]


NO_EXPECTATION = replace_exchange(BROKEN, expect=None)


@pytest.mark.parametrize(
    ("wrong", "exchange", "problem"),
    [
        (repair(entry=lambda _, entry: entry), BROKEN, "the fault is not real"),
        (repair(), NO_EXPECTATION, "nothing shows the fault"),
        (repair(witness=silent), NO_EXPECTATION, "nothing shows the fault"),
        (repair(witness=always_right), BROKEN, "the witness says"),
        (repair(witness=always_broken), BROKEN, "still says broken"),
        (repair(entry=lambda _, entry: with_status(entry, "busy")), BROKEN, "the body after the repair is"),
        (
            repair(entry=grow, witness=witness),
            replace_exchange(BROKEN, expect=Expectation()),
            "still says broken",
        ),
        (repair(entry=grow), replace_exchange(BROKEN, expect=Expectation()), "changes its own result again"),
        (repair(entry=lower), RIGHT, "changes what is healthy"),
        (repair(witness=always_broken), RIGHT, "the witness says broken"),
        (repair(entry=lambda *_: 1 / 0), RIGHT, "response-repair-failed: .*ZeroDivisionError"),
        (repair(request=lambda request: request.replace(site=None)), RIGHT, "changed site"),
        (
            repair(entry=None, request=lambda request: request.replace(body=b"")),
            search("status=free"),
            "changes what is healthy",
        ),
    ],
)
def test_wrong_repair_is_refused_with_a_clear_text(wrong: Repair, exchange: Exchange, problem: str) -> None:
    with pytest.raises(AssertionError, match=f"slot-status-case, GET Slot.*{problem}"):
        check_exchange(wrong, exchange)


@pytest.mark.parametrize(("recorded", "missing"), [([BROKEN], "right"), ([RIGHT], "broken"), ([], "broken")])
def test_both_kinds_of_exchange_must_be_recorded(recorded: list[Exchange], missing: str) -> None:
    with pytest.raises(AssertionError, match=f"no recorded exchange shows '{missing}'"):
        check_repair(repair(), recorded)


def test_expected_header_is_compared() -> None:
    headers = replace(repair(), headers=lambda _, old: old if ("a", "b") in old else (*old, ("a", "b")))
    expect = Expectation(body=slot("free"), headers={"A": "c"})
    with pytest.raises(AssertionError, match="the header A after the repair is 'b', not 'c'"):
        check_exchange(headers, replace_exchange(BROKEN, expect=expect))


def test_dropped_entry_is_a_change() -> None:
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": slot("FREE")}]}
    empty: dict[str, Any] = {**bundle, "entry": []}
    exchange = Exchange(request="GET Slot", shows="broken", body=bundle, expect=Expectation(body=empty))
    keeps = repair(entry=None, keeps=lambda _, entry: b"FREE" not in bytes(entry.resource or b""))
    check_exchange(keeps, exchange)
    with pytest.raises(AssertionError, match="changes what is healthy"):
        check_exchange(keeps, replace_exchange(exchange, shows="right", expect=None))
