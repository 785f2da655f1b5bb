"""Requests in the entries of a transaction: in R4's own form, or refused."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.requests import GUID, fhir_request

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.fhir.interaction import Interaction
from gateway.validation.transaction_entries import entry_requests

BASE = f"https://gw.example/integrator/sites/{GUID}/fhir/R4"
CREATE = {"method": "POST", "url": "Patient"}


def transaction(body: bytes) -> FhirRequest:
    return fhir_request("", method="POST", body=body)


def bundle(request: str, before: str = "") -> bytes:
    return (
        f'{{"resourceType":"Bundle","type":"transaction","entry":[{{{before}"request":{request}}}]}}'.encode()
    )


def place_of_refusal(body: bytes) -> str:
    with pytest.raises(Failure) as caught:
        list(entry_requests(transaction(body)))
    failure = caught.value
    assert (failure.kind.status, failure.kind.code, failure.kind.may_have_run) == (400, "bad-body", False)
    assert failure.expression in failure.text
    return failure.expression


@pytest.mark.parametrize(
    ("method", "url", "interaction"),
    [
        ("POST", "Patient", Interaction("create", "Patient")),
        ("POST", "/Patient/", Interaction("create", "Patient")),
        ("PUT", "Patient/1", Interaction("update", "Patient", "1")),
        ("PUT", f"{BASE}/Patient/1", Interaction("update", "Patient", "1")),
        ("PATCH", "Patient?_id=1", Interaction("patch", "Patient")),
        ("DELETE", "Patient?_id=1", Interaction("delete", "Patient")),
        ("DELETE", "Patient/1", Interaction("delete", "Patient", "1")),
        ("POST", "Patient/1/$x", Interaction("operation", "Patient", "1", "x")),
    ],
)
def test_change_is_read_as_it_would_be_sent_alone(method: str, url: str, interaction: Interaction) -> None:
    request = json.dumps({"method": method, "url": url, "ifMatch": 'W/"1"'})
    (entry,) = entry_requests(transaction(bundle(request)))
    assert (entry.interaction, entry.conditions) == (interaction, ("if-match",))
    assert entry.search.query == url.partition("?")[2]


@pytest.mark.parametrize(
    "body",
    [
        b'{"resourceType":"Bundle","type":"transaction"}',
        b'{"entry":null}',
        b'{"entry":[{"resource":{"x":1e999}}]}',
        bundle('{"method":"GET","url":"Patient?name=a%20b","ifNoneMatch":"*"}'),
        bundle('{"method":"HEAD","url":"Patient/1"}'),
    ],
)
def test_reads_and_entries_without_request_change_nothing(body: bytes) -> None:
    assert list(entry_requests(transaction(body))) == []


@pytest.mark.parametrize(
    ("changes", "element"),
    [
        *(({"url": url}, ".url") for url in (" Patient?_id=1", "patient?_id=1", "%50atient?_id=1", "Foo/1")),
        *(({"url": url}, ".url") for url in ("Patient%3F_id=1", "Patient/.?_id=1", "Patient/../Patient?a=b")),
        *(({"url": url}, ".url") for url in ("https://other.example/Patient", "//Patient", "urn:uuid:1", "")),
        *(
            ({"url": url}, ".url")
            for url in ("Patient#?_id=1", "Patient\t?_id=1", "Patient?name=é", "?_id=1")
        ),
        *(({"url": url}, ".url") for url in (None, ["Patient"], "Patient;a=b", "Patient\u2028?_id=1")),
        *(({"method": method}, ".method") for method in ("POST ", "post", ["POST"], "TRACE", None, "")),
        *(({name: "_id=1"}, "") for name in ("IfNoneExist", "ifNoneExist ", "_url", "modifierExtension")),
        *(({name: None}, f".{name}") for name in ("ifMatch", "ifNoneMatch", "ifNoneExist")),
        ({"ifMatch": ["*"]}, ".ifMatch"),
    ],
)
def test_request_in_another_form_is_refused(changes: dict[str, Any], element: str) -> None:
    place = place_of_refusal(bundle(json.dumps(CREATE | {"method": "PUT"} | changes)))
    assert place == f"Bundle.entry[0].request{element}"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", "Bundle"),
        (b"no JSON", "Bundle"),
        (b"[]", "Bundle"),
        (b'{"entry":[],"entry":[]}', "Bundle"),
        (b'{"Entry":[]}', "Bundle"),
        (
            bundle('{"method":"POST","url":"Patient","ifNoneExist":"\xff"}').replace(b"\xc3\xbf", b"\xff"),
            "Bundle",
        ),
        (b'{"entry":{}}', "Bundle.entry"),
        (b'{"entry":[{},7]}', "Bundle.entry[1]"),
        (bundle("{}", before='"request":{},'), "Bundle.entry[0]"),
        (bundle("{}", before='"Request":{},'), "Bundle.entry[0]"),
        (bundle("null"), "Bundle.entry[0].request"),
        (bundle('{"method":"PUT","method":"POST","url":"Patient"}'), "Bundle.entry[0].request"),
        (
            bundle('{"method":"POST","url":"Patient","ifNoneExist":"_id=1","x":1e999}'),
            "Bundle.entry[0].request",
        ),
        (bundle('{"method":"POST","url":""}'), "Bundle.entry[0].request.url"),
        (bundle('{"method":"POST","url":"Patient\\ud800"}'), "Bundle"),
    ],
)
def test_body_that_cannot_be_read_is_refused(body: bytes, place: str) -> None:
    assert place_of_refusal(body) == place


@given(
    st.binary()
    | st.recursive(
        st.none() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["entry", "request", "method", "url", "ifMatch"]), inner)
        ),
    ).map(msgspec.json.encode)
)
def test_any_body_is_read_or_refused(body: bytes) -> None:
    try:
        list(entry_requests(transaction(body)))
    except Failure as failure:
        assert failure.kind.status == 400  # noqa: PT017 - most bodies are refused
