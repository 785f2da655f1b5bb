"""Numbers and times as the dashboard writes them."""

import pytest

from gateway.admin.dashboard.wording import (
    age_text,
    bytes_text,
    cost_text,
    count_text,
    share_text,
    site_label,
    time_text,
)

NOW = "2026-07-01T12:00:00+00:00"


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (None, "-"),
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_000, "1.0 kB"),
        (1_234_567, "1.2 MB"),
        (10**18, "1000000.0 TB"),
    ],
)
def test_bytes_have_the_unit_that_fits(octets: int | None, text: str) -> None:
    assert bytes_text(octets) == text


def test_number_share_and_cost_are_for_people() -> None:
    assert (count_text(1_234), count_text(None)) == ("1,234", "-")
    assert share_text(0.126) == "13%"
    assert [cost_text("1.20", "AUD"), cost_text("1.20", None), cost_text(None, "AUD")] == [
        *("1.20 AUD", "1.20", "-")
    ]


@pytest.mark.parametrize(
    ("timestamp", "text"),
    [
        (None, "-"),
        ("2026-07-01T11:59:30+00:00", "less than a minute ago"),
        ("2026-07-01T11:01:00+00:00", "59 min ago"),
        ("2026-07-01T09:01:00+00:00", "2 h ago"),
        ("2026-06-28T12:00:00+00:00", "3 days ago"),
        ("2026-07-01T22:00:00+10:00", "less than a minute ago"),
    ],
)
def test_age_is_in_the_unit_that_fits(timestamp: str | None, text: str) -> None:
    assert age_text(timestamp, NOW) == text


def test_time_has_seconds() -> None:
    assert (time_text(NOW), time_text(None)) == ("2026-07-01 12:00:00", "-")


@pytest.mark.parametrize(
    ("name", "id_", "label"),
    [
        ("harbour", "0a1b2c3d", "harbour (0a1b2c3d)"),
        ("harbour", "0a1b2c3d-00", "harbour (0a1b2c3d-00)"),
        ("0a1b2c3d", "0a1b2c3d", "0a1b2c3d"),
        ("mnt/harbour", "0a1b2c3d", "mnt/harbour (0a1b2c3d)"),
        ("mnt/0a1b2c3d", "0a1b2c3d", "mnt/0a1b2c3d"),
        ("mount", "mount", "mount"),
    ],
)
def test_label_names_the_id_beside_an_alias(name: str, id_: str, label: str) -> None:
    assert site_label({"name": name, "id": id_}) == label
