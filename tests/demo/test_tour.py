"""The tour, with real servers: it holds with every repair on, and says so where one is off."""

import os
import socket
import subprocess
import sys

import pytest
from conftest import Pair, settings_for

from gateway.app import create_app
from gateway.demo.stops import STOPS, Stop
from gateway.demo.tour import _free_port_or_zero, _run_stops, local_url, next_steps_text, run_tour
from gateway.repairs import REPAIRS
from gateway.server.serve import ThreadedServer

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("HALO_GATEWAY_")}


def demo(**environment: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "gateway", "demo", "--once", "--port", "0"]
    return subprocess.run(
        program, capture_output=True, text=True, check=False, timeout=100, env=CLEAN | environment
    )


def test_the_demo_shows_every_stop_both_ways_and_ends_well() -> None:
    ran = demo()
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for stop in STOPS:
        assert f"{stop.issue}: {stop.request}" in ran.stdout
    assert ran.stdout.count("  straight  BAD") == ran.stdout.count("  gateway   ok ") == len(STOPS)
    assert "Upstream queries in all: straight " in ran.stdout
    assert "Every repair held." in ran.stdout


def test_a_proxy_of_the_environment_is_not_used() -> None:
    dead = dict.fromkeys(
        ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"), "http://127.0.0.1:9"
    )
    ran = demo(**dead, NO_PROXY="", no_proxy="")
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_repair_has_a_stop_and_every_stop_a_repair() -> None:
    assert sorted(stop.issue for stop in STOPS) == sorted(repair.issue.id for repair in REPAIRS)


@pytest.mark.parametrize("stop", STOPS, ids=lambda stop: stop.issue)
def test_a_tour_with_one_repair_off_says_that_it_did_not_hold(
    pair: Pair, stop: Stop, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_for(pair.emulator.url).model_copy(update={"repairs": {stop.issue: False}})
    with ThreadedServer(create_app(settings)) as gateway:
        assert not _run_stops(pair.emulator, gateway.url)
    shown = capsys.readouterr().out
    assert "A repair did not hold." in shown
    assert "BAD" in shown.partition(f"{stop.issue}: ")[2].partition("gateway  ")[2].splitlines()[0]


def test_the_tour_holds_on_the_running_pair_and_leaves_its_practice_well(pair: Pair) -> None:
    pair.spoilt = True  # one of its stops makes a practice rest
    assert _run_stops(pair.emulator, pair.url)
    assert pair.get("Appointment?date=2026-04&_count=2").status_code == 200


def test_the_environment_of_a_production_gateway_does_not_reach_the_demo() -> None:
    ran = demo(HALO_GATEWAY_REPAIRS='{"last-updated-offset": false}')
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_closing_words_name_a_browsers_url_first() -> None:
    words = next_steps_text("http://127.0.0.1:8080", "http://127.0.0.1:8090")
    browser, curl = words.index("  http://127.0.0.1:8080/\n"), words.index("curl")
    assert browser < curl
    assert "'http://127.0.0.1:8080/integrator/sites/" in words[curl:]
    assert "http://127.0.0.1:8090" in words


@pytest.mark.parametrize(
    ("listening", "expected"),
    [
        ("http://0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("http://[::]:8080", "http://[::1]:8080"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://192.0.2.7:80", "http://192.0.2.7:80"),
    ],
)
def test_a_wildcard_address_becomes_one_that_opens(listening: str, expected: str) -> None:
    assert local_url(listening) == expected


@pytest.mark.parametrize("port", [-1, 65_536, 99_999])
def test_a_port_that_does_not_exist_is_named(port: int) -> None:
    with pytest.raises(ValueError, match=f"--port {port}: a port is a number from 0 to 65535"):
        run_tour(once=True, host="127.0.0.1", port=port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_a_host_where_nothing_can_listen_is_named(host: str) -> None:
    with pytest.raises(OSError, match=rf"^the gateway cannot listen on --host {host} --port 0: [^\n(]+$"):
        run_tour(once=True, host=host, port=0)


def test_a_port_in_use_is_replaced_and_a_free_one_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert _free_port_or_zero("127.0.0.1", port) == 0
    assert _free_port_or_zero("127.0.0.1", port) == port
