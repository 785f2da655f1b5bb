import pytest
from pydantic import ValidationError

from gateway.emulator.halo_itsm.settings import DOCUMENTED_RATES, HaloItsmSettings


def test_rates_are_documented_ones_by_default() -> None:
    rates = [(window.requests, window.seconds) for window in DOCUMENTED_RATES]
    assert rates == [(300, 300), (500, 180)]
    assert HaloItsmSettings().rate_windows == DOCUMENTED_RATES


@pytest.mark.parametrize("change", [{"tickets": -1}, {"max_body": 0}, {"Zzyzx": 1}])
def test_bad_settings_are_refused(change: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        HaloItsmSettings.model_validate(change)
