import pytest

from gateway.errors.known_names import is_identifier, is_known_name


@pytest.mark.parametrize(
    "name",
    [
        *(
            "birthDate",
            "Patient.birthDate",
            "Patient.name[0].family",
            "Patient",
            "_lastUpdated",
            "family:exact",
        ),
        *(
            "birthdate",
            "general-practitioner",
            "NVarChar",
            "uniqueidentifier",
            "System.String",
            "System.Byte[]",
        ),
    ],
)
def test_public_names_are_known(name: str) -> None:
    assert is_known_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("Zzyzx", "Patient.zzyzx", "Zzyzx.birthDate", "Patient.name.zzyzx", "family:zzyzx", "zzyzx", ""),
        *("System.Zzyzx", "Patient/1", "birthDate=1", "birthDate ", "Patient.name[1234]"),
    ],
)
def test_other_names_are_unknown(name: str) -> None:
    assert not is_known_name(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("wrong_parameter", True), ("_wrong_parameter", True), ("QueryNotAcceptable", True)),
        *(("application/fhir+json", True), ("server", False), ("will_page", False), ("john_page", False)),
        *(("wrong_parameter1", False), ("wrong parameter", False), ("", False), ("é_parameter", False)),
    ],
)
def test_identifier_consists_of_technical_words(text: str, expected: bool) -> None:
    assert is_identifier(text) is expected
