"""URLs between the gateway's base and the upstream's."""

import pytest
from support.requests import GUID, fhir_request

from gateway.http.urls import (
    resolve_public_url,
    split_url,
    to_public_url,
    to_relative_url,
    to_upstream_url,
)

PUBLIC = f"https://gw.example/integrator/sites/{GUID}/fhir/R4"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"https://api.haloconnect.io/integrator/sites/{GUID}/fhir/R4/Patient?a=1", f"{PUBLIC}/Patient?a=1"),
        (f"http://10.0.0.7:5000/api/sites/{GUID}/fhir/R4/Patient?a=1", f"{PUBLIC}/Patient?a=1"),
        (f"https://internal/sites/{GUID.upper()}/fhir/R4", PUBLIC),
        (f"/desktop/sites/{GUID}/fhir/R4/Patient/1", f"{PUBLIC}/Patient/1"),
        ("?page=2", f"{PUBLIC}/Patient?page=2"),
        ("Patient?page=2", f"{PUBLIC}/Patient?page=2"),
        (f"{PUBLIC}/Patient/1", f"{PUBLIC}/Patient/1"),
        ("https://elsewhere.example/fhir/R4/Patient/1", "https://elsewhere.example/fhir/R4/Patient/1"),
        (
            "https://h/sites/0a1b2c3d-0000-4000-8000-0000000000ff/fhir/R4/Patient",
            "https://h/sites/0a1b2c3d-0000-4000-8000-0000000000ff/fhir/R4/Patient",
        ),
        (f"https://h/sites/{GUID}/fhir/R4x/Patient", f"https://h/sites/{GUID}/fhir/R4x/Patient"),
        ("", ""),
        ("urn:uuid:0a1b2c3d-0000-4000-8000-0000000000ff", "urn:uuid:0a1b2c3d-0000-4000-8000-0000000000ff"),
    ],
)
def test_only_urls_of_this_site_are_mapped(url: str, expected: str) -> None:
    assert resolve_public_url(fhir_request(path="Patient"), url) == expected


@pytest.mark.parametrize(
    ("path", "url"),
    [("Patient/_search", "Patient?page=2"), ("Patient/1/$summary", "Patient?page=2")],
)
def test_url_that_begins_with_type_is_relative_to_base(path: str, url: str) -> None:
    method = "POST" if path.endswith("_search") else "GET"
    assert resolve_public_url(fhir_request(path, method=method), url) == f"{PUBLIC}/{url}"


@pytest.mark.parametrize(
    "url",
    [
        "http://[",
        "//[x",
        f"ftp://h/sites/{GUID}/fhir/R4/Patient",
        f"https://h/?/sites/{GUID}/fhir/R4/Patient",
        f"https://h#/sites/{GUID}/fhir/R4/Patient",
        "javascript:alert(1)",
    ],
)
def test_invalid_url_is_unchanged(url: str) -> None:
    request = fhir_request("Patient")
    assert resolve_public_url(request, url) == url
    assert to_public_url(request, url) == url


def test_fragment_is_preserved() -> None:
    assert (
        to_public_url(fhir_request(), f"http://h/sites/{GUID}/fhir/R4/Patient/1#a") == f"{PUBLIC}/Patient/1#a"
    )


@pytest.mark.parametrize(
    ("url", "relative"),
    [
        (f"{PUBLIC}/Patient/1", "Patient/1"),
        (f"HTTPS://GW.example{PUBLIC[18:]}/Patient/1", "Patient/1"),
        (f"{PUBLIC}x/Patient/1", None),
        (PUBLIC, None),
        (PUBLIC.replace("fhir", "FHIR") + "/Patient/1", None),
        ("Patient/1", None),
        ("https://other.example/Patient/1", None),
    ],
)
def test_only_urls_below_gateway_base_are_mapped_to_upstream(url: str, relative: str | None) -> None:
    request = fhir_request()
    assert to_relative_url(request, url) == (relative or url)
    assert to_upstream_url(request, url) == (f"{request.upstream_base}/{relative}" if relative else url)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://h/a/b?c=d#e", ("https", "h", "/a/b", "c=d", "e")),
        ("http://[", ("", "", "http://[", "", "")),
        ("//[?c=d#e", ("", "", "//[", "c=d", "")),
    ],
)
def test_text_that_is_no_url_is_split_as_well(url: str, parts: tuple[str, ...]) -> None:
    assert split_url(url) == parts


def test_long_url_with_many_site_paths_is_mapped_at_once() -> None:
    path = f"/sites/{GUID}/fhir/R4"
    assert to_public_url(fhir_request(), f"https://h{path}{path * 20_000}\n").startswith(PUBLIC)
