"""What an upstream gets instead of a client's own fields and parameters."""

import pytest
from support.requests import fhir_request

from gateway.exchange import FhirRequest
from gateway.fhir.interaction import NOT_FHIR
from gateway.upstreams import DIALECTS
from gateway.upstreams.sent_request import accept_header, is_unchanged, reads_fhir, with_limited_count

GORILLA = DIALECTS["health-gorilla"]


def passed(*accept: str, query: str = "") -> FhirRequest:
    headers = tuple(("accept", value) for value in accept)
    return fhir_request("Patient", query, interaction=NOT_FHIR, headers=headers)


@pytest.mark.parametrize(
    ("dialect", "request_", "expected"),
    [
        ("health-gorilla", fhir_request("Patient/1"), True),
        ("health-gorilla", passed(), False),
        ("halo-connect", fhir_request("Patient/1"), True),
        ("halo-itsm", fhir_request("Patient/1"), False),
    ],
)
def test_response_is_fhir_unless_it_is_passed_through(
    dialect: str, request_: FhirRequest, expected: bool
) -> None:
    assert reads_fhir(DIALECTS[dialect], request_) is expected


def test_only_a_mounted_upstream_gets_the_target_unchanged() -> None:
    assert is_unchanged(passed())
    assert not is_unchanged(passed().replace(site=None))
    assert not is_unchanged(fhir_request("Patient/1"))


@pytest.mark.parametrize("dialect", ["health-gorilla", "halo-itsm"])
@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        (("text/csv",), "text/csv"),
        (("text/csv", "image/*;q=0.1"), "text/csv, image/*;q=0.1"),
        (("",), "*/*"),
        ((), "*/*"),
        (("text/csv", "application/fhir+json"), "*/*"),
    ],
)
def test_accept_of_passed_request_is_the_clients(dialect: str, fields: tuple[str, ...], sent: str) -> None:
    assert accept_header(DIALECTS[dialect], passed(*fields)) == sent


@pytest.mark.parametrize(
    ("path", "response_format", "sent"),
    [
        ("Patient/1", "text/json", "application/fhir+json"),
        ("Binary/1", "application/json", "application/fhir+json"),
        ("Binary/1", "application/pdf", "application/pdf"),
        ("Binary/1", "*/*,application/fhir+json", "*/*, application/fhir+json;q=0.9"),
        ("Binary/1/_history/2", "image/png", "image/png"),
    ],
)
def test_accept_of_a_binary_follows_the_response_format(path: str, response_format: str, sent: str) -> None:
    request = fhir_request(path).replace(response_format=response_format)
    assert accept_header(GORILLA, request) == sent
    assert accept_header(DIALECTS["halo-connect"], request) == "application/fhir+json"


def test_qualities_of_many_types_stay_positive() -> None:
    request = fhir_request("Binary/1").replace(response_format=",".join(f"image/{n}" for n in range(100)))
    assert accept_header(GORILLA, request).endswith(
        "image/9;q=0.1, " + ", ".join(f"image/{n};q=0.1" for n in range(10, 100))
    )


@pytest.mark.parametrize(
    ("query", "sent"), [("_count=500&a=500", "_count=100&a=500"), ("_count=100", "_count=100")]
)
def test_count_is_limited_in_fhir_only(query: str, sent: str) -> None:
    request = fhir_request("Patient", query)
    limited = with_limited_count(GORILLA, request)
    assert limited.upstream_search.query == sent
    assert (limited is request) is (query == sent)
    for unlimited, dialect in ((passed(query=query), GORILLA), (request, DIALECTS["halo-connect"])):
        assert with_limited_count(dialect, unlimited) is unlimited
