"""Refusals and warnings for parameters that the upstream did not use."""

import pytest
from support.requests import fhir_request

from gateway.errors.failure import Failure
from gateway.search.dropped_parameters import dropped_parameter_warnings, require_parameters_used

STRICT = (("prefer", "return=minimal, handling=strict"),)


@pytest.mark.parametrize(
    "name", ["patient", "subject:Patient", "identifier", "_id", "performer", "patient.name"]
)
def test_parameter_that_selects_a_patient_must_be_used(name: str) -> None:
    with pytest.raises(Failure, match="upstream-ignored-parameter") as raised:
        require_parameters_used(fhir_request("Observation"), {"code", name})
    assert raised.value.expression == f"http.{name}"


def test_other_parameter_must_be_used_if_handling_is_strict() -> None:
    require_parameters_used(fhir_request("Observation"), {"code"})
    require_parameters_used(fhir_request("Observation", headers=STRICT), set())
    with pytest.raises(Failure, match="upstream-ignored-parameter"):
        require_parameters_used(fhir_request("Observation", headers=STRICT), {"code"})


def test_warning_names_the_parameters() -> None:
    (text,) = dropped_parameter_warnings({"colour", "code:not", "Jane Citizen 2001"})
    assert "code:not, colour, …" in text
    assert dropped_parameter_warnings(()) == ()


def test_warning_has_a_limit() -> None:
    (text,) = dropped_parameter_warnings(f"name{number}" for number in range(500))
    assert len(text) < 400
