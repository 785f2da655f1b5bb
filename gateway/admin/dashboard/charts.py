"""Small pictures (SVG) of the last hours, with their numbers as text."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from markupsafe import Markup

#: Size of a picture in units of its own; a bar is as wide as one interval.
_BAR_WIDTH: Final = 4
_HEIGHT: Final = 48
_INTERVALS_PER_HOUR: Final = 12

_FIGURE_HTML = Markup(
    '<figure class="chart"><figcaption>{title}: <strong>{total}</strong></figcaption>'
    '<svg class="{name}" viewBox="0 0 {width} {height}" role="img" aria-label="{title}: {text}"'
    ' preserveAspectRatio="none" focusable="false">'
    '<path class="line" d="M0 {height}H{width}"/><path class="bars" d="{path}"/></svg>'
    '<p class="note">{text}</p></figure>\n'
)
_HOUR_HTML = Markup('<tr><th scope="row">{}</th><td>{}</td><td>{}</td><td>{}</td></tr>\n')
_HOURS_HTML = Markup(
    '<details><summary>The same as numbers, by hour</summary>\n<div class="table" role="region"'
    ' aria-label="Last hours" tabindex="0"><table><thead><tr><th scope="col">From (UTC)</th>'
    '<th scope="col">Queries</th><th scope="col">Saved</th><th scope="col">Failures</th></tr></thead>'
    "<tbody>\n{}</tbody></table></div></details>\n"
)


class Chart(NamedTuple):
    """What a picture shows: a member of the intervals, and its title."""

    name: str
    title: str


CHARTS: Final = (
    Chart("queries", "Queries"),
    Chart("saved", "Saved queries"),
    Chart("failures", "Failures"),
)


def charts(history: dict[str, Any]) -> Markup:
    """Return the pictures of the JSON of `/admin/history`, and a table with the same numbers."""
    intervals = history["intervals"]
    figures = Markup().join(_figure(chart, intervals) for chart in CHARTS)
    return Markup('<div class="charts">\n{}</div>\n{}').format(figures, _hours(intervals))


def _figure(chart: Chart, intervals: Sequence[dict[str, Any]]) -> Markup:
    counts = [interval[chart.name] for interval in intervals]
    return _FIGURE_HTML.format(
        name=chart.name,
        title=chart.title,
        total=f"{sum(counts):,}",
        text=_description(counts, intervals),
        width=len(counts) * _BAR_WIDTH,
        height=_HEIGHT,
        path=bars(counts),
    )


def bars(counts: Sequence[int]) -> str:
    """Return the path of one bar for each count above 0; the largest is as high as the picture."""
    largest = max(counts, default=0)
    return "".join(
        f"M{number * _BAR_WIDTH} {_HEIGHT}v-{max(1, round(count * _HEIGHT / largest))}h{_BAR_WIDTH - 1}"
        f"V{_HEIGHT}z"
        for number, count in enumerate(counts)
        if count
    )


def _description(counts: Sequence[int], intervals: Sequence[dict[str, Any]]) -> str:
    largest = max(counts, default=0)
    if not largest:
        return "none in the last six hours"
    start = datetime.fromisoformat(intervals[counts.index(largest)]["start"])
    return f"in five minutes at most {largest:,}, at {start:%H:%M} UTC; now {counts[-1]:,}"


def _hours(intervals: Sequence[dict[str, Any]]) -> Markup:
    groups = [
        intervals[first : first + _INTERVALS_PER_HOUR]
        for first in range(0, len(intervals), _INTERVALS_PER_HOUR)
    ]
    rows = (
        _HOUR_HTML.format(
            f"{datetime.fromisoformat(group[0]['start']):%H:%M}",
            *(f"{sum(interval[chart.name] for interval in group):,}" for chart in CHARTS),
        )
        for group in groups
    )
    return _HOURS_HTML.format(Markup().join(rows))
