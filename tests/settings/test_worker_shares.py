"""Settings of one of several workers."""

from pathlib import Path

import pytest
from support.secrets import SECRET

from gateway.settings import Settings
from gateway.settings.worker_shares import settings_of_worker, with_own_outbox

REDIS = {"redis": {"url": "redis://redis"}, "keys": [SECRET]}


@pytest.mark.parametrize(("count", "concurrent"), [(2, 8), (5, 3), (64, 2)])
def test_worker_has_its_share_of_the_concurrency_of_a_site(count: int, concurrent: int) -> None:
    shared = settings_of_worker(Settings(), count)
    assert (shared.bulkhead.max_concurrent, shared.server.workers) == (concurrent, count)


def test_worker_has_the_whole_rate_because_workers_share_its_permits() -> None:
    settings = Settings.model_validate({"upstream": {"requests_per_second": 10}})
    assert settings_of_worker(settings, 4).upstream.requests_per_second == 10


def test_each_worker_has_an_outbox(tmp_path: Path) -> None:
    ledger = {"store": "redis", "path": str(tmp_path / "ledger.db")}
    settings = Settings.model_validate({"cache": REDIS, "ledger": ledger})
    assert with_own_outbox(settings, 2).ledger.path == tmp_path / "ledger.db.worker-2"


def test_ledger_file_without_redis_is_that_of_all_workers(tmp_path: Path) -> None:
    settings = Settings.model_validate({"ledger": {"path": str(tmp_path / "ledger.db")}})
    assert with_own_outbox(settings, 2) is settings
