"""S10: what is shown. Attacks on real processes: no line on stderr contains data, and each is JSON."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from conftest import ROOT, Pair
from support.environment import environment_with

from gateway.emulator.sites import SYDNEY

SURNAME, GIVEN, MEDICARE, BIRTH_DATE = "Zzyzx", "Qwillow", "2950123451", "1953-07-19"
SECRETS = (SURNAME, GIVEN, MEDICARE, BIRTH_DATE, "zq-key", "d'arcy", "48213")
SQL = " ".join(("SELECT Surname FROM Patients WHERE Surname =", f"'{SURNAME}'"))  # never executed
TEXT = (
    f"Patient {GIVEN} {SURNAME} ({MEDICARE}, born {BIRTH_DATE}) is inactive. d'Arcy saw Patient 48213. {SQL}"
)
PATH = f"/integrator/sites/{SYDNEY}/fhir/R4"
HEADERS = {"Ocp-Apim-Subscription-Key": "zq-key", "X-Request-Id": "r-1"}
#: Text of an upstream -> diagnostics of the response, masked.
SHOWN = {
    TEXT: "Patient … is inactive. … Patient …. …",
    "d'Arcy and A'Beckett are away on that date": "… and … are away on that date",
    "Patient Will Page is locked": "Patient … is locked",
    "patient smith, john is locked": "patient … is locked",
    "Patient 48213 is locked": "Patient … is locked",
    "Medicare 2950\u20111234\u20115\u20111 of 01-Feb-1980": "Medicare … of …",
    "phone 0412\u2013345\u2013678 is invalid": "phone … is invalid",
    "the third of May 1980": "the … of …",
    **{
        text: text
        for text in (
            "Patient.birthDate: use YYYY-MM-DD or YYYY-MM-DDThh:mm:ss",
            "The throttle is the RPS",
            "Dynamic SQL Error",
            "with parameters [[wrong_parameter]]",
        )
    },
}
#: Bytes that are not a request, or offer what the servers lack; each contains a name.
ATTACKS = [
    f"NONSENSE {SURNAME}\r\n\r\n",
    f"GET /{SURNAME} HTTP/9.9\r\n\r\n",
    f"GET /{SURNAME} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    f"GET /{MEDICARE} HTTP/1.1\r\nHost: x\r\nUpgrade: {SURNAME}\r\nConnection: Upgrade\r\n\r\n",
    f"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{SURNAME}",
    f"\x16\x03\x01\x02{SURNAME}",
    f"POST /{SURNAME} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{SURNAME}\r\n",
    f"POST /{SURNAME} HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 6\r\n\r\n{SURNAME}",
    f"GET /{SURNAME} HTTP/1.1\r\nHost: x\r\n{SURNAME}\r\n\r\n",
]


@contextmanager
def program(*command: str, **environment: str) -> Iterator[tuple[str, list[str]]]:
    """First line on stdout of a running program, and, after the end, its lines on stderr."""
    lines: list[str] = []
    process = subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment_with(**environment),
    )
    try:
        assert process.stdout
        yield process.stdout.readline(), lines
    finally:
        process.terminate()
        lines.extend(process.communicate(timeout=30)[1].splitlines())


def url_of(line: str) -> str:
    return line.rsplit(maxsplit=1)[-1]


def send_bytes(url: str, content: str) -> None:
    """Send bytes to a server, and read until it closes or is silent."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as client:
        client.settimeout(0.3)
        client.sendall(content.encode("latin-1"))
        try:
            while client.recv(65_536):
                pass
        except OSError:
            return


def assert_private_json(lines: list[str]) -> list[dict[str, object]]:
    """Parse all lines; none may contain a planted value or more than codes, names and places."""
    parsed = [json.loads(line) for line in lines]
    assert all(isinstance(line, dict) and {"event", "level", "timestamp"} <= line.keys() for line in parsed)
    # A time may contain the digits of a planted number by chance.
    texts = [json.dumps(line | {"timestamp": "", "ms": 0}).lower() for line in parsed]
    assert [text for text in texts for secret in SECRETS if secret.lower() in text] == []
    return parsed


@pytest.mark.parametrize("text", SHOWN)
def test_response_shows_documented_words_and_no_data(pair: Pair, text: str) -> None:
    pair.fault(kind="answer", status=400, body={"error": {"status": 400, "message": text}}, times=1)
    issue = pair.get("Patient?gender=female").json()["issue"][0]
    assert issue["diagnostics"].partition(" request=")[2].partition(": ")[2] == SHOWN[text]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("upstream_text", ["masked", "full"])
