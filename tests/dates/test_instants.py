"""Corrected instants: all modes, folds, gaps, fractions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dates.instants import InstantOutput, LabelMode, corrected_instant, label_meaning
from gateway.dates.timezones import load_zone

SYDNEY = load_zone("Australia/Sydney")
MODES: tuple[LabelMode, ...] = (
    "ok",
    "naive",
    "local-labelled-utc",
    "utc-labelled-local",
    "fixed-standard-offset",
)


@pytest.mark.parametrize(
    ("text", "mode", "utc"),
    [
        ("2024-01-15T10:00:00+11:00", "ok", "2024-01-14T23:00:00Z"),
        ("2024-01-15T10:00:00", "ok", "2024-01-14T23:00:00Z"),
        ("2024-01-15T10:00:00", "naive", "2024-01-14T23:00:00Z"),
        ("2024-01-15T10:00", "naive", "2024-01-14T23:00:00Z"),
        ("2024-01-15T10:00+11:00", "ok", "2024-01-14T23:00:00Z"),
        ("2024-01-15T10:00:00.1234567", "naive", "2024-01-14T23:00:00.1234567Z"),
        ("2024-01-15T10:00:00.000Z", "ok", "2024-01-15T10:00:00.000Z"),
        ("2024-01-15T10:00:00Z", "local-labelled-utc", "2024-01-14T23:00:00Z"),
        ("2024-01-15T10:00:00+00:00", "local-labelled-utc", "2024-01-14T23:00:00Z"),
        ("2024-01-15T10:00:00+11:00", "local-labelled-utc", "2024-01-14T23:00:00Z"),
        ("2024-01-15T10:00:00", "local-labelled-utc", "2024-01-14T23:00:00Z"),
        ("2024-01-14T23:00:00+11:00", "utc-labelled-local", "2024-01-14T23:00:00Z"),
        ("2024-01-15T10:00:00+10:00", "fixed-standard-offset", "2024-01-14T23:00:00Z"),
        ("2024-07-15T10:00:00+10:00", "fixed-standard-offset", "2024-07-15T00:00:00Z"),
        ("2024-01-14T23:00:00Z", "fixed-standard-offset", "2024-01-14T23:00:00Z"),
        ("2024-04-07T02:30:00", "naive", "2024-04-06T16:30:00Z"),
        ("2024-04-07T02:00:00", "naive", "2024-04-06T16:00:00Z"),
        ("2024-04-07T03:00:00", "naive", "2024-04-06T17:00:00Z"),
        ("2024-10-06T02:30:00", "naive", "2024-10-05T16:30:00Z"),
        ("2016-12-31T23:59:60Z", "ok", "2017-01-01T00:00:00Z"),
    ],
)
def test_instant_is_corrected_to_utc(text: str, mode: LabelMode, utc: str) -> None:
    assert corrected_instant(text, mode, SYDNEY) == utc


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("Australia/Sydney", "2024-01-14T23:00:00.50Z", "2024-01-15T10:00:00.50+11:00"),
        ("Australia/Adelaide", "2024-07-15T00:00:00Z", "2024-07-15T09:30:00+09:30"),
        ("Australia/Lord_Howe", "2024-10-06T02:15:00", "2024-10-06T02:45:00+11:00"),
        ("Australia/Brisbane", "1990-01-15T00:00:00Z", "1990-01-15T11:00:00+11:00"),
        ("Australia/Perth", "2007-01-15T00:00:00Z", "2007-01-15T09:00:00+09:00"),
        ("America/St_Johns", "2024-01-15T00:00:00Z", "2024-01-14T20:30:00-03:30"),
        ("Australia/Brisbane", "1890-01-15T00:00:00Z", "1890-01-15T00:00:00Z"),
        ("UTC", "2024-01-15T00:00:00Z", "2024-01-15T00:00:00Z"),
    ],
)
def test_instant_is_written_with_site_offset(name: str, text: str, expected: str) -> None:
    assert corrected_instant(text, "ok", load_zone(name), "site") == expected


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-01",
        "2024",
        "",
        "now",
        "2024-13-01T10:00:00Z",
        "2024-05-01T25:00:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2024-05-01T10:00:00+10",
        "2024-05-01 10:00:00",
    ],
)
def test_text_without_time_has_no_instant(text: str) -> None:
    assert corrected_instant(text, "ok", SYDNEY) is None


@given(
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.sampled_from(("", "Z", "+10:00", "+11:00", "-03:30")),
    st.sampled_from(MODES),
    st.sampled_from(("utc", "site")),
)
def test_correction_is_idempotent(text: str, label: str, mode: LabelMode, output: InstantOutput) -> None:
    once = corrected_instant(f"{text}{label}", mode, SYDNEY, output)
    if once is not None:
        assert corrected_instant(once, "ok", SYDNEY, output) == once
        assert corrected_instant(once, "ok", SYDNEY) == corrected_instant(f"{text}{label}", mode, SYDNEY)


@given(
    st.from_regex(
        r"(19|20)\d\d-(0\d|1[0-3])-([0-2]\d|3[0-3])T([01]\d|2[0-5]):[0-6]\d:[0-6]\d", fullmatch=True
    ),
    st.sampled_from(("", "Z")),
    st.sampled_from(MODES),
    st.sampled_from(("utc", "site")),
)
def test_usual_times_are_corrected_as_unusual(
    text: str, label: str, mode: LabelMode, output: InstantOutput
) -> None:
    """A fraction, which takes the general way, changes nothing else."""
    usual = corrected_instant(f"{text}{label}", mode, SYDNEY, output)
    unusual = corrected_instant(f"{text}.25{label}", mode, SYDNEY, output)
    assert usual == (unusual and unusual.replace(".25", ""))


def test_only_digits_of_utc_show_the_instant() -> None:
    assert {mode for mode in MODES if label_meaning(mode) == "exact"} == {"utc-labelled-local"}
