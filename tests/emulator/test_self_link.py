import pytest

from gateway.emulator.self_link import self_pairs
from gateway.emulator.settings import SelfForm

PAIRS = [("date", "ge2026-04-05"), ("patient", "Patient/1"), ("status", "booked")]


@pytest.mark.parametrize(
    ("form", "shown"),
    [("used", PAIRS), ("partial", PAIRS[:1]), ("bare", []), ("absent", [])],
)
def test_self_shows_parameters_of_its_form(form: SelfForm, shown: list[tuple[str, str]]) -> None:
    assert self_pairs(form, "Appointment", PAIRS) == shown


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        (("date", "2026-04-05"), "eq2026-04-05T00:00:00"),
        (
            ("date", "ge2026-04-05T09:00:00,lt2026-04-06"),
            "ge2026-04-05T09:00:00.0000000,lt2026-04-06T00:00:00",
        ),
        (("date", "ge2026"), "ge2026"),
        (
            ("patient", "Patient/1,Patient/2"),
            "https://api.haloconnect.io/fhir/R4/Patient/1,https://api.haloconnect.io/fhir/R4/Patient/2",
        ),
        (("patient", "1"), "1"),
        (("patient:missing", "true"), "true"),
        (("status", "booked"), "booked"),
    ],
)
def test_respelled_value_means_the_same(pair: tuple[str, str], value: str) -> None:
    assert self_pairs("respelled", "Appointment", [pair]) == [(pair[0], value)]


def test_respelled_parameters_are_in_reverse_order() -> None:
    assert [name for name, _ in self_pairs("respelled", "Appointment", PAIRS)] == [
        "status",
        "patient",
        "date",
    ]
