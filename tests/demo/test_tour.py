"""Tour of the repairs with real servers: success with all repairs, failure without any one of them."""

import socket
import subprocess
import sys

import pytest
from conftest import Pair, settings_for
from support.environment import environment_with

from gateway.app import create_app
from gateway.demo.itsm_stop import CHECKS
from gateway.demo.stops import STOPS, Stop
from gateway.demo.tour import _free_port_or_zero, _run_stops, local_url, next_steps_text, run_tour
from gateway.repairs import REPAIRS
from gateway.server.serve import ThreadedServer


def run_demo(**environment: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "gateway", "demo", "--once", "--port", "0"]
    return subprocess.run(
        program,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env=environment_with() | environment,
    )


def test_demo_shows_every_stop_both_ways_and_succeeds() -> None:
    completed = run_demo()
    assert completed.returncode == 0, completed.stdout + completed.stderr
    for stop in STOPS:
        assert f"{stop.issue}: {stop.request}" in completed.stdout
    assert (
        completed.stdout.count("  direct    BAD") == completed.stdout.count("  gateway   ok ") == len(STOPS)
    )
    assert "Total upstream queries: direct " in completed.stdout
    assert "Every repair worked." in completed.stdout
    for check in CHECKS:
        assert f"  ok  {check.title}: " in completed.stdout


def test_proxy_of_the_environment_is_not_used() -> None:
    dead_proxy = dict.fromkeys(
        ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"), "http://127.0.0.1:9"
    )
    completed = run_demo(**dead_proxy, NO_PROXY="", no_proxy="")
    assert completed.returncode == 0, completed.stdout + completed.stderr


def test_stops_and_repairs_match() -> None:
    assert sorted(stop.issue for stop in STOPS) == sorted(repair.issue.id for repair in REPAIRS)


@pytest.mark.parametrize("stop", STOPS, ids=lambda stop: stop.issue)
def test_tour_without_one_repair_reports_failure(
    pair: Pair, stop: Stop, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_for(pair.emulator.url).model_copy(update={"repairs": {stop.issue: False}})
    with ThreadedServer(create_app(settings)) as gateway:
        assert not _run_stops(pair.emulator, gateway.url)
    output = capsys.readouterr().out
    assert "A repair failed." in output
    assert "BAD" in output.partition(f"{stop.issue}: ")[2].partition("gateway  ")[2].splitlines()[0]


def test_tour_succeeds_and_leaves_sydney_circuit_closed(pair: Pair) -> None:
    pair.spoilt = True  # a stop opens a circuit
    assert _run_stops(pair.emulator, pair.url)
    assert pair.get("Appointment?date=2026-04&_count=2").status_code == 200


def test_gateway_settings_of_the_environment_are_ignored() -> None:
    completed = run_demo(HALO_GATEWAY_REPAIRS='{"last-updated-offset": false}')
    assert completed.returncode == 0, completed.stdout + completed.stderr


def test_next_steps_name_the_browser_url_first() -> None:
    text = next_steps_text("http://127.0.0.1:8080", "http://127.0.0.1:8090")
    browser, curl = text.index("  http://127.0.0.1:8080/\n"), text.index("curl")
    assert browser < curl
    assert "'http://127.0.0.1:8080/integrator/sites/" in text[curl:]
    assert "http://127.0.0.1:8090" in text


@pytest.mark.parametrize(
    ("listen_url", "expected"),
    [
        ("http://0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("http://[::]:8080", "http://[::1]:8080"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://192.0.2.7:80", "http://192.0.2.7:80"),
    ],
)
def test_wildcard_address_becomes_loopback(listen_url: str, expected: str) -> None:
    assert local_url(listen_url) == expected


@pytest.mark.parametrize("port", [-1, 65_536, 99_999])
def test_port_out_of_range_is_named(port: int) -> None:
    with pytest.raises(ValueError, match=f"--port {port}: a port is a number from 0 to 65535"):
        run_tour(once=True, host="127.0.0.1", port=port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_host_that_cannot_listen_is_named(host: str) -> None:
    with pytest.raises(OSError, match=rf"^the gateway cannot listen on --host {host} --port 0: [^\n(]+$"):
        run_tour(once=True, host=host, port=0)


def test_port_in_use_is_replaced_and_free_port_used() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert _free_port_or_zero("127.0.0.1", port) == 0
    assert _free_port_or_zero("127.0.0.1", port) == port
