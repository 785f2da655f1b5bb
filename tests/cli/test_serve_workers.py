"""`serve --workers`: one ready line, signals, replaced workers, and no process that is left over."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from support.workers import WorkersGateway, workers_gateway

from gateway.emulator.serve import RunningEmulator
from gateway.emulator.settings import EmulatorSettings

HEALTH = ("readyz", "healthz", "livez")

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="children are read from /proc")


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    with RunningEmulator(EmulatorSettings(patients=5, documents=0)) as emulator:
        yield emulator


@pytest.fixture
def gateway(emulator: RunningEmulator, tmp_path: Path) -> Iterator[WorkersGateway]:
    emulator.control("POST", "reset")
    with workers_gateway(emulator.url, tmp_path) as gateway:
        yield gateway


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.02)


def exists(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def accepts_connections(url: str) -> bool:
    host, _, port = url.removeprefix("http://").partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except ConnectionRefusedError:
        return False
    return True


def slow_request(emulator: RunningEmulator, gateway: WorkersGateway) -> tuple[Thread, list[int]]:
    """A request that is in flight for some seconds, and where its status will be."""
    emulator.control("POST", "faults", {"kind": "delay", "delay": 3, "times": 1})
    statuses: list[int] = []

    def get() -> None:
        with gateway.clients(1) as (client,):
            statuses.append(client.get("/Patient/2").status_code)

    thread = Thread(target=get)
    thread.start()
    wait_until(lambda: bool(emulator.control("GET", "requests")))
    return thread, statuses


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_parent_prints_one_line_and_ends_with_its_workers(
    gateway: WorkersGateway, number: signal.Signals
) -> None:
    workers = gateway.children()
    assert len(workers) == 2
    gateway.process.send_signal(number)
    assert gateway.process.communicate(timeout=30) == ("", None)
    assert gateway.process.returncode == 0
    assert not any(map(exists, workers))


def test_parent_has_no_thread(gateway: WorkersGateway) -> None:
    with gateway.clients(4) as clients:
        for client in clients:
            client.get("/Patient/1")
    tasks = Path(f"/proc/{gateway.process.pid}/task").iterdir()
    assert [task.name for task in tasks] == [str(gateway.process.pid)]


@pytest.mark.parametrize(
    ("number", "to_group"),
    [(signal.SIGTERM, False), (signal.SIGTERM, True), (signal.SIGINT, True)],
    ids=["parent", "group", "terminal"],
)
def test_signal_drains_and_stops_listening(
    emulator: RunningEmulator, gateway: WorkersGateway, number: signal.Signals, *, to_group: bool
) -> None:
    thread, statuses = slow_request(emulator, gateway)
    workers = gateway.children() if to_group else []
    for pid in (gateway.process.pid, *workers):
        os.kill(pid, number)
    time.sleep(0.3)
    for pid in filter(exists, workers):  # as a worker may get it after that of its parent
        os.kill(pid, number)
    wait_until(lambda: not accepts_connections(gateway.url))
    assert gateway.process.poll() is None, "the process ended before its request"
    thread.join(30)
    assert gateway.process.wait(30) == 0
    assert statuses == [200]


def test_all_workers_are_not_ready_at_once_and_serve_on(emulator: RunningEmulator, tmp_path: Path) -> None:
    admin = f"127.0.0.1:{free_port()}"
    with workers_gateway(emulator.url, tmp_path, SERVER__DRAIN_DELAY="4", ADMIN__LISTEN=admin) as gateway:
        with gateway.clients(16) as clients:
            assert {client.get(f"{gateway.url}/readyz").status_code for client in clients} == {200}
            gateway.process.terminate()
            urls = [f"{url}/{name}" for url in (gateway.url, f"http://{admin}") for name in HEALTH]
            wait_until(lambda: clients[0].get(urls[0]).status_code == 503)
            for url in urls:
                expected = 200 if url.endswith("livez") else 503
                assert {client.get(url).status_code for client in clients} == {expected}, url
            assert {client.get("/Patient/1").status_code for client in clients} == {200}
        assert gateway.process.poll() is None
        assert gateway.process.wait(30) == 0
    assert {line["worker"] for line in gateway.lines("request")} == {1, 2}


def test_signal_of_a_terminal_skips_the_delay(emulator: RunningEmulator, tmp_path: Path) -> None:
    with workers_gateway(emulator.url, tmp_path, SERVER__DRAIN_DELAY="60") as gateway:
        gateway.process.send_signal(signal.SIGINT)
        assert gateway.process.wait(20) == 0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_second_signal_cuts_requests_off(emulator: RunningEmulator, gateway: WorkersGateway) -> None:
    workers = gateway.children()
    emulator.control("POST", "faults", {"kind": "delay", "delay": 25, "times": 1})
    with socket.create_connection(("127.0.0.1", int(gateway.url.rpartition(":")[2]))) as client:
        path = f"{gateway.path.removeprefix(gateway.url)}/Patient/3"
        head = f"GET {path} HTTP/1.1\r\nhost: a\r\nocp-apim-subscription-key: demo-key\r\n\r\n"
        client.sendall(head.encode())
        wait_until(lambda: bool(emulator.control("GET", "requests")))
        gateway.process.terminate()
        time.sleep(1.2)
        gateway.process.terminate()
        assert gateway.process.wait(10) == 1
        assert b'"gateway-shutdown"' in client.recv(65_536)
    assert not any(map(exists, workers))


def test_killed_worker_is_replaced_at_once(gateway: WorkersGateway) -> None:
    before = gateway.children()
    os.kill(before[0], signal.SIGKILL)
    wait_until(lambda: len(set(gateway.children()) - set(before)) == 1)
    assert not exists(before[0])
    with gateway.clients() as clients:
        assert {client.get("/Patient/1").status_code for client in clients} == {200}
        assert {client.get(f"{gateway.url}/readyz").status_code for client in clients} == {200}
    assert {line["worker"] for line in gateway.lines("request")} == {1, 2}


def test_connection_waits_while_its_worker_is_replaced(gateway: WorkersGateway) -> None:
    for _ in range(3):
        os.kill(gateway.children()[0], signal.SIGKILL)
        with gateway.clients(12) as clients:
            assert {client.get("/Patient/1").status_code for client in clients} == {200}


def test_workers_end_after_their_parent_was_killed(gateway: WorkersGateway) -> None:
    workers = gateway.children()
    gateway.process.kill()
    wait_until(lambda: not any(map(exists, workers)))
    assert not accepts_connections(gateway.url)


def test_port_in_use_is_the_same_error_as_without_workers(gateway: WorkersGateway) -> None:
    port = gateway.url.rpartition(":")[2]
    completed = run_serve("--workers", "2", "--port", port)
    assert completed.returncode == 1
    assert f"cannot listen on 127.0.0.1, port {port}: Address already in use" in completed.stderr


def test_setting_gives_the_number_of_workers_and_the_option_wins(
    emulator: RunningEmulator, tmp_path: Path
) -> None:
    with workers_gateway(emulator.url, tmp_path, count=3, SERVER__WORKERS="2") as gateway:
        assert len(gateway.children()) == 3


def test_start_says_what_the_workers_do_not_share(gateway: WorkersGateway) -> None:
    warned = [line["setting"] for line in gateway.lines("configuration")]
    assert warned.count("server.workers") == warned.count("ledger.path") == 1


def run_serve(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway", "serve", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | {f"HALO_GATEWAY_{name}": value for name, value in environment.items()},
    )
