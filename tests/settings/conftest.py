import os

import pytest


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine that runs the tests."""
    for name in [each for each in os.environ if each.upper().startswith("HALO_GATEWAY_")]:
        monkeypatch.delenv(name)
