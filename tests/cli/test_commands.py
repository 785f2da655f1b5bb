"""Command line: commands that print run in the test process, commands that serve in their own."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import click
import httpx
import pytest
from click.testing import CliRunner
from conftest import KEY, ROOT
from probe.sql_site import SqlSite
from support.environment import environment_with
from support.packs import pack_text
from support.secrets import SECRET

from gateway.cli.commands import main
from gateway.emulator.serve import RunningEmulator
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import SYDNEY
from gateway.repairs import REPAIRS
from gateway.server.serve import bind_sockets

MODULE = (sys.executable, "-m", "gateway")
SCRIPT = (str(Path(sys.executable).with_name("halo-gateway")),)
PROBE_KEY = {"HALO_GATEWAY_PROBE_KEY": "demo-key"}
INVALID_CONFIGURATION = """
[upstream]
url = "nonsense"
[sites.default]
time_zone = "Australia/Atlantis"
"""


@contextmanager
def program(*command: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running program and its first line on stdout; killed at the end."""
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment_with(**environment),
    ) as process:
        try:
            assert process.stdout
            yield process, process.stdout.readline()
        finally:
            process.kill()


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    with RunningEmulator(EmulatorSettings(patients=5, documents=0)) as emulator:
        yield emulator


@contextmanager
def running_gateway(
    emulator: RunningEmulator, command: tuple[str, ...] = MODULE
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A gateway process in front of the emulator, and its URL."""
    emulator.control("POST", "reset")
    settings = {"UPSTREAM__URL": emulator.url, "SITES__DEFAULT__TIME_ZONE": "Australia/Sydney"}
    with program(*command, "serve", "--port", "0", **settings) as (process, line):
        match = re.fullmatch(r"halo-gateway listening on (http://127\.0\.0\.1:\d+)\n", line)
        assert match, line
        yield process, match[1]


def get_patient(url: str) -> httpx.Response:
    address = f"{url}/integrator/sites/{SYDNEY}/fhir/R4/Patient/1"
    return httpx.get(address, headers=KEY, timeout=20, trust_env=False)


def wait_for_end(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the exit code and the rest of stdout."""
    out, _ = process.communicate(timeout=30)
    return process.returncode, out


def run_process(
    *arguments: str | Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MODULE, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env=os.environ | (environment or {}),
    )


def run(*arguments: str) -> tuple[int, str]:
    """Run a command in this process; return exit code and output."""
    result = CliRunner().invoke(main, arguments)
    return result.exit_code, result.output


@pytest.mark.parametrize("command", [MODULE, SCRIPT], ids=["module", "script"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_prints_one_line_and_exits_after_signal(
    emulator: RunningEmulator, command: tuple[str, ...], number: signal.Signals
) -> None:
    with running_gateway(emulator, command) as (process, url):
        assert get_patient(url).status_code == 200
        process.send_signal(number)
        assert wait_for_end(process) == (0, "")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="limits of another process are read from /proc")
def test_serve_raises_limit_of_open_files(emulator: RunningEmulator) -> None:
    limited_command = ("sh", "-c", 'ulimit -S -n 256; exec "$0" "$@"', *MODULE)
    with running_gateway(emulator, limited_command) as (process, _):
        limits = Path(f"/proc/{process.pid}/limits").read_text(encoding="ascii")
        match = re.search(r"Max open files +(\d+) +(\d+)", limits)
        assert match
        assert int(match[1]) == min(65_536, int(match[2]))


def test_sigterm_drains_requests_and_stops_listening(emulator: RunningEmulator) -> None:
    responses: list[httpx.Response] = []
    with running_gateway(emulator) as (process, url):
        emulator.control("POST", "faults", {"kind": "delay", "delay": 4, "times": 1})
        client = Thread(target=lambda: responses.append(get_patient(url)))
        client.start()
        _wait_until(lambda: bool(emulator.control("GET", "requests")))
        process.send_signal(signal.SIGTERM)
        _wait_until(lambda: not _accepts_connections(url))
        assert process.poll() is None, "the process ended before its request"
        client.join(30)
        assert wait_for_end(process) == (0, "")
    assert [response.status_code for response in responses] == [200]
    assert responses[0].json()["id"] == "1"


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.02)


def _accepts_connections(url: str) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname, parts.port), timeout=1).close()
    except (ConnectionRefusedError, TimeoutError):  # at first it ignores new connections
        return False
    return True


