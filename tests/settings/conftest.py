import os

import pytest


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the settings of the machine that runs the tests."""
    for name in [name for name in os.environ if name.upper().startswith("HALO_GATEWAY_")]:
        monkeypatch.delenv(name)
