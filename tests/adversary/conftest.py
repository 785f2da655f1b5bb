"""Gateway with every upstream mounted, and a second Halo Connect at another address."""

from collections.abc import Iterator

import httpx
import pytest
from conftest import Pair
from end_to_end.failing_gateway import FailingGateway, failing_settings, run_gateway

from gateway.settings import Settings

MAX_UPSTREAM_WAIT = 600


@pytest.fixture
def gateway(pair: Pair) -> Iterator[FailingGateway]:
    """A new gateway for each test; `/stage` is an upstream of its own."""
    sections = failing_settings(pair.emulator.url).model_dump()
    sections["upstreams"]["stage"]["url"] = pair.emulator.url.replace("127.0.0.1", "localhost")
    for upstream in (sections["upstream"], *sections["upstreams"].values()):
        upstream["timeouts"] |= {"read": 5.0, "connect": 5.0}
    sections["retry"]["max_upstream_wait_seconds"] = MAX_UPSTREAM_WAIT
    settings = Settings.model_validate(sections)
    with (
        run_gateway(settings) as url,
        httpx.Client(timeout=30, trust_env=False) as client,
    ):
        yield FailingGateway(pair, url, client)
    pair.spoilt = False  # the gateway of the pair had no failure