@pytest.mark.parametrize("command", ["serve", "check-config", "known-issues"])
def test_invalid_configuration_reports_all_problems(command: str, tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(INVALID_CONFIGURATION)
    completed = run_process(command, "--config", file)
    assert completed.returncode != 0
    assert completed.stdout == ""
    assert "upstream.url" in completed.stderr
    assert "sites.default.time_zone" in completed.stderr
    assert "Traceback" not in completed.stderr


def test_port_in_use_is_an_error_without_traceback(emulator: RunningEmulator) -> None:
    port = str(urlsplit(emulator.url).port)
    completed = run_process("serve", "--port", port)
    assert completed.returncode == 1
    assert completed.stdout == ""
    last_line = json.loads(completed.stderr.splitlines()[-1])
    assert last_line["problem"] == f"cannot listen on 127.0.0.1, port {port}: Address already in use"
    assert "Traceback" not in completed.stderr


def test_address_that_this_machine_lacks_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Like ::1 of localhost without IPv6."""
    missing = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", 0, 0, 0))
    present = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [missing, present, present])
    (listener,) = bind_sockets("gateway.example", 0)
    with listener:
        assert listener.getsockname()[0] == "127.0.0.1"
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [missing])
    with pytest.raises(OSError, match=r"^cannot listen on gateway\.example, port 0: "):
        bind_sockets("gateway.example", 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_emulate_serves_until_signal(number: signal.Signals) -> None:
    with program(*MODULE, "emulate", "--port", "0") as (process, line):
        match = re.fullmatch(r"halo emulator listening on (http://127\.0\.0\.1:\d+)\n", line)
        assert match, line
        assert httpx.get(f"{match[1]}/_emulator/sites", trust_env=False).status_code == 200
        process.send_signal(number)
        assert wait_for_end(process)[0] == 0


def test_emulate_reads_settings_from_file(tmp_path: Path) -> None:
    file = tmp_path / "emulator.toml"
    file.write_text("patients = 5\ndocuments = 0\nkeys = ['another-key']\n")
    with program(*MODULE, "emulate", "--port", "0", "--config", str(file)) as (_, line):
        settings = httpx.get(f"{line.split()[-1]}/_emulator/settings", trust_env=False).json()
    assert (settings["patients"], settings["keys"]) == (5, ["another-key"])


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("emulate --config {invalid}", "patients: "),
        ("emulate --config /nonexistent.toml", "does not exist"),
        ("emulate --config /", "is a directory"),
        ("emulate --port 99999", "99999 is not in the range"),
        ("emulate --port {taken}", "cannot listen on 127.0.0.1, port {taken}"),
        ("serve --port 99999", "99999 is not in the range"),
        ("serve --port {taken}", '"cannot listen on 127.0.0.1, port {taken}: Address already in use"'),
        ("serve --host 192.0.2.1 --port 0", '"cannot listen on 192.0.2.1, port 0: Cannot assign'),
        (
            "serve --host gateway..example",
            "cannot listen on gateway..example, port 8080: not a host name",
        ),
        ("serve --host=", "'--host': is empty"),
        ("emulate --host=", "'--host': is empty"),
        ("demo --once --port 99999", "99999 is not in the range"),
    ],
)
def test_invalid_option_is_an_error_without_traceback(
    command: str, message: str, emulator: RunningEmulator, tmp_path: Path
) -> None:
    file, port = tmp_path / "invalid.toml", urlsplit(emulator.url).port
    file.write_text("patients = 'many'\n")
    completed = run_process(*command.format(invalid=file, taken=port).split())
    assert completed.returncode in {1, 2}
    assert completed.stdout == ""
    assert message.format(taken=port) in completed.stderr
    assert "Traceback" not in completed.stderr


@pytest.mark.parametrize(
    "command", [("probe", "pearth-1"), ("explain", "Patient?_id=1", "--site", "pearth-1")]
)
def test_unknown_alias_does_not_get_the_default_zone(command: tuple[str, ...], tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text('[sites.default]\ntime_zone = "Australia/Brisbane"\n')
    result = CliRunner().invoke(main, [*command, "--config", str(config)])
    assert result.exit_code == 1
    assert "pearth-1 is neither a Halo GUID nor the alias of a site" in result.stderr


EMPTY_SITES = [(name, "--site", "") for name in ("purge", "sites", "reset", "known-issues", "ledger")]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("probe", SYDNEY), "set HALO_GATEWAY_PROBE_KEY"),
        (("probe", SYDNEY, "--budget", "-4"), "-4 is not in the range"),
        (("purge", "--site", SYDNEY, "--type", "appointment"), "did you mean Appointment?"),
        (("purge", "--site", SYDNEY, "--type", "Zzyzx"), "write, for example, Appointment"),
        (("purge", "--site", SYDNEY, "--patient", "a b"), "must be an id of 1 to 64"),
        (("purge", "--site", SYDNEY, "--patient", ""), "without it, all is purged"),
        (("purge", "--site", SYDNEY, "--type", ""), "write, for example, Appointment"),
        *((command, "write a Halo GUID") for command in EMPTY_SITES),
        (("sites", "--url", "localhost:8080"), "must be a URL with a port of 1 to 65535"),
        (("sites", "--url", "http://localhost:99999"), "must be a URL with a port of 1 to 65535"),
        (("reset", "--site", SYDNEY, "--url", "http://localhost:0"), "must be a URL with a port"),
        (("ledger", "--period", "month"), "--period month needs --by app and --csv"),
        (("ledger", "--period", "month", "--csv"), "--period month needs --by app and --csv"),
        (("ledger", "--period", "month", "--by", "app"), "--period month needs --by app and --csv"),
        (("ledger", "--since", "20260401"), "does not match the format"),
    ],
)
def test_wrong_value_is_wrong_usage_with_a_right_one(command: tuple[str, ...], message: str) -> None:
    code, output = run(*command)
    assert code == 2
    assert message in output


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ("Appointments?date=2026-04", "no such resource type in R4: did you mean Appointment?"),
        ("", "write a search, for example 'Appointment?date=2026-04'"),
        ("Patient/1", "write a search, for example 'Appointment?date=2026-04'"),
    ],
)
def test_explain_says_what_a_search_is(search: str, message: str) -> None:
    arguments = ("explain", search, "--site", SYDNEY)
    result = CliRunner().invoke(
        main, arguments, env={"HALO_GATEWAY_SITES__DEFAULT__TIME_ZONE": "Australia/Sydney"}
    )
    assert (result.exit_code, message in result.output) == (1, True), result.output


def all_commands() -> dict[str, click.Command]:
    group = main.commands["keys"]
    assert isinstance(group, click.Group)
    return {**main.commands, **{f"keys {name}": command for name, command in group.commands.items()}}


@pytest.mark.parametrize("name", all_commands())
def test_help_is_whole_and_has_examples_that_parse(name: str) -> None:
    code, output = run(*name.split(), "--help")
    assert code == 0
    head, _, examples = output.partition("\nExamples:\n")
    assert "..." not in head.replace("FILE...", "").replace("[ARGS]...", "")
    assert max(map(len, head.splitlines())) <= 80
    command = all_commands()[name]
    if not isinstance(command, click.Group):
        assert examples
        for line in examples.splitlines():
            _, *arguments = shlex.split(line.partition(" > ")[0].partition(" < ")[0])
            assert arguments[: len(name.split())] == name.split()
            given = arguments[len(name.split()) :]
            with suppress(click.BadParameter):  # a file of an example does not exist here
                command.make_parser(click.Context(command)).parse_args(list(given))


@pytest.mark.parametrize("budget", ["0", "3"])
def test_probe_of_sql_announces_its_cost_and_prints_toml(tmp_path: Path, budget: str) -> None:
    with SqlSite() as site:
        config = tmp_path / "gateway.toml"
        config.write_text(f"[upstream]\nurl = '{site.url}'\n")
        command = ["probe", "--sql", SYDNEY, "--budget", budget, "--config", str(config)]
        result = run_process(*command, environment=PROBE_KEY)
    assert result.returncode == 0, result.stderr
    assert f"at most {budget} billed SQL queries" in result.stderr
    assert f"# halo-gateway probe --sql: {budget} of at most {budget} queries sent" in result.stdout
    assert tomllib.loads(result.stdout) == {}
    assert len(site.texts) == int(budget)


def test_probe_of_sql_that_ended_early_has_exit_code_1(tmp_path: Path, free_tcp_port: int) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(f"[upstream]\nurl = 'http://127.0.0.1:{free_tcp_port}'\n")
    result = run_process("probe", "--sql", SYDNEY, "--config", str(config), environment=PROBE_KEY)
    assert result.returncode == 1
    assert "# ENDED EARLY: " in result.stdout


def test_known_issues_lists_repairs_and_their_states(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text("[repairs]\nlink-base-url = false\n")
    code, output = run("known-issues", "--config", str(file))
    assert code == 0
    rows = {line.split()[0]: line for line in output.splitlines() if line.strip()}
    assert all(repair.issue.id in rows for repair in REPAIRS)
    assert rows["link-base-url"].split()[1] == "off"


def test_check_config_prints_effective_settings(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(f"[sites.default]\ntime_zone = 'Australia/Perth'\n[paging]\nkeys = ['{SECRET}']\n")
    code, output = run("check-config", "--config", str(file))
    assert code == 0
    assert "Australia/Perth" in output
    assert SECRET not in output


@pytest.mark.parametrize(
    ("pack", "problem"),
    [
        ("none.toml", "cannot be read: No such file"),
        ("no-such", "no such pack"),
        ("broken.toml", "is no TOML in UTF-8"),
        ("long.toml", "is longer than 262144 bytes"),
        ("/dev/zero", "is no file"),
        ("double.toml", "issue one: the id is there twice"),
        ("Upper.toml", "name the file in lower case"),
    ],
)
def test_check_config_refuses_a_broken_pack(pack: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("[[issue")
    (tmp_path / "long.toml").write_text("#" * 1_000_000)
    (tmp_path / "double.toml").write_text(pack_text("{ limit-ids = 3 }") * 2)
    (tmp_path / "Upper.toml").write_text(pack_text("{ limit-ids = 3 }"))
    file = tmp_path / "gateway.toml"
    file.write_text(f'log.level = "loud"\nupstream.packs = ["{pack}"]\nplugins = ["no-such-plugin"]\n')
    code, output = run("check-config", "--config", str(file))
    lines = output.splitlines()
    assert code == 1
    assert [line for line in lines if line.startswith("upstream.packs: ") and problem in line]
    assert {line.partition(":")[0] for line in lines} >= {"log.level", "plugins", "upstream.packs"}


def test_check_config_warns_on_stderr(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(
        f"[sites.default]\ntime_zone = 'Australia/Perth'\n[paging]\nkeys = ['{SECRET}']\n"
        "[upstream]\nproxy = 'http://user:do-not-show@proxy.example:3128'\n"
    )
    result = CliRunner().invoke(main, ["check-config", "--config", str(file)])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["sites"]["default"]["time_zone"] == "Australia/Perth"
    line, dates = result.stderr.splitlines()
    assert line.startswith("Warning: sites.default.time_zone: This default applies to every practice")
    assert dates.startswith("Warning: sites.<guid>.search.verified_by: A practice was never probed")
    assert not [secret for secret in ("do-not-show", SECRET) if secret in result.output]


def test_environment_variable_sets_configuration_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text("[sites.default]\ntime_zone = 'Australia/Perth'\n")
    monkeypatch.setenv("HALO_GATEWAY_CONFIG", str(file))
    assert "Australia/Perth" in run("check-config")[1]


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("serve", "-h"), ("--version",)])
def test_help_and_version_are_printed(arguments: tuple[str, ...]) -> None:
    code, output = run(*arguments)
    assert code == 0
    assert output.strip()


@pytest.mark.parametrize("command", main.commands.values(), ids=main.commands)
def test_first_help_line_is_complete_in_help(command: click.Command) -> None:
    first_line = (command.help or "").splitlines()[0]
    assert first_line.endswith(".")
    assert len(first_line) <= 60
    assert re.search(rf"^  {command.name} +{re.escape(first_line)}$", run("--help")[1], re.MULTILINE)


def test_unknown_command_or_file_is_a_usage_error() -> None:
    assert run("nonsense")[0] == 2
    code, output = run("check-config", "--config", "/nonexistent.toml")
    assert code != 0
    assert "no such file" in output.lower()


def test_admin_port_in_use_is_an_error_without_traceback(emulator: RunningEmulator) -> None:
    address = urlsplit(emulator.url).netloc
    completed = run_process("serve", "--port", "0", environment={"HALO_GATEWAY_ADMIN__LISTEN": address})
    assert (completed.returncode, completed.stdout) == (1, "")
    assert f"admin.listen: cannot listen on {address}: Address already in use" in completed.stderr
    assert "Traceback" not in completed.stderr


@pytest.mark.parametrize(
    ("contents", "expected_code", "message"),
    [
        (['{"resourceType":"Patient"}'], 0, "0.json: valid"),
        (['{"resourceType":"Patient","gender":1}', '{"resourceType":"Patient"}'], 1, "1.json: valid"),
        (['{"resourceType":"Patient","gender":1}'], 1, "0.json: Patient.gender: is not a code"),
        ([None, '{"resourceType":"Patient"}'], 1, "1.json: valid"),
        ([None], 1, "0.json: cannot be read: No such file"),
        ([], 2, "Missing argument"),
    ],
)
def test_validate_checks_all_files_and_sets_exit_code(
    tmp_path: Path, contents: list[str | None], expected_code: int, message: str
) -> None:
    files = [tmp_path / f"{number}.json" for number in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        if content is not None:
            file.write_text(content)
    code, output = run("validate", *map(str, files))
    assert code == expected_code
    assert message in output
    assert "Traceback" not in output


def test_validate_reads_standard_input() -> None:
    result = CliRunner().invoke(main, ["validate", "-"], input='{"resourceType":"Patient","nmae":1}')
    assert (result.exit_code, result.output.endswith("R4 does not define here: nmae\n")) == (1, True)
