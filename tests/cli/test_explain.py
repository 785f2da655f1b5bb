"""`halo-gateway explain`."""

import pytest
from conftest import settings_for

from gateway.cli.explain import explain_for_site
from gateway.emulator.sites import SYDNEY
from gateway.settings import Settings


def test_search_is_explained_as_by_the_gateway() -> None:
    assert "filter: no" in explain_for_site(
        settings_for("http://emulator"), SYDNEY, "Appointment?date=2026-04"
    )


@pytest.mark.parametrize(
    ("settings", "search", "message"),
    [(Settings(), "Appointment?date=2026-04", "time_zone"), (settings_for("http://x"), "metadata", "search")],
)
def test_unexplainable_search_has_reason(settings: Settings, search: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        explain_for_site(settings, SYDNEY, search)
