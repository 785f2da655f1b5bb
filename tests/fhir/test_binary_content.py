"""Content of a Binary in its own media type."""

import json

import pytest

from gateway.fhir.binary_content import Content, binary_content, permits_type
from gateway.fhir.raw_json import UnreadableError


def binary(**fields: str) -> bytes:
    return json.dumps(
        {"resourceType": "Binary", "contentType": "application/pdf", "data": "SGk="} | fields
    ).encode()


@pytest.mark.parametrize(
    ("ranges", "content_type", "expected"),
    [
        ("application/pdf", "application/pdf", "application/pdf"),
        ("image/png,application/pdf", "application/pdf", "application/pdf"),
        ("application/pdf", "Application/PDF", "Application/PDF"),
        ("text/plain", "text/plain; charset=utf-8", "text/plain; charset=utf-8"),
        ("text/*", "text/plain", "text/plain"),
        ("image/*", "application/pdf", ""),
        ("application/pdf", "application/pdf2", ""),
        ("application/pdf", "application/pdf\r\nSet-Cookie: a=b", ""),
        ("application/pdf", "", ""),
        ("image/*,application/fhir+json", "application/pdf", "application/fhir+json"),
        ("xml/json", "application/pdf", ""),
        ("application/vnd.api+json", "application/pdf", ""),
        ("application/vnd.api+json", "application/vnd.api+json", "application/vnd.api+json"),
        ("xml/json,text/json", "application/pdf", "text/json"),
    ],
)
def test_first_range_that_fits_is_chosen(ranges: str, content_type: str, expected: str) -> None:
    content = binary_content(binary(contentType=content_type), ranges)
    assert (content.media_type if content else "") == expected


def test_native_content_is_the_decoded_data() -> None:
    assert binary_content(binary(), "application/pdf") == Content("application/pdf", b"Hi")
    assert binary_content(binary(data="SG\n k="), "application/pdf") == Content("application/pdf", b"Hi")


def test_json_is_the_resource_itself() -> None:
    assert binary_content(binary(), "application/json") == Content("application/json", binary())


def test_other_resource_has_no_content() -> None:
    assert binary_content(binary(resourceType="Media"), "application/pdf") is None


@pytest.mark.parametrize("resource", [binary(data="SGk"), binary(data="S*k="), b"{", b"[" * 99_999])
def test_unreadable_resource_is_an_error(resource: bytes) -> None:
    with pytest.raises(UnreadableError):
        binary_content(resource, "application/pdf")


@pytest.mark.parametrize(
    ("ranges", "content_type", "is_permitted"),
    [
        ("text/html", "text/html; charset=utf-8", True),
        ("image/png,text/*", "text/html", True),
        ("application/fhir+json", "text/html", True),
        ("image/png,text/json", "text/html", True),
        ("image/png", "text/html", False),
        ("xml/json", "text/html", False),
        ("text/html", "", False),
    ],
)
def test_type_of_an_upstream_is_judged_by_the_ranges(
    ranges: str, content_type: str, is_permitted: bool
) -> None:
    assert permits_type(ranges, content_type) == is_permitted
