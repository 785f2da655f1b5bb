"""Interactions of methods and paths."""

from importlib import import_module
from pkgutil import iter_modules

import pytest

from gateway.fhir.interaction import Interaction, allowed_methods, interaction_for
from gateway.fhir.resource_types import RESOURCE_TYPES, RESOURCE_TYPES_BY_VERSION


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


@pytest.mark.parametrize("type_", ["ProcedureRequest", "ReferralRequest", "Sequence", "ServiceDefinition"])
def test_type_of_stu3_is_known_only_there(type_: str) -> None:
    types = RESOURCE_TYPES_BY_VERSION["3.0"]
    assert interaction_for("GET", type_, types) == Interaction("search-type", type_)
    assert allowed_methods(f"{type_}/1", types) == ("DELETE", "GET", "HEAD", "PATCH", "PUT")
    assert interaction_for("GET", type_) is None
    assert allowed_methods(f"{type_}/1") == ()


def test_types_of_each_version_are_those_of_its_specification() -> None:
    def names(package: str) -> set[str]:
        modules = [module.name for module in iter_modules(import_module(package).__path__)]
        classes = {name: vars(import_module(f"{package}.{name}")) for name in modules if name != "tests"}
        base = classes["resource"]["Resource"]
        found = {
            value.__name__
            for names in classes.values()
            for value in names.values()
            if isinstance(value, type) and issubclass(value, base)
        }
        return found - {"Resource", "DomainResource", "MetadataResource"}

    assert names("fhir.resources.STU3") == RESOURCE_TYPES_BY_VERSION["3.0"]
    assert RESOURCE_TYPES_BY_VERSION["4.0"] is RESOURCE_TYPES
