"""Labels of `meta.lastUpdated`."""

import pytest
from probe.probing import evidence_with, patients_updated_at

from gateway.dates.timezones import load_zone
from gateway.probe.last_updated_labels import (
    has_daylight_saving,
    is_daylight_saving,
    is_in_future,
    is_mislabelled,
    parse_last_updated,
    sampled_last_updated,
)

SYDNEY, BRISBANE = load_zone("Australia/Sydney"), load_zone("Australia/Brisbane")


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("2026-01-10T09:30:00.1234567", None),
        ("2026-01-10T09:30:00Z", 0),
        ("2026-01-10T09:30:00+00:00", 0),
        ("2026-01-10T09:30:00-02:30", -9000),
        ("2026-01-10T09:30:00+11:00", 39600),
    ],
)
def test_label_is_parsed(text: str, offset: int | None) -> None:
    [patient] = patients_updated_at(text)
    last_updated = parse_last_updated(patient)
    assert last_updated
    assert last_updated.offset == offset


@pytest.mark.parametrize(
    "resource", [{}, {"meta": 5}, {"meta": {}}, *patients_updated_at("2026-01-10", "2026-02-30T00:00:00Z")]
)
def test_date_without_time_is_not_parsed(resource: dict[str, object]) -> None:
    assert parse_last_updated(resource) is None


def test_standard_offset_in_summer_is_a_wrong_label() -> None:
    patients = patients_updated_at(
        "2026-01-10T09:30:00+10:00", "2026-07-10T09:30:00+10:00", "2026-01-10T09:30:00+11:00"
    )
    samples = sampled_last_updated(evidence_with(Patient=patients), "Patient")
    assert [is_mislabelled(SYDNEY, sample) for sample in samples] == [True, False, False]
    assert [is_daylight_saving(SYDNEY, sample) for sample in samples] == [True, False, True]
    assert not is_mislabelled(BRISBANE, samples[0])


def test_digits_ahead_of_utc_are_in_the_future() -> None:
    patients = patients_updated_at(
        "2026-07-01T09:30:00Z", "2026-07-01T00:10:00Z", "2026-07-01T09:30:00+10:00", "2026-07-01T09:30:00"
    )
    evidence = evidence_with(Patient=patients)
    samples = sampled_last_updated(evidence, "Patient")
    assert [is_in_future(evidence, sample) for sample in samples] == [True, False, True, True]


def test_sydney_has_daylight_saving_time() -> None:
    assert has_daylight_saving(evidence_with())
