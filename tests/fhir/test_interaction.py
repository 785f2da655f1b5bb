"""Interactions of methods and paths."""

import pytest

from gateway.fhir.interaction import Interaction, allowed_methods, interaction_for


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "metadata", Interaction("capabilities")),
        ("HEAD", "metadata", Interaction("capabilities")),
        ("GET", "Patient", Interaction("search-type", "Patient")),
        ("POST", "Patient/_search", Interaction("search-type", "Patient")),
        ("POST", "Patient", Interaction("create", "Patient")),
        ("GET", "Patient/a-1.b", Interaction("read", "Patient", "a-1.b")),
        ("PUT", "Patient/1", Interaction("update", "Patient", "1")),
        ("PATCH", "Patient/1", Interaction("patch", "Patient", "1")),
        ("DELETE", "Patient/1", Interaction("delete", "Patient", "1")),
        ("GET", "Patient/1/_history", Interaction("history", "Patient", "1")),
        ("GET", "Patient/_history", Interaction("history", "Patient")),
        ("GET", "Patient/1/_history/2", Interaction("vread", "Patient", "1")),
        ("GET", "Patient/1/$summary", Interaction("operation", "Patient", "1", "summary")),
        ("POST", "Appointment/$find-free", Interaction("operation", "Appointment", operation="find-free")),
        ("GET", "$waitlist", Interaction("operation", operation="waitlist")),
        ("POST", "", Interaction("transaction")),
        ("GET", "", None),
        ("DELETE", "Patient", None),
        ("GET", "Patient/_search", None),
        ("GET", "patient/1", None),
        ("GET", "Patient/1/Observation/2/3", None),
        ("GET", f"Patient/{'x' * 65}", None),
    ],
)
def test_method_and_path_determine_interaction(method: str, path: str, expected: Interaction | None) -> None:
    assert interaction_for(method, path) == expected


def test_allowed_methods_depend_on_path() -> None:
    assert allowed_methods("Patient") == ("GET", "HEAD", "PATCH", "POST", "PUT")
    assert allowed_methods("Patient/_search") == ("POST",)
    assert allowed_methods("a/b/c/d/e") == ()


@pytest.mark.parametrize(
    ("code", "is_write"),
    [("create", True), ("update", True), ("delete", True), ("read", False), ("search-type", False)],
)
def test_only_changing_interactions_are_writes(code: str, is_write: bool) -> None:
    assert Interaction(code).is_write is is_write  # type: ignore[arg-type]
