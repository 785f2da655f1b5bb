from typing import Any, get_args

import pytest

from gateway.emulator.rendering import (
    instant_in_style,
    select_elements,
    with_absolute_urls,
    with_last_updated,
)
from gateway.emulator.settings import LastUpdatedStyle
from gateway.emulator.sites import BRISBANE, PERTH, SITES, SYDNEY

SUMMER, WINTER = "2026-01-15T02:03:04Z", "2026-07-15T20:03:04.125Z"


@pytest.mark.parametrize(
    ("site", "instant", "style", "expected"),
    [
        (SYDNEY, SUMMER, "ok", "2026-01-15T02:03:04Z"),
        (SYDNEY, SUMMER, "offset", "2026-01-15T13:03:04+11:00"),
        (SYDNEY, WINTER, "offset", "2026-07-16T06:03:04.125+10:00"),
        (PERTH, SUMMER, "offset", "2026-01-15T10:03:04+08:00"),
        (SYDNEY, SUMMER, "naive", "2026-01-15T13:03:04"),
        (SYDNEY, WINTER, "naive-7", "2026-07-16T06:03:04.1250000"),
        (SYDNEY, WINTER, "naive-utc", "2026-07-15T20:03:04.125"),
        (BRISBANE, SUMMER, "naive-7", "2026-01-15T12:03:04.0000000"),
        (SYDNEY, SUMMER, "local-labelled-utc", "2026-01-15T13:03:04Z"),
        (SYDNEY, SUMMER, "utc-labelled-local", "2026-01-15T02:03:04+11:00"),
        (SYDNEY, SUMMER, "fixed-standard-offset", "2026-01-15T13:03:04+10:00"),
        (SYDNEY, WINTER, "fixed-standard-offset", "2026-07-16T06:03:04.125+10:00"),
    ],
)
def test_instant_has_style(site: str, instant: str, style: LastUpdatedStyle, expected: str) -> None:
    assert instant_in_style(instant, style, SITES[site].zone) == expected


def test_all_styles_are_supported() -> None:
    assert all(instant_in_style(SUMMER, style, SITES[SYDNEY].zone) for style in get_args(LastUpdatedStyle))


def test_with_last_updated_does_not_change_input() -> None:
    row = {"resourceType": "Patient", "id": "1", "meta": {"lastUpdated": SUMMER, "versionId": "3"}}
    result = with_last_updated(row, "naive", SITES[SYDNEY].zone)
    assert result["meta"] == {"lastUpdated": "2026-01-15T13:03:04", "versionId": "3"}
    assert row["meta"] == {"lastUpdated": SUMMER, "versionId": "3"}


ROW: dict[str, Any] = {
    "resourceType": "Slot",
    "id": "1",
    "meta": {"lastUpdated": SUMMER},
    "text": {"status": "generated"},
    "status": "free",
    "comment": "none",
}


@pytest.mark.parametrize(
    ("summary", "elements", "optional"),
    [
        ("text", (), {"text", "status"}),
        ("data", (), {"status", "comment"}),
        ("true", (), {"status", "comment"}),
        ("false", ("comment",), {"status", "comment"}),
    ],
)
def test_partial_resource_is_tagged(summary: str, elements: tuple[str, ...], optional: set[str]) -> None:
    result = select_elements(ROW, summary, elements)
    assert set(result) == {"resourceType", "id", "meta"} | optional
    assert result["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert "tag" not in ROW["meta"]


def test_complete_resource_is_same_object() -> None:
    assert select_elements(ROW, "false", ()) is ROW


def test_relative_urls_are_made_absolute() -> None:
    row = {
        "resourceType": "DocumentReference",
        "subject": {"reference": "Patient/1", "identifier": {"system": "Patient/1"}},
        "content": [{"attachment": {"url": "Binary/1"}}, {"attachment": {"data": "eA=="}}],
    }
    assert with_absolute_urls(row, "http://h/R4")["subject"] == {
        "reference": "http://h/R4/Patient/1",
        "identifier": {"system": "Patient/1"},
    }
    assert [content["attachment"] for content in with_absolute_urls(row, "http://h/R4")["content"]] == [
        {"url": "http://h/R4/Binary/1"},
        {"data": "eA=="},
    ]
