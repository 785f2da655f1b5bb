import pytest
from probe.probing import known, stamped

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
def test_the_label_is_read(text: str, offset: int | None) -> None:
    [row] = stamped(text)
    found = parse_last_updated(row)
    assert found
    assert found.offset == offset


@pytest.mark.parametrize(
    "row", [{}, {"meta": 5}, {"meta": {}}, *stamped("2026-01-10", "2026-02-30T00:00:00Z")]
)
def test_a_bare_date_is_no_stamp(row: dict[str, object]) -> None:
    assert parse_last_updated(row) is None


def test_a_standard_offset_in_summer_is_a_wrong_label() -> None:
    summer, winter, right = sampled_last_updated(
        known(
            Patient=stamped(
                "2026-01-10T09:30:00+10:00", "2026-07-10T09:30:00+10:00", "2026-01-10T09:30:00+11:00"
            )
        ),
        "Patient",
    )
    assert [is_mislabelled(SYDNEY, each) for each in (summer, winter, right)] == [True, False, False]
    assert [is_daylight_saving(SYDNEY, each) for each in (summer, winter, right)] == [True, False, True]
    assert not is_mislabelled(BRISBANE, summer)


def test_digits_that_utc_has_not_reached_are_the_sites() -> None:
    rows = stamped(
        "2026-07-01T09:30:00Z", "2026-07-01T00:10:00Z", "2026-07-01T09:30:00+10:00", "2026-07-01T09:30:00"
    )
    here = known(Patient=rows)
    assert [is_in_future(here, each) for each in sampled_last_updated(here, "Patient")] == [
        True,
        False,
        True,
        True,
    ]


def test_sydney_saves_daylight() -> None:
    assert has_daylight_saving(known())
