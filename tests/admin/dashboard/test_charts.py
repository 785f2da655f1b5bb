"""Small pictures of the last hours."""

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from gateway.admin.dashboard.charts import bars, charts


def history(*queries: int) -> dict[str, object]:
    counts = (0,) * (72 - len(queries)) + queries
    intervals = [
        {
            "start": f"2026-07-01T{number // 12:02}:{number % 12 * 5:02}:00+00:00",
            "queries": count,
            "saved": 0,
            "failures": 0,
        }
        for number, count in enumerate(counts)
    ]
    return {"intervals": intervals}


def test_picture_has_a_text_with_its_numbers() -> None:
    html = str(charts(history(7, 1_000, 3)))
    text = "in five minutes at most 1,000, at 05:50 UTC; now 3"
    assert f'role="img" aria-label="Queries: {text}"' in html
    assert "Queries: <strong>1,010</strong>" in html
    assert 'aria-label="Failures: none in the last six hours"' in html
    assert '<th scope="row">05:00</th><td>1,010</td><td>0</td><td>0</td>' in html


def test_picture_is_well_formed_without_style_or_script() -> None:
    root = ET.fromstring(f"<div>{charts(history(7, 0, 3))}</div>")  # noqa: S314 - our own
    assert {element.tag for element in root.iter()} & {"style", "script", "use", "image"} == set()
    assert len(root.findall(".//svg")) == 3


def test_largest_bar_is_as_high_as_the_picture() -> None:
    assert bars([0, 1, 2]) == "M4 48v-24h3V48zM8 48v-48h3V48z"
    assert bars([]) == bars([0, 0]) == ""


@given(st.lists(st.integers(0, 2**32), max_size=72))
def test_every_count_above_zero_has_a_visible_bar(counts: list[int]) -> None:
    path = bars(counts)
    assert path.count("M") == sum(count > 0 for count in counts)
    assert "v-0" not in path
