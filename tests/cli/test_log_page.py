"""docs/logs.md."""

from gateway.cli.log_page import logs_page
from gateway.telemetry.events import EVENTS


def test_page_has_a_row_for_every_event_and_field() -> None:
    page = logs_page()
    for name, event in EVENTS.items():
        (row,) = (line for line in page.splitlines() if line.startswith(f"| `{name}` | {event.levels[0]}"))
        assert name == "request" or all(f"`{field}`" in row for field in event.fields)
    for field in EVENTS["request"].fields:
        assert f"\n| `{field}` | " in page