def test_no_line_on_stderr_contains_data(upstream_text: str) -> None:
    admin = f"127.0.0.1:{free_port()}"
    with program("-m", "gateway", "emulate", "--port", "0") as (emulator_line, emulator_lines):
        emulator = url_of(emulator_line)
        with program(
            *("-m", "gateway", "serve", "--port", "0"),
            UPSTREAM__URL=emulator,
            SITES__DEFAULT__TIME_ZONE="Australia/Sydney",
            LOG__LEVEL="debug",
            ERRORS__UPSTREAM_TEXT=upstream_text,
            ADMIN__LISTEN=admin,
        ) as (gateway_line, gateway_lines):
            gateway = url_of(gateway_line)
            for url in (gateway, f"http://{admin}", emulator):
                for attack in ATTACKS:
                    send_bytes(url, attack)
            fail_with_text(emulator, gateway)
    events = {line["event"] for line in assert_private_json(gateway_lines)}
    assert {"upstream-failure", "request"} <= events
    assert {line["event"] for line in assert_private_json(emulator_lines)} == {"library-message"}


def fail_with_text(emulator: str, gateway: str) -> None:
    """Requests with personal data, and upstream errors that repeat it, in several shapes."""
    issue = {
        "severity": "error",
        "code": "invalid",
        "diagnostics": TEXT,
        "expression": [f"Patient.{SURNAME.lower()}"],
    }
    bodies = [
        {"resourceType": "OperationOutcome", "issue": [issue]},
        {"error": {"status": 400, "message": TEXT}},
        {"errorDetails": {"errorType": "mssql", "errorCode": 207, "errorMessage": TEXT}},
        {"ClassName": f"{GIVEN}{SURNAME}", "Message": TEXT},
        TEXT,
    ]
    search = f"family={SURNAME}&given={GIVEN}&identifier={MEDICARE}&birthdate={BIRTH_DATE}"
    with httpx.Client(trust_env=False, headers=HEADERS, timeout=20) as client:
        for body in bodies:
            for status in (200, 400, 404, 500, 218):
                fault = {"kind": "answer", "status": status, "body": body, "times": 3}
                client.post(f"{emulator}/_emulator/faults", json=fault)
                response = client.get(f"{gateway}{PATH}/Patient?{search}")
                assert response.status_code >= 400
                assert "select" not in response.text.lower()


CRASHES = """
import asyncio, gc, logging, os, threading, warnings
from gateway.cli.server_command import start_log
start_log()
from gateway.server.serve import Server

class Broken:
    def __del__(self):
        raise ValueError("Zzyzx 2950123451")

async def crash():
    raise ValueError("Zzyzx 2950123451")

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    warnings.warn("Zzyzx 2950123451")
    logging.getLogger("zq").error("Patient %s is locked", "Zzyzx")
    logging.getLogger("zq").error(f"Patient {'Zzyzx'} is locked\\nZzyzx")
    logging.getLogger("zq").error(ValueError("Zzyzx"))
    logging.getLogger("zq").info("GET /Patient?family=Zzyzx")
    thread = threading.Thread(target=lambda: int("Zzyzx"))
    thread.start()
    thread.join()
    asyncio.create_task(crash())
    asyncio.get_running_loop().call_soon(int, "Zzyzx")
    await asyncio.sleep(0.1)
    gc.collect()
    Broken()
    if scope["path"] == "/partial":
        await send({"type": "http.response.start", "status": 200, "headers": []})
    raise ValueError("Zzyzx 2950123451")

Server(app, "127.0.0.1", 0, "listening on").run()
raise KeyError("Zzyzx 2950123451")
"""


def test_crash_is_logged_without_its_text() -> None:
    with program("-c", CRASHES) as (line, lines):
        for path in ("/", "/partial"):
            send_bytes(url_of(line), f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    parsed = assert_private_json(lines)
    assert {line["event"] for line in parsed} == {"library-message", "python-warning", "uncaught-exception"}
    assert {"ValueError", "KeyError"} == {line["exception"] for line in parsed if "exception" in line}
    assert {"uvicorn.error", "asyncio", "zq"} <= {line.get("logger") for line in parsed}
    assert "Patient … is locked" in {line.get("message") for line in parsed}


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("serve --port 99999", "99999 is not in the range"),
        ("serve --nonsense", "--nonsense"),
        ("serve --config /nonexistent.toml", "no such file"),
        ("serve --host 192.0.2.1 --port 0", "cannot listen on 192.0.2.1"),
        ("emulate --port 99999", "99999 is not in the range"),
        ("emulate --config /nonexistent.toml", "does not exist"),
    ],
)
def test_error_at_start_is_json(command: str, problem: str) -> None:
    completed = subprocess.run(
        [sys.executable, "-m", "gateway", *command.split()],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=60,
    )
    assert completed.returncode in {1, 2}
    parsed = assert_private_json(completed.stderr.splitlines())
    assert any(problem in str(line.get("problem", "")).lower() for line in parsed), parsed


def test_invalid_settings_are_json() -> None:
    with program("-m", "gateway", "serve", LOG__LEVEL="loud", UPSTREAM__URL="nonsense") as (_, lines):
        pass
    problems = [
        str(line["problem"]) for line in assert_private_json(lines) if line["event"] == "start-failed"
    ]
    assert any(problem.startswith("HALO_GATEWAY_LOG__LEVEL") for problem in problems)
    assert any(problem.startswith("HALO_GATEWAY_UPSTREAM__URL") for problem in problems)
