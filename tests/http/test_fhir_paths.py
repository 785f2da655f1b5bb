"""Paths below a FHIR base that are those of FHIR."""

import pytest

from gateway.http.fhir_paths import is_async_status, is_fhir_path


@pytest.mark.parametrize(
    "path",
    [
        *("Patient", "Patient/1", "Patient/1/_history/2", "Patient/_search", "Patient/1/$everything"),
        *("metadata", "$export", "RequestResult/7f", "/Patient/1", "Patient/1/", "Patient//1"),
        *("%50atient/1", "%2550atient/1", "Patient%2F1", "Patient;x/1;y", "Patient\\1", "CodeSystem/x|1"),
    ],
)
def test_path_that_a_server_may_read_as_fhir_is_one(path: str) -> None:
    assert is_fhir_path(path, "4.0")


@pytest.mark.parametrize(
    "path",
    [
        *("download/1", "Binary/a_b", "Nonsense/1", ".well-known/smart-configuration", "oauth/token"),
        *("R4/Patient/1", "Patient/1/x/y", "patient/1", "ProcedureRequest/1", "files/Patient/1"),
    ],
)
def test_other_path_is_not_fhir(path: str) -> None:
    assert not is_fhir_path(path, "4.0")


def test_types_are_those_of_the_version() -> None:
    assert is_fhir_path("ProcedureRequest/1", "3.0")
    assert not is_fhir_path("ServiceRequest/1", "3.0")


@pytest.mark.parametrize(
    ("path", "expected"),
    [("RequestResult/7f", True), ("RequestResult/", False), ("x/RequestResult/7", False)],
)
def test_status_of_an_asynchronous_job_has_its_path(path: str, expected: bool) -> None:
    assert is_async_status(path) is expected
