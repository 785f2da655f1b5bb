"""The command line: in process where it only prints, as a real process where it serves."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import httpx
import pytest
from click.testing import CliRunner
from conftest import KEY, ROOT

from gateway.cli.commands import main
from gateway.emulator.serve import RunningEmulator
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import SYDNEY
from gateway.repairs import REPAIRS
from gateway.server.serve import bind_sockets

MODULE = (sys.executable, "-m", "gateway")
SCRIPT = (str(Path(sys.executable).with_name("halo-gateway")),)
BAD = """
[upstream]
url = "nonsense"
[sites.default]
time_zone = "Australia/Atlantis"
"""


@contextmanager
def program(*command: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running program and the one line it said; killed if a test leaves it running."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HALO_GATEWAY_")}
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=inherited | {f"HALO_GATEWAY_{name}": value for name, value in environment.items()},
    ) as running:
        try:
            assert running.stdout
            yield running, running.stdout.readline()
        finally:
            running.kill()


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    with RunningEmulator(EmulatorSettings(patients=5, documents=0)) as emulator:
        yield emulator


@contextmanager
def serving(
    emulator: RunningEmulator, command: tuple[str, ...] = MODULE
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A gateway in front of the emulator, and its URL."""
    emulator.control("POST", "reset")
    settings = {"UPSTREAM__URL": emulator.url, "SITES__DEFAULT__TIME_ZONE": "Australia/Sydney"}
    with program(*command, "serve", "--port", "0", **settings) as (running, line):
        found = re.fullmatch(r"halo-gateway listening on (http://127\.0\.0\.1:\d+)\n", line)
        assert found, line
        yield running, found[1]


def read(url: str) -> httpx.Response:
    address = f"{url}/integrator/sites/{SYDNEY}/fhir/R4/Patient/1"
    return httpx.get(address, headers=KEY, timeout=20, trust_env=False)


def ended(running: subprocess.Popen[str], within: float = 30) -> tuple[int, str]:
    """Exit code and the rest of stdout."""
    out, _ = running.communicate(timeout=within)
    return running.returncode, out


