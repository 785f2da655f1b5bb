import pytest
from emulator.health_gorilla.gorilla_client import judge

from gateway.emulator.health_gorilla.data import generate_tables
from gateway.emulator.health_gorilla.rendering import Base, render, to_stored
from gateway.emulator.health_gorilla.settings import Version

ORIGIN = "https://api.healthgorilla.com"


def base_of(version: Version) -> Base:
    return Base(ORIGIN, version, lambda binary: f"{ORIGIN}/download/{binary}")


@pytest.mark.parametrize("version", ["R4", "STU3"])
def test_data_set_conforms_to_each_version(version: Version) -> None:
    for table in generate_tables(3).values():
        for resource in table.values():
            shown = render(resource, base_of(version))
            judge(shown, is_stu3=version == "STU3")
            assert "{origin}" not in str(shown)


def test_urls_of_all_kinds_are_on_the_host() -> None:
    tables = generate_tables(2)
    text = str([render(each, base_of("R4")) for table in tables.values() for each in table.values()])
    for part in ("/fhir/R4/Patient/", "/fhir/R4/Binary/", "/download/", "/fhir/StructureDefinition/hg-order"):
        assert ORIGIN + part in text


def test_stu3_has_its_own_elements() -> None:
    (document, *_) = generate_tables(2)["DocumentReference"].values()
    shown = render(document, base_of("STU3"))
    assert {"indexed", "class"} <= shown.keys()
    assert not {"date", "category"} & shown.keys()
    assert shown["subject"]["reference"].startswith(f"{ORIGIN}/fhir/Patient/")


@pytest.mark.parametrize(
    ("reference", "stored"),
    [
        (f"{ORIGIN}/fhir/R4/Patient/1", "Patient/1"),
        (f"{ORIGIN}/fhir/Patient/1", "Patient/1"),
        ("https://other.example/Patient/1", "https://other.example/Patient/1"),
        ("#contained", "#contained"),
        (7, 7),
    ],
)
def test_references_of_clients_are_stored_relative(reference: object, stored: object) -> None:
    assert to_stored({"subject": [{"reference": reference}]}, ORIGIN) == {"subject": [{"reference": stored}]}
