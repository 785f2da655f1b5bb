"""Hits that are not parsed, of real processes: none is lost at SIGTERM, or old after a write elsewhere."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from conftest import KEY, Pair
from server.test_fast_path_protocol import BASE, raw_get, read_response_head
from support.redis_server import redis_server
from support.secrets import SECRET

HITS = 2_000
HEAD = raw_get().encode()


@contextmanager
def process(pair: Pair, log: Path, **settings: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A gateway in a process of its own, and its URL."""
    options = {
        "upstream__url": pair.emulator.url,
        "sites__default__time_zone": "Australia/Sydney",
        **settings,
    }
    environment = {f"HALO_GATEWAY_{name.upper()}": value for name, value in options.items()}
    command = [sys.executable, "-m", "gateway", "serve", "--port", "0"]
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            command, env=os.environ | environment, stdout=subprocess.PIPE, stderr=stderr, text=True
        ) as running,
    ):
        try:
            assert running.stdout
            yield running, running.stdout.readline().split()[-1]
        finally:
            running.kill()


def connect(url: str) -> socket.socket:
    host, _, port = url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), 30)


def test_no_line_is_lost_at_sigterm(pair: Pair, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with process(pair, log) as (running, url), connect(url) as connection:
        for _ in range(HITS):
            connection.sendall(HEAD)
            read_response_head(connection)
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert len(requests) == HITS
    assert len({line["request_id"] for line in requests}) == HITS
    assert [line["timestamp"] for line in requests] == sorted(line["timestamp"] for line in requests)


def test_write_elsewhere_is_never_followed_by_an_old_hit(pair: Pair, tmp_path: Path) -> None:
    with redis_server() as redis:
        settings = {"cache__redis__url": redis.url, "cache__keys": f'["{SECRET}"]'}
        settings["server__public_url"] = "https://gw.example"
        with (
            process(pair, tmp_path / "a", **settings) as (_, first),
            process(pair, tmp_path / "b", **settings) as (_, second),
            connect(second) as connection,
        ):
            patient = httpx.get(first + BASE + "/Patient/1", headers=KEY, trust_env=False).json()
            for year in range(1950, 1960):
                for _ in range(20):
                    connection.sendall(HEAD)
                    read_response_head(connection)
                changed = patient | {"birthDate": f"{year}-02-03"}
                fields = KEY | {"content-type": "application/fhir+json"}
                url = f"{first}{BASE}/Patient/1"
                assert httpx.put(url, json=changed, headers=fields, trust_env=False).status_code == 200
                answer = httpx.get(second + BASE + "/Patient/1", headers=KEY, trust_env=False).json()
                assert answer["birthDate"] == f"{year}-02-03"
