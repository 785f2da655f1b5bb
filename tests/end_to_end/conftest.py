"""Gateway with short timeouts and every upstream mounted."""

import gc
from collections.abc import Iterator

import httpx
import pytest
from conftest import Pair
from end_to_end.failing_gateway import FailingGateway, failing_settings, run_gateway


@pytest.fixture
def gateway(pair: Pair) -> Iterator[FailingGateway]:
    """A new gateway for each test, because failures open circuits and start pauses."""
    with (
        run_gateway(failing_settings(pair.emulator.url)) as url,
        httpx.Client(timeout=30, trust_env=False) as client,
    ):
        yield FailingGateway(pair, url, client)
    pair.spoilt = False  # the gateway of the pair had no failure


@pytest.fixture(scope="module", autouse=True)
def collect_garbage() -> Iterator[None]:
    """Let what a module left open fail in that module: later, Python would warn in any other test."""
    yield
    gc.collect()
