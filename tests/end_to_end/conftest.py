"""A gateway with little patience and every upstream mounted, beside the ordinary pair."""

from collections.abc import Iterator

import httpx
import pytest
from conftest import Pair
from end_to_end.failing import Failing, failing_settings, gateway


@pytest.fixture
def failing(pair: Pair) -> Iterator[Failing]:
    """The impatient gateway, new for each test: a failure teaches it to leave the practice alone."""
    with (
        gateway(failing_settings(pair.emulator.url)) as url,
        httpx.Client(timeout=30, trust_env=False) as client,
    ):
        yield Failing(pair, url, client)
    pair.spoilt = False  # its own gateway has seen nothing of it
