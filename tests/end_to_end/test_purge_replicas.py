"""Purges and resets at replicas that are separate processes: who was reached, and who was not."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import sleep
from typing import NamedTuple

import httpx
import pytest
from cli.test_commands import MODULE, program, run
from support.redis_server import RedisServer, redis_server
from support.secrets import OTHER_SECRET, SECRET
from support.workers import workers_gateway

ADMIN = {"authorization": f"Bearer {SECRET}"}
GUID = "00000000-0000-4000-8000-000000005d00"


class Replica(NamedTuple):
    process: subprocess.Popen[str]
    url: str


@contextmanager
def replica(redis: RedisServer) -> Iterator[Replica]:
    settings = {
        "CACHE__REDIS__URL": redis.url,
        "CACHE__REDIS__TIMEOUT": "10",
        "CACHE__KEYS": f'["{OTHER_SECRET}"]',
        "ADMIN__TOKEN": SECRET,
        "SITES__DEFAULT__TIME_ZONE": "Australia/Sydney",
    }
    with program(*MODULE, "serve", "--port", "0", **settings) as (process, line):
        yield Replica(process, line.split()[-1])


@pytest.fixture
def replicas() -> Iterator[tuple[RedisServer, Replica, Replica]]:
    with ExitStack() as stack:
        redis = stack.enter_context(redis_server())
        yield redis, stack.enter_context(replica(redis)), stack.enter_context(replica(redis))


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_GATEWAY_ADMIN__TOKEN", SECRET)


PURGE, RESET = ("purge", "--site", GUID), ("reset", "--site", GUID)


def test_change_names_replicas_that_it_did_not_reach(
    replicas: tuple[RedisServer, Replica, Replica],
) -> None:
    redis, first, second = replicas
    for arguments in (PURGE, RESET):
        code, text = run(*arguments, "--url", first.url)
        assert (code, text.endswith("at all 2 replicas that use the shared store\n")) == (0, True), text
    second.process.send_signal(signal.SIGSTOP)
    code, text = run(*PURGE, "--url", first.url)
    second.process.send_signal(signal.SIGCONT)
    assert code == 1
    assert f"process {second.process.pid}: it does not use the shared store" in text
    assert "They may serve old responses until 20" in text
    redis.stop()
    for arguments in (PURGE, RESET):
        code, text = run(*arguments, "--url", first.url)
        assert code == 1
        assert f"process {second.process.pid}: the gateway that was asked cannot reach the shared" in text
        assert ("old responses" in text) == (arguments is PURGE)
    redis.start()
    sleep(3)
    assert run(*PURGE, "--url", first.url)[0] == 0
    second.process.send_signal(signal.SIGTERM)
    second.process.wait(20)
    code, text = run(*PURGE, "--url", first.url)
    assert (code, "replicas" in text) == (0, False), text


def purge(url: str) -> httpx.Response:
    """Response of a worker that answers: the system may deal a connection out to one that does not."""
    for _ in range(30):
        with suppress(httpx.TimeoutException):
            return httpx.post(
                f"{url}/admin/purge", json={"site": GUID}, headers=ADMIN, timeout=2, trust_env=False
            )
    raise AssertionError("no worker answers")


def is_purged_everywhere(url: str) -> bool:
    """Whether a purge reaches all, perhaps not at once: a worker may be slow to answer."""
    return any(purge(url).json()["notReached"] == [] or sleep(0.5) for _ in range(20))


def test_worker_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with workers_gateway("http://127.0.0.1:9", tmp_path, ADMIN__TOKEN=SECRET) as gateway:
        assert is_purged_everywhere(gateway.url)
        os.kill(gateway.children()[1], signal.SIGSTOP)
        response = purge(gateway.url)
        os.kill(gateway.children()[1], signal.SIGCONT)
        assert response.status_code == 503
        (missed,) = response.json()["notReached"]
        assert missed["reason"] == "no-answer"
        assert missed["replica"].endswith(f"process {gateway.process.pid} worker 2")


def test_successor_of_a_killed_worker_is_the_same_replica(tmp_path: Path) -> None:
    with (
        redis_server() as redis,
        workers_gateway(
            "http://127.0.0.1:9",
            tmp_path,
            ADMIN__TOKEN=SECRET,
            CACHE__REDIS__URL=redis.url,
            CACHE__REDIS__TIMEOUT="10",
            CACHE__KEYS=f'["{OTHER_SECRET}"]',
        ) as gateway,
    ):
        assert is_purged_everywhere(gateway.url)
        os.kill(gateway.children()[1], signal.SIGKILL)
        assert any(len(purge(gateway.url).json()["reached"]) == 2 or sleep(0.5) for _ in range(20))
        assert is_purged_everywhere(gateway.url)
