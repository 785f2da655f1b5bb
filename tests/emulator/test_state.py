import pytest

from gateway.emulator.search.refusal import Refusal
from gateway.emulator.settings import EmulatorSettings, apply_merge_patch
from gateway.emulator.sites import RELOCATED_SITE, SITES, SYDNEY
from gateway.emulator.state import EmulatorState


@pytest.mark.parametrize(
    ("guid", "status"),
    [("", 400), ("nonsense", 404), (RELOCATED_SITE, 403), ("00000000-0000-4000-8000-000000000000", 401)],
)
def test_invalid_guid_is_refused_by_cause(guid: str, status: int) -> None:
    with pytest.raises(Refusal) as excinfo:
        EmulatorState(EmulatorSettings()).require_site(guid)
    assert excinfo.value.status == status


def test_guid_is_case_insensitive() -> None:
    assert EmulatorState(EmulatorSettings()).require_site(SYDNEY.upper()) is SITES[SYDNEY]


def test_reset_restores_initial_settings() -> None:
    state = EmulatorState(EmulatorSettings(patients=5))
    state.settings = apply_merge_patch(state.settings, {"keys": ["changed"]})
    state.desktop_tokens["x"] = ("device", SYDNEY)
    practices = state.practices
    state.reset()
    assert state.settings == EmulatorSettings(patients=5)
    assert not state.desktop_tokens
    assert state.practices is not practices


def test_journal_is_limited_to_keep_requests() -> None:
    state = EmulatorState(EmulatorSettings(keep_requests=2))
    state.journal.extend({"path": str(number)} for number in range(5))
    assert [request["path"] for request in state.journal] == ["3", "4"]
