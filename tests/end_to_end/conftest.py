"""A gateway with little patience and every upstream mounted, beside the ordinary pair."""

from collections.abc import Iterator

import httpx
import pytest
from conftest import Pair
from end_to_end.failing import Failing, failing_settings, gateway


@pytest.fixture(scope="session")
def impatient(running: Pair) -> Iterator[Failing]:
    with (
        gateway(failing_settings(running.emulator.url)) as url,
        httpx.Client(timeout=30, trust_env=False) as client,
    ):
        yield Failing(running, url, client)


@pytest.fixture
def failing(pair: Pair, impatient: Failing) -> Failing:
    """The impatient gateway; the emulator as new."""
    assert pair is impatient.pair
    return impatient
