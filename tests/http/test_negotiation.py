"""Content negotiation."""

import pytest

from gateway.errors.failure import Failure
from gateway.fhir.resource_types import FhirVersion
from gateway.http.negotiation import (
    content_media_types,
    has_supported_version,
    is_json_type,
    is_native_type,
    media_type,
    prefers_fhir,
    response_media_type,
    result_media_types,
)


@pytest.mark.parametrize(
    ("formats", "accept", "expected"),
    [
        ((), "", "application/fhir+json"),
        ((), "*/*", "application/fhir+json"),
        ((), "application/json", "application/json"),
        ((), "application/fhir+xml, application/json;q=0.5", "application/json"),
        ((), "application/json;q=0.2, application/fhir+json;q=0.9", "application/fhir+json"),
        ((), "application/fhir+json; fhirVersion=4.0", "application/fhir+json"),
        (("json",), "application/xml", "application/fhir+json"),
        (("application/fhir json",), "", "application/fhir+json"),
        (("text/json",), "", "text/json"),
    ],
)
def test_json_is_accepted_in_any_spelling(formats: tuple[str, ...], accept: str, expected: str) -> None:
    assert response_media_type(formats, accept) == expected


@pytest.mark.parametrize(
    ("formats", "accept", "expression"),
    [
        (("xml",), "", "http._format"),
        ((), "application/fhir+xml", "http.Accept"),
        ((), "application/json;q=0", "http.Accept"),
        ((), "application/json;q=none", "http.Accept"),
        ((), "application/pdf", "http.Accept"),
        ((), "application/fhir+json; fhirVersion=5.0", "http.Accept"),
        ((), 'application/fhir+json;fhirversion = "3.0"', "http.Accept"),
        (("application/fhir+json; fhirVersion=4.3",), "", "http._format"),
    ],
)
def test_other_formats_are_rejected_with_406(formats: tuple[str, ...], accept: str, expression: str) -> None:
    with pytest.raises(Failure) as failure:
        response_media_type(formats, accept)
    assert (failure.value.kind.status, failure.value.expression) == (406, expression)


@pytest.mark.parametrize(
    ("version", "named", "is_permitted"),
    [
        ("3.0", "3.0", True),
        ("3.0", '"3.0.2"', True),
        ("3.0", "4.0", False),
        ("3.0", "1.0", False),
        ("3.0", "13.0", False),
        ("4.0", "4.0.1", True),
        ("4.0", "3.0", False),
    ],
)
def test_version_is_that_of_the_upstream(version: FhirVersion, named: str, is_permitted: bool) -> None:
    field = f"application/fhir+json; fhirVersion={named}"
    assert has_supported_version(field, version) is is_permitted
    if is_permitted:
        assert response_media_type((), field, version=version) == "application/fhir+json"
        assert content_media_types((), field, version) == "application/fhir+json"
        return
    for choose in (response_media_type, content_media_types):
        with pytest.raises(Failure, match="media-type"):
            choose((), field, version=version)


@pytest.mark.parametrize(
    ("formats", "accept", "expected"),
    [
        ((), "", "application/fhir+json"),
        ((), "*/*", "*/*,application/fhir+json"),
        ((), "application/*", "application/*,application/fhir+json"),
        ((), "application/pdf", "application/pdf"),
        ((), "application/pdf, */*;q=0.1", "application/pdf,*/*,application/fhir+json"),
        ((), "*/*, application/json;q=0.1", "*/*,application/json,application/fhir+json"),
        ((), "application/json, */*;q=0.1", "application/json"),
        ((), "application/fhir+xml, */*;q=0.1", "*/*,application/fhir+json"),
        (("json",), "*/*", "application/fhir+json"),
    ],
)
def test_types_of_content_keep_the_range_of_any_type(
    formats: tuple[str, ...], accept: str, expected: str
) -> None:
    assert content_media_types(formats, accept) == expected


def test_media_type_has_no_parameters() -> None:
    assert media_type("Application/FHIR+json; charset=utf-8") == "application/fhir+json"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", "application/fhir+json"),
        ("application/json, application/pdf", "application/json"),
        ("application/pdf", "application/pdf"),
        ("image/png;q=0.5, application/pdf, text/json;q=0.1", "application/pdf,image/png,text/json"),
        ("application/fhir+xml, image/*", "image/*"),
    ],
)
def test_binary_may_have_any_type(accept: str, expected: str) -> None:
    assert response_media_type((), accept, is_binary=True) == expected


@pytest.mark.parametrize("accept", ["application/fhir+xml", "application/fhir+turtle", "pdf", "a/b\r\nc"])
def test_binary_has_no_other_form_as_a_resource(accept: str) -> None:
    with pytest.raises(Failure):
        response_media_type((), accept, is_binary=True)


@pytest.mark.parametrize(
    ("accept", "preferred"),
    [
        ("application/fhir+json", True),
        ("application/FHIR+json; charset=utf-8", True),
        ("application/json, application/fhir+json", True),
        ("application/fhir+json;q=0.5, */*;q=0.1", True),
        ("application/fhir+json;q=0", False),
        ("application/fhir+json;q=0.1, application/json", False),
        ("application/fhir+json;q=none", False),
        ("application/fhir+jsonx", False),
        ("application/fhir+xml", True),
        ("application/fhir+xml;q=0.5, */*;q=0.1", True),
        ("application/fhir+xml;q=0.5, application/fhir+json;q=0.5, application/json", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_fhir_is_preferred_by_name_and_quality(accept: str, preferred: bool) -> None:
    assert prefers_fhir(accept) is preferred


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "application/fhir+json"),
        ("*/*", "application/fhir+json"),
        ("application/pdf, application/json;q=0.1", "application/json"),
        ("application/pdf", "application/pdf"),
        (
            "application/fhir+ndjson, application/pdf;q=0.5, text/html",
            "application/fhir+ndjson,application/pdf",
        ),
    ],
)
def test_result_is_a_file_only_for_clients_without_json(accept: str, expected: str) -> None:
    assert result_media_types((), accept) == expected


@pytest.mark.parametrize("accept", ["application/fhir+xml", "text/html", "application/xml", "x"])
def test_result_has_no_markup(accept: str) -> None:
    with pytest.raises(Failure):
        result_media_types((), accept)


@pytest.mark.parametrize(
    ("accept", "names_version"),
    [
        ("application/fhir+json; fhirVersion=3.0", True),
        ("application/pdf", False),
        ("application/fhir+xml; fhirVersion=3.0", False),
    ],
)
def test_refusal_names_the_version_if_it_is_the_reason(accept: str, names_version: bool) -> None:
    with pytest.raises(Failure) as failure:
        response_media_type((), accept)
    assert ("fhirVersion=4.0" in failure.value.text) is names_version


@pytest.mark.parametrize(
    ("name", "is_json", "is_native"),
    [
        ("application/fhir+json", True, False),
        ("text/json", True, True),
        ("application/fhir+ndjson", False, True),
        ("application/x-ndjson", False, True),
        ("application/pdf", False, True),
        ("", False, False),
    ],
)
def test_ndjson_is_a_file(name: str, is_json: bool, is_native: bool) -> None:
    assert (is_json_type(name), is_native_type(name)) == (is_json, is_native)
