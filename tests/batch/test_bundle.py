"""Entries of a batch Bundle."""

import json
from typing import Any

import pytest

from gateway.batch.bundle import BatchEntry, batch_entries
from gateway.errors.failure import Failure

READ = {"request": {"method": "GET", "url": "Patient/1"}}
URN = "urn:uuid:0a1b2c3d-0000-4000-8000-000000000001"


def create(reference: str = "", **changes: Any) -> dict[str, Any]:
    resource = {"resourceType": "Observation", "subject": {"reference": reference}}
    return {"request": {"method": "POST", "url": "Observation"}, "resource": resource} | changes


def body(*entries: Any, **fields: Any) -> bytes:
    return json.dumps({"resourceType": "Bundle", "type": "batch", "entry": list(entries)} | fields).encode()


def read(*entries: Any) -> tuple[BatchEntry, ...]:
    found = batch_entries(body(*entries), 50)
    assert found is not None
    return found


def refused(content: bytes) -> Failure:
    with pytest.raises(Failure) as failure:
        batch_entries(content, 50)
    return failure.value


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"resourceType":"Patient","type":"batch"}',
        body(READ, type="transaction"),
        body(READ, type=1),
        body(READ, type=None),
    ],
)
def test_any_other_body_is_no_batch(content: bytes) -> None:
    assert batch_entries(content, 50) is None


def test_entry_has_method_url_conditions_and_resource_bytes() -> None:
    conditions = {"ifMatch": 'W/"1"', "ifNoneMatch": "*", "ifNoneExist": "a=b", "ifModifiedSince": "2026"}
    request = {"method": "PUT", "url": "Patient/1", "extension": [], "id": "x"} | conditions
    entry = '{"resource":{"resourceType": "Patient","n":1.50},"request":' + json.dumps(request) + "}"
    (found,) = (
        batch_entries(b'{"resourceType":"Bundle","type":"batch","entry":[%s]}' % entry.encode(), 1) or ()
    )
    assert (found.method, found.url) == ("PUT", "Patient/1")
    assert found.resource == b'{"resourceType": "Patient","n":1.50}'
    assert dict(found.conditions) == {
        "if-match": 'W/"1"',
        "if-none-match": "*",
        "if-none-exist": "a=b",
        "if-modified-since": "2026",
    }


def test_batch_without_entries_is_empty() -> None:
    assert batch_entries(b'{"resourceType":"Bundle","type":"batch"}', 50) == ()


def test_more_entries_than_permitted_are_refused_as_a_whole() -> None:
    assert len(batch_entries(body(*[READ] * 50), 50) or ()) == 50
    failure = refused(body(*[READ] * 51))
    assert (failure.kind.code, failure.issue) == ("batch-invalid", "too-costly")
    assert "server.max_batch_entries" in failure.text


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"request": None},
        {"request": []},
        {"resource": {"resourceType": "Patient"}},
        {"request": {"method": "GET"}},
        {"request": {"url": "Patient/1"}},
        {"request": {"method": 1, "url": "Patient/1"}},
        {"request": {"method": "GET", "url": ""}},
        {"request": {"method": "PUT", "url": "Patient/1", "ifMatch": 3}},
        {"request": {"method": "PUT", "url": "Patient/1", "ifmatch": 'W/"1"'}},
        {"request": {"method": "PUT", "url": "Patient/1", "modifierExtension": []}},
        {"request": {"method": "PUT", "url": "Patient/1"}, "modifierExtension": [{}]},
        "text",
        None,
        [],
    ],
)
def test_entry_without_a_clear_request_refuses_the_whole(entry: Any) -> None:
    assert refused(body(READ, entry)).kind.code == "batch-invalid"


@pytest.mark.parametrize("entries", ["{}", '"x"', "[1]", '[{"request":1,"request":2}]'])
def test_entries_of_another_shape_refuse_the_whole(entries: str) -> None:
    content = b'{"resourceType":"Bundle","type":"batch","entry":%s}' % entries.encode()
    assert refused(content).kind.code == "batch-invalid"


def test_same_full_url_twice_refuses_the_whole() -> None:
    assert "fullUrl" in refused(body(create(fullUrl=URN), create(fullUrl=URN))).text
    assert len(read(create(fullUrl=URN), create(), create())) == 3


def test_reference_to_a_created_entry_marks_its_entry() -> None:
    nested = create()
    nested["resource"]["contained"] = [{"x": [{"reference": URN}]}]
    entries = read(create(fullUrl=URN), create(URN), nested, create("Patient/1"), READ)
    assert [entry.refers_to_created for entry in entries] == [False, True, True, False, False]


def test_escaped_reference_is_recognised() -> None:
    text = body(create(fullUrl=URN), create(URN)).decode()
    first, second = text.split(f'"reference": "{URN}"')
    escaped = f'{first}"reference": "\\u0075{URN[1:]}"{second}'
    assert [entry.refers_to_created for entry in batch_entries(escaped.encode(), 50) or ()] == [False, True]


def test_urn_that_is_no_reference_is_permitted() -> None:
    identified = create()
    identified["resource"]["identifier"] = [{"value": URN}]
    assert not any(entry.refers_to_created for entry in read(create(fullUrl=URN), identified))


def test_reference_to_an_updated_entry_is_permitted() -> None:
    """Its URL is known to the upstream; whether the resource exists is for the upstream to say."""
    url = "https://gw.example/fhir/R4/Patient/1"
    update = {"fullUrl": url, "request": {"method": "PUT", "url": "Patient/1"}, "resource": {}}
    assert not any(entry.refers_to_created for entry in read(update, create(url)))
