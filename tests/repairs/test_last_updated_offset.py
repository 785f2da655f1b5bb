import pytest
from conftest import Pair
from msgspec import Raw
from support.requests import SITE, fhir_request

from gateway.fhir.bundle import Entry
from gateway.repairs.last_updated_offset import correct_entry


def resource(stamp: str) -> Raw:
    return Raw(f'{{"resourceType":"Patient","meta":{{"lastUpdated":"{stamp}"}},"x":1.0}}'.encode())


@pytest.mark.parametrize(
    ("broken", "repaired"),
    [
        ("2026-07-01T10:00:00", "2026-07-01T00:00:00Z"),
        ("2026-01-01T10:00:00", "2025-12-31T23:00:00Z"),
        ("2026-07-01T10:00:00+10:00", "2026-07-01T00:00:00Z"),
        ("2026-07-01T10:00:00.1234567", "2026-07-01T00:00:00.1234567Z"),
        ("2026-04-05T02:30:00", "2026-04-04T16:30:00Z"),
        ("2026-07-01T00:00:00Z", "2026-07-01T00:00:00Z"),
    ],
)
def test_every_time_format_becomes_instant(broken: str, repaired: str) -> None:
    entry = correct_entry(fhir_request(), Entry({"resource": resource(broken)}))
    assert entry.resource == resource(repaired)
    assert correct_entry(fhir_request(), entry) is entry


def test_date_without_time_is_removed() -> None:
    entry = correct_entry(fhir_request(), Entry({"resource": resource("2026-07-01")}))
    assert b"lastUpdated" not in bytes(entry.resource or b"")


@pytest.mark.parametrize(
    "body", [b'{"resourceType":"Patient"}', b'{"meta":{"lastUpdated":3}}', b'{"lastUpdated":"x"}']
)
def test_entry_without_last_updated_is_unchanged(body: bytes) -> None:
    entry = Entry({"resource": Raw(body)})
    assert correct_entry(fhir_request(), entry) is entry
    assert correct_entry(fhir_request(site=SITE), Entry({})) == Entry({})


def is_repaired(pair: Pair, straight: bool) -> bool:
    get = pair.straight if straight else pair.get
    times = [
        get(f"{type_}/1").json()["meta"]["lastUpdated"] for type_ in ("Patient", "Appointment", "Condition")
    ]
    return all(time.endswith("Z") for time in times)
