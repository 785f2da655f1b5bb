"""Deliveries: their shape, their name, and what they invalidate."""

import json
from typing import Any

import pytest

from gateway.errors.catalog import WEBHOOK_MALFORMED
from gateway.errors.failure import Failure
from gateway.webhooks.delivery import Notice, invalidated_types, parse_notice

GUID = "0a1b2c3d-0000-4000-8000-00000000000a"
MEMBERS = {
    "id": "e-1",
    "occurredAt": "2026-07-01T00:00:00Z",
    "siteId": GUID,
    "queryId": "q-1",
    "webhookSource": "registeredQuery",
}


def notice(**changes: Any) -> Notice:
    return parse_notice(json.dumps(MEMBERS | changes).encode())


def test_notice_is_read_with_unknown_members() -> None:
    found = notice(newMember={"a": [1]}, siteId=GUID.upper())
    assert (found.id, found.guid, found.queryId, found.webhookSource) == (
        "e-1",
        GUID,
        "q-1",
        "registeredQuery",
    )


@pytest.mark.parametrize("name", ["occurredAt", "queryId", "webhookSource"])
@pytest.mark.parametrize("value", [None, 1, {"a": "b"}, ["x"], True])
def test_member_that_halo_does_not_document_has_any_form(name: str, value: object) -> None:
    assert getattr(notice(**{name: value}), name) == value


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe", b"{}", b'{"id": "e"}', b'{"siteId": "s"}'),
        *(b'{"id": 1, "siteId": "s"}', b'{"id": "e", "siteId": null}', b'{"id": "", "siteId": "s"}'),
        b'{"id": "e", "siteId": "' + b"s" * 201 + b'"}',
        b'{"id": "e", "siteId": "\xff"}',
        b'{"id": "e", "siteId": "s"} {}',
        b'{"id": "e", "siteId": "s", "x": ' + b"[" * 50_000,
        b'{"id": "e", "siteId": "s", "queryId": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    ],
    ids=lambda body: str(body[:50]),
)
def test_other_body_is_malformed(body: bytes) -> None:
    with pytest.raises(Failure) as raised:
        parse_notice(body)
    assert raised.value.kind is WEBHOOK_MALFORMED


def test_repetition_has_the_same_key() -> None:
    assert notice().key == notice(attempt=2).key


@pytest.mark.parametrize("name", sorted(MEMBERS))
def test_other_event_has_another_key(name: str) -> None:
    assert notice(**{name: "other"}).key != notice().key


def test_values_do_not_move_between_members() -> None:
    assert notice(queryId="a", webhookSource="").key != notice(queryId="", webhookSource="a").key
    assert notice(queryId=None).key != notice(queryId="null").key


TYPES = {"*": ("Patient",), "q-1": ("Appointment",), "registeredQuery": ("Observation", "Patient")}


@pytest.mark.parametrize(
    ("changes", "types_by_key", "types"),
    [
        ({}, {}, set()),
        ({}, {"q-2": ("Patient",), "async": ("Patient",)}, set()),
        ({}, {"q-1": ("Appointment",)}, {"Appointment", "Slot", "Schedule"}),
        ({}, {"registeredQuery": ("Observation",)}, {"Observation"}),
        ({}, {"*": ("Observation",)}, {"Observation"}),
        ({}, {"*": ("Observation",), "q-1": ("*",)}, {"*"}),
        ({"queryId": "q-2", "webhookSource": "x"}, {"*": ("Encounter",), "q-1": ("Slot",)}, {"Encounter"}),
        ({"queryId": ["q-1"], "webhookSource": {"a": 1}}, {"q-1": ("Slot",)}, set()),
        ({"queryId": "*"}, {"*": ("Encounter",)}, {"Encounter"}),
    ],
)
def test_types_of_query_source_and_all_are_joined(
    changes: dict[str, Any], types_by_key: dict[str, tuple[str, ...]], types: set[str]
) -> None:
    found = invalidated_types(notice(**changes), types_by_key)
    assert set(found) == types
    assert len(found) == len(types)
