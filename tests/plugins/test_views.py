"""Views show the same, and cannot be changed; copies are apart from their originals."""

from typing import Any

import pytest
from msgspec import Raw

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.fhir.bundle import Bundle, Entry, Link
from gateway.fhir.raw_json import encode
from gateway.plugins import views
from gateway.repairs.witness import UpstreamAnswer

FIELDS = {"id": Raw(b'"1"')}
ENTRY, LINKS = Entry(FIELDS), (Link("next", "x", FIELDS),)
ANSWER = UpstreamAnswer(5, Bundle(FIELDS, LINKS, (ENTRY,)), (ENTRY,), Failure(catalog.BAD_REQUEST))


def view_of_answer() -> UpstreamAnswer:
    return views.answer_view(ANSWER)


def bundle_of_view() -> Bundle:
    bundle = view_of_answer().bundle
    assert bundle is not None
    return bundle


@pytest.mark.parametrize(
    "view",
    [
        views.fields_view(FIELDS),
        views.entry_view(ENTRY).fields,
        views.links_view(LINKS)[0].fields,
        view_of_answer().samples[0].fields,
        bundle_of_view().fields,
        bundle_of_view().links[0].fields,
        bundle_of_view().entries[0].fields,
    ],
)
def test_view_shows_the_same_and_cannot_be_changed(view: Any) -> None:
    assert view == FIELDS
    with pytest.raises(TypeError):
        view["id"] = Raw(b"2")


def test_view_can_be_encoded() -> None:
    assert bytes(encode(views.fields_view(FIELDS))) == b'{"id":"1"}'


def test_answer_has_a_copy_of_the_failure() -> None:
    failure = view_of_answer().failure
    assert failure is not None
    assert failure is not ANSWER.failure
    assert failure.kind is catalog.BAD_REQUEST
    assert views.answer_view(UpstreamAnswer(7)) == UpstreamAnswer(7)


def test_copies_are_apart() -> None:
    assert views.fields_copy(FIELDS) == FIELDS
    assert views.fields_copy(FIELDS) is not FIELDS
    assert views.entry_copy(ENTRY) == ENTRY
    assert views.entry_copy(ENTRY).fields is not FIELDS
    assert views.links_copy(LINKS) == LINKS
    assert views.links_copy(LINKS)[0].fields is not FIELDS


def test_names_of_headers_are_in_lower_case() -> None:
    assert views.lower_case_headers((("X-A", "B"),)) == (("x-a", "B"),)