@pytest.mark.parametrize("command", [MODULE, SCRIPT], ids=["module", "script"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_says_one_line_on_stdout_and_ends_well_when_told(
    emulator: RunningEmulator, command: tuple[str, ...], number: signal.Signals
) -> None:
    with serving(emulator, command) as (running, url):
        assert read(url).status_code == 200
        running.send_signal(number)
        assert ended(running) == (0, "")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="limits of another process are read from /proc")
def test_a_process_with_few_files_asks_for_more(emulator: RunningEmulator) -> None:
    few = ("sh", "-c", 'ulimit -S -n 256; exec "$0" "$@"', *MODULE)
    with serving(emulator, few) as (running, _):
        limits = Path(f"/proc/{running.pid}/limits").read_text(encoding="ascii")
        found = re.search(r"Max open files +(\d+) +(\d+)", limits)
        assert found
        assert int(found[1]) == min(65_536, int(found[2]))


def test_sigterm_lets_the_exchange_in_flight_finish_and_takes_no_new_one(emulator: RunningEmulator) -> None:
    answers: list[httpx.Response] = []
    with serving(emulator) as (running, url):
        emulator.control("POST", "faults", {"kind": "delay", "delay": 4, "times": 1})
        asking = Thread(target=lambda: answers.append(read(url)))
        asking.start()
        _until(lambda: bool(emulator.control("GET", "requests")))
        running.send_signal(signal.SIGTERM)
        _until(lambda: not _accepts(url))
        assert running.poll() is None, "it ended before the exchange did"
        asking.join(30)
        assert ended(running) == (0, "")
    assert [answer.status_code for answer in answers] == [200]
    assert answers[0].json()["id"] == "1"


def _until(holds: object, within: float = 30) -> None:
    assert callable(holds)
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


def _accepts(url: str) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname, parts.port), timeout=1).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.parametrize("command", ["serve", "check-config", "known-issues"])
def test_a_bad_configuration_ends_with_every_problem(command: str, tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(BAD)
    ran = subprocess.run([*MODULE, command, "--config", file], capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert ran.stdout == ""
    assert "upstream.url" in ran.stderr
    assert "sites.default.time_zone" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_port_that_is_taken_is_an_error_and_no_traceback(emulator: RunningEmulator) -> None:
    port = str(urlsplit(emulator.url).port)
    ran = subprocess.run(
        [*MODULE, "serve", "--port", port], capture_output=True, text=True, check=False, timeout=20
    )
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr.endswith(f"\nError: cannot listen on 127.0.0.1, port {port}: Address already in use\n")
    assert "Traceback" not in ran.stderr


def test_address_that_this_machine_lacks_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ::1 of localhost where there is no IPv6."""
    absent = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", 0, 0, 0))
    present = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [absent, present, present])
    (listening,) = bind_sockets("gateway.example", 0)
    with listening:
        assert listening.getsockname()[0] == "127.0.0.1"
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [absent])
    with pytest.raises(OSError, match=r"^cannot listen on gateway\.example, port 0: "):
        bind_sockets("gateway.example", 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_emulate_starts_and_ends(number: signal.Signals) -> None:
    with program(*MODULE, "emulate", "--port", "0") as (running, line):
        found = re.fullmatch(r"halo emulator listening on (http://127\.0\.0\.1:\d+)\n", line)
        assert found, line
        assert httpx.get(f"{found[1]}/_emulator/sites", trust_env=False).status_code == 200
        running.send_signal(number)
        assert ended(running)[0] == 0


def test_emulate_takes_its_switches_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "emulator.toml"
    file.write_text("patients = 5\ndocuments = 0\nkeys = ['another-key']\n")
    with program(*MODULE, "emulate", "--port", "0", "--config", str(file)) as (_, line):
        settings = httpx.get(f"{line.split()[-1]}/_emulator/settings", trust_env=False).json()
    assert (settings["patients"], settings["keys"]) == (5, ["another-key"])


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("emulate --config {bad}", "patients: "),
        ("emulate --config /nonexistent.toml", "does not exist"),
        ("emulate --config /", "is a directory"),
        ("emulate --port 99999", "99999 is not in the range"),
        ("emulate --port {taken}", "cannot listen on 127.0.0.1, port {taken}"),
        ("serve --port 99999", "99999 is not in the range"),
        ("serve --port {taken}", "Error: cannot listen on 127.0.0.1, port {taken}: Address already in use\n"),
        ("serve --host 192.0.2.1 --port 0", "Error: cannot listen on 192.0.2.1, port 0: Cannot assign"),
        (
            "serve --host gateway..example",
            "cannot listen on gateway..example, port 8080: this is no host name",
        ),
        ("serve --host=", "'--host': names no address"),
        ("emulate --host=", "'--host': names no address"),
        ("demo --once --port 99999", "99999 is not in the range"),
    ],
)
def test_bad_option_is_an_error_and_no_traceback(
    command: str, said: str, emulator: RunningEmulator, tmp_path: Path
) -> None:
    bad, taken = tmp_path / "bad.toml", urlsplit(emulator.url).port
    bad.write_text("patients = 'many'\n")
    words = command.format(bad=bad, taken=taken).split()
    ran = subprocess.run([*MODULE, *words], capture_output=True, text=True, check=False, timeout=30)
    assert ran.returncode in {1, 2}
    assert ran.stdout == ""
    assert said.format(taken=taken) in ran.stderr
    assert "Traceback" not in ran.stderr


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, arguments)
    return result.exit_code, result.output


def test_known_issues_lists_every_repair_and_its_switch(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text("[repairs]\nlink-base-url = false\n")
    code, output = run("known-issues", "--config", str(file))
    assert code == 0
    rows = {line.split()[0]: line for line in output.splitlines() if line.strip()}
    assert all(repair.issue.id in rows for repair in REPAIRS)
    assert rows["link-base-url"].split()[1] == "off"


def test_check_prints_what_is_in_effect(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text("[sites.default]\ntime_zone = 'Australia/Perth'\n[paging]\nkeys = ['do-not-show']\n")
    code, output = run("check-config", "--config", str(file))
    assert code == 0
    assert "Australia/Perth" in output
    assert "do-not-show" not in output


def test_check_warns_on_stderr_and_stdout_stays_json(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(
        "[sites.default]\ntime_zone = 'Australia/Perth'\n[paging]\nkeys = ['do-not-show']\n"
        "[upstream]\nproxy = 'http://user:do-not-show@proxy.example:3128'\n"
    )
    result = CliRunner().invoke(main, ["check-config", "--config", str(file)])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["sites"]["default"]["time_zone"] == "Australia/Perth"
    (line,) = result.stderr.splitlines()
    assert line.startswith("Warning: sites.default.time_zone: it decides for every practice")
    assert "do-not-show" not in result.output


def test_the_variable_names_the_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text("[sites.default]\ntime_zone = 'Australia/Perth'\n")
    monkeypatch.setenv("HALO_GATEWAY_CONFIG", str(file))
    assert "Australia/Perth" in run("check-config")[1]


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("serve", "-h"), ("--version",)])
def test_help_and_version_are_there(arguments: tuple[str, ...]) -> None:
    code, output = run(*arguments)
    assert code == 0
    assert output.strip()


def test_an_unknown_command_or_a_missing_file_is_a_usage_error() -> None:
    assert run("nonsense")[0] == 2
    code, output = run("check-config", "--config", "/nonexistent.toml")
    assert code != 0
    assert "no such file" in output.lower()


def test_a_port_for_operators_that_is_taken_is_an_error_and_no_traceback(emulator: RunningEmulator) -> None:
    taken = urlsplit(emulator.url).netloc
    environment = os.environ | {"HALO_GATEWAY_ADMIN__LISTEN": taken}
    ran = subprocess.run(
        [*MODULE, "serve", "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env=environment,
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert f"admin.listen: nobody can listen on {taken}: Address already in use" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("contents", "code", "said"),
    [
        (['{"resourceType":"Patient"}'], 0, "0.json: valid"),
        (['{"resourceType":"Patient","gender":1}', '{"resourceType":"Patient"}'], 1, "1.json: valid"),
        (['{"resourceType":"Patient","gender":1}'], 1, "0.json: Patient.gender: is not a code"),
        ([None, '{"resourceType":"Patient"}'], 1, "1.json: valid"),
        ([None], 1, "0.json: cannot be read: No such file"),
        ([], 2, "Missing argument"),
    ],
)
def test_validate_judges_every_file_and_its_exit_code_says_so(
    tmp_path: Path, contents: list[str | None], code: int, said: str
) -> None:
    files = [tmp_path / f"{number}.json" for number in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        if content is not None:
            file.write_text(content)
    found, output = run("validate", *map(str, files))
    assert found == code
    assert said in output
    assert "Traceback" not in output


def test_validate_reads_standard_input() -> None:
    ran = CliRunner().invoke(main, ["validate", "-"], input='{"resourceType":"Patient","nmae":1}')
    assert (ran.exit_code, ran.output.endswith("R4 does not know here: nmae\n")) == (1, True)
