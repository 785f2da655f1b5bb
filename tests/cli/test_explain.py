import pytest
from conftest import settings_for

from gateway.cli.explain import explain_for_site
from gateway.emulator.sites import SYDNEY
from gateway.settings import Settings


def test_the_command_line_explains_like_the_gateway() -> None:
    assert "filter: no" in explain_for_site(
        settings_for("http://emulator"), SYDNEY, "Appointment?date=2026-04"
    )


@pytest.mark.parametrize(
    ("settings", "search", "says"),
    [(Settings(), "Appointment?date=2026-04", "time_zone"), (settings_for("http://x"), "metadata", "search")],
)
def test_what_cannot_be_explained_says_why(settings: Settings, search: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        explain_for_site(settings, SYDNEY, search)
