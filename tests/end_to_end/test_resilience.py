"""Cost of each kind of failure, over real sockets, compared with the table in docs/operations.md."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from socket import socket
from time import sleep
from typing import Any, NamedTuple, get_args
from urllib.parse import urlsplit

import httpx
import pytest
from conftest import KEY, settings_for
from structlog.testing import capture_logs
from support.outbound import Proxy, Server, authority, run_server
from support.resilience import (
    Limits,
    RunningGateway,
    run_concurrently,
    running_gateway,
)

from gateway.app import create_app
from gateway.emulator.serve import RunningEmulator
from gateway.emulator.settings import EmulatorSettings, LinkForm
from gateway.emulator.sites import BRISBANE, PERTH, RELOCATED_SITE, SYDNEY
from gateway.resilience.backoff import ExponentialBackoff
from gateway.resilience.circuit import FAILURES_TO_OPEN
from gateway.resilience.pause_rules import RULES
from gateway.resilience.retry_policy import RETRIES, RETRIES_AFTER_TIMEOUT
from gateway.server.serve import ThreadedServer
from gateway.settings import Settings
from gateway.sites.directory import PmsIdentity

OPERATIONS_PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
MB = 2**20
READ = "Patient/1"
JSON = "application/fhir+json"
PATIENT = b'{"resourceType":"Patient","name":[{"family":"Synthetic"}],"gender":"other"}'
DOCUMENTS = "DocumentReference?patient=1&_count=100&_include=DocumentReference:subject"


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    with capture_logs(), RunningEmulator(EmulatorSettings(patients=20)) as running:
        yield running


def halo_link_error(number: int, text: str) -> dict[str, Any]:
    """Error of Halo Link as Halo Cloud returns it."""
    details = {"errorType": "haloLink", "errorCode": number, "errorMessage": text}
    return {"kind": "answer", "status": 400, "body": {"errorDetails": details}}


def error_response(status: int, text: str) -> dict[str, Any]:
    return {"kind": "answer", "status": status, "body": {"statusCode": status, "message": text}}


OUTCOME = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "processing", "details": {"text": "No."}}],
}
#: First column of the table -> fault of the emulator.
FAULTS: dict[str, dict[str, Any]] = {
    '503 "could not be contacted"': {"kind": "no-contact"},
    '504 "site is offline"': {"kind": "offline"},
    '504 "currently unreachable"': {"kind": "unreachable"},
    '504 "more than 30 seconds"': {"kind": "slow-query"},
    "406, its result lost": {"kind": "answer", "status": 406},
    "413 of a read": {"kind": "too-large"},
    "connection reset or response cut off": {"kind": "reset"},
    "no response in time": {"kind": "hang"},
    "500": error_response(500, "Internal server error"),
    "429": error_response(429, "Rate limit is exceeded. Try again in 30 seconds.")
    | {"headers": {"retry-after": "30"}},
    "403 quota, queries or bytes": {"kind": "quota"},
    '400 "Login failed"': {"kind": "login-failed"},
    "403 caller IP": {"kind": "caller-ip"},
    "401 invalid key": error_response(401, "Access denied due to invalid subscription key."),
    "403 not authoritative": error_response(403, "Site is not authoritative."),
    "400 of the FHIR engine": {"kind": "answer", "status": 400, "body": OUTCOME},
}


FAULTS |= {
    "503 of another kind": {"kind": "answer", "status": 503, "body": "<html>Busy</html>"},
    "502 of a proxy": {"kind": "answer", "status": 502, "body": "<html>Bad Gateway</html>"},
    '502 "unexpected result code"': error_response(502, "The software returned an unexpected result code."),
    "another 5xx": error_response(599, "No"),
    "400 code 0, connection closed": halo_link_error(0, "Client connection was unexpectedly closed"),
    "400 code 1, no SQL Server": {"kind": "halo-link", "error_code": 1},
    "400 code 3, query orphaned": halo_link_error(3, "Query was orphaned"),
    "400 code 5, upload failed": halo_link_error(5, "Failed with status code PreconditionFailed"),
    "400 deadlock": {
        "kind": "answer",
        "status": 400,
        "body": {"errorDetails": {"errorType": "mssql", "errorCode": 1205, "errorMessage": "Deadlocked"}},
    },
    "400 code 1, of another kind": halo_link_error(1, "SQL query string cannot be null or void"),
    "200 with an error inside": {"kind": "answer", "status": 200, "body": OUTCOME},
    "200 that is not FHIR": {"kind": "answer", "status": 200, "body": "<html>Hello</html>"},
    "200 over `upstream.max_body`": {"kind": "answer", "status": 200, "body": "x" * 2_000_000},
    "401 unknown GUID": error_response(401, "Unauthorized"),
    "403 developer licence": error_response(403, "Developer site is not allowed to access this resource"),
    "403 of another kind": error_response(403, "No"),
    "404 of a resource": {"kind": "delay"},
}
#: Failures that concern the key or the gateway: a write to another site is not sent either.
KEY_WIDE_FAILURES = {"429", "403 caller IP", "401 invalid key"}
#: Paths of the reads that differ from `READ`.
READS = {"404 of a resource": "Patient/999999"}


def closed_url() -> str:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def closed_proxy(_: ExitStack, __: Path) -> dict[str, str]:
    return {"url": "https://upstream.example", "proxy": closed_url()}


def silent_server(stack: ExitStack, first_bytes: bytes = b"", *, closes: bool = False) -> dict[str, Any]:
    """Settings of an https upstream without TLS: it sends these bytes, and closes or waits."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first_bytes)
        await reader.read(10 if closes else -1)

    port = stack.enter_context(run_server(serve))
    return {"url": f"https://127.0.0.1:{port}", "timeouts": {"connect": 0.3}}


def refusing_proxy(stack: ExitStack, _: Path) -> dict[str, str]:
    port = stack.enter_context(run_server(Proxy(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")))
    return {"url": "https://upstream.example", "proxy": f"http://127.0.0.1:{port}"}


def private_certificate(stack: ExitStack, folder: Path) -> dict[str, str]:
    port = stack.enter_context(run_server(Server(), authority(folder).server()))
    return {"url": f"https://localhost:{port}"}


#: First column of the table for failures before the upstream is reached -> settings of the upstream.
UNREACHABLE: dict[str, Callable[[ExitStack, Path], dict[str, Any]]] = {
    "outbound proxy not reached, or its own 5xx": closed_proxy,
    "outbound proxy refuses": refusing_proxy,
    "certificate not trusted": private_certificate,
    "TLS versions or port wrong": lambda stack, _: silent_server(stack, b"HTTP/1.1 400 No TLS\r\n\r\n"),
    "host name not resolved": lambda *_: {"url": "https://upstream.invalid"},
}
#: The same for failures that open the circuit after two in a row.
OPENING: dict[str, Callable[[ExitStack, Path], dict[str, Any]]] = {
    "connection refused": lambda *_: {"url": closed_url()},
    "connection not accepted in time": lambda stack, _: silent_server(stack),
    "network down, or connection closed at once": lambda stack, _: silent_server(stack, closes=True),
}


class Row(NamedTuple):
    """A row of the table."""

    failure: str
    code: str
    queries: str
    billed: str
    next: str


def rows() -> list[Row]:
    section = (
        OPERATIONS_PAGE.read_text(encoding="utf-8")
        .partition("## What a failure may cost\n")[2]
        .partition("\n## ")[0]
    )
    cells = [re.split(r" *\| *", line.strip("| ")) for line in section.splitlines() if line[:1] == "|"]
    return [Row(row[0], row[1].strip("`"), *row[2:5]) for row in cells[2:]]


def code_of(response: httpx.Response) -> str:
    return str(response.json()["issue"][0]["details"]["coding"][0]["code"])


def cause_of(response: httpx.Response) -> list[str]:
    return [coding["code"] for coding in response.json()["issue"][0]["details"]["coding"]]


def test_every_fault_has_a_row() -> None:
    assert {row.failure for row in rows()} == FAULTS.keys() | UNREACHABLE.keys() | OPENING.keys()


def test_every_code_with_retry_circuit_or_pause_has_a_row() -> None:
    handled_codes = (
        RETRIES.keys()
        | RETRIES_AFTER_TIMEOUT.keys()
        | FAILURES_TO_OPEN.keys()
        | {rule.code for rule in RULES if rule.code}
    )
    assert handled_codes <= {row.code for row in rows()}


@pytest.mark.parametrize("row", [row for row in rows() if row.failure in FAULTS], ids=lambda row: row.failure)
def test_failure_costs_what_the_table_says(emulator: RunningEmulator, row: Row) -> None:
    max_wait = 5 if row.queries == "n" else 0.6
    limits, read = Limits(max_wait=max_wait, read=1, max_body=1_000_000), READS.get(row.failure, READ)
    with capture_logs(), running_gateway(emulator, limits) as gateway:
        gateway.add_fault(**FAULTS[row.failure])
        first = gateway.get(SYDNEY, read)
        sent, billed = len(gateway.upstream_requests()), gateway.billed_queries()
        assert code_of(first) == row.code
        assert sent > 1 if row.queries == "n" else sent == int(row.queries)
        assert first.headers.get("gateway-attempts", "1") == str(sent)
        assert billed == int(row.billed)
        gateway.reset_counts()
        gateway.get(SYDNEY, read)
        assert len(gateway.upstream_requests()) == int(row.next)
        gateway.reset_counts()
        write = gateway.send("POST", f"{gateway.base(BRISBANE)}/Patient", PATIENT, content_type=JSON)
        assert (write.status_code >= 400) == (row.failure not in READS)
        assert len(gateway.upstream_requests()) == (0 if row.failure in KEY_WIDE_FAILURES else 1)


@pytest.mark.parametrize("row", [row for row in rows() if row.failure in OPENING], ids=lambda row: row.code)
def test_failed_connection_is_retried_once_and_opens_the_circuit(row: Row, tmp_path: Path) -> None:
    responses = read_three_times(OPENING[row.failure], tmp_path)
    assert [response.headers.get("gateway-attempts") for response in responses] == [
        row.queries,
        row.next,
        None,
    ]
    assert [code_of(response) for response in responses] == [row.code, row.code, "practice-circuit-open"]


@pytest.mark.parametrize(
    "row", [row for row in rows() if row.failure in UNREACHABLE], ids=lambda row: row.code
)
def test_unreachable_upstream_costs_what_the_table_says(row: Row, tmp_path: Path) -> None:
    responses = read_three_times(UNREACHABLE[row.failure], tmp_path)
    assert [code_of(response) for response in responses] == [row.code] * 3
    assert [response.headers.get("gateway-attempts", "1") for response in responses] == [
        row.queries,
        row.next,
        row.next,
    ]


def read_three_times(
    upstream_of: Callable[[ExitStack, Path], dict[str, Any]], folder: Path
) -> list[httpx.Response]:
    with capture_logs(), ExitStack() as stack:
        upstream = upstream_of(stack, folder)
        settings = settings_for("http://unused.example").model_dump() | {"upstream": upstream, "retry": {}}
        gateway = stack.enter_context(ThreadedServer(create_app(Settings.model_validate(settings))))
        path = f"{gateway.url}/integrator/sites/{SYDNEY}/fhir/R4/{READ}"
        return [httpx.get(path, headers=KEY, trust_env=False, timeout=30) for _ in range(3)]


def test_free_status_check_closes_the_circuit_of_a_site(emulator: RunningEmulator) -> None:
    with (
        capture_logs(),
        running_gateway(emulator, Limits(max_wait=0, circuit_backoff=ExponentialBackoff(1, 1))) as gateway,
    ):
        gateway.add_fault(kind="offline", site=SYDNEY, path="/fhir/")
        assert code_of(gateway.get(SYDNEY, READ)) == "practice-offline"
        resting = gateway.get(SYDNEY, READ)
        assert (resting.status_code, cause_of(resting)) == (
            503,
            ["practice-circuit-open", "practice-offline"],
        )
        assert int(resting.headers["retry-after"]) >= 1
        assert gateway.get(BRISBANE, READ).status_code == 200
        gateway.reset_counts()
        sleep(1.1)
        assert code_of(gateway.get(SYDNEY, READ)) == "practice-circuit-open"
        assert (
            len(gateway.upstream_requests()),
            len(gateway.upstream_requests(f"/sites/{SYDNEY}")),
            gateway.billed_queries(),
        ) == (0, 1, 0)
        gateway.clear_faults()
        sleep(1.1)
        assert gateway.get(SYDNEY, READ).status_code == 200
        assert gateway.get(SYDNEY, READ).status_code == 200


PAGINGS = ("token", "offset", "page")


@pytest.mark.parametrize("paging", PAGINGS)
@pytest.mark.parametrize("form", get_args(LinkForm))
def test_large_documents_are_returned_once_in_pages(
    emulator: RunningEmulator, paging: str, form: str
) -> None:
    # At a site whose links have the fault and at a site without, with every link form.
    guid = PERTH if form == "absolute-internal" else SYDNEY
    with capture_logs(), running_gateway(emulator) as gateway:
        sites = {SYDNEY: {"size_limit": MB}}
        variants = {"paging": paging, "link_form": form}
        emulator.control("PATCH", "settings", {"variants": variants, "sites": sites})
        for walk in (1, 2):
            gateway.reset_counts()
            ids, pages = fetch_all_ids(gateway, guid)
            sent = gateway.upstream_requests()
            rejected = len(sent) - pages
            print(f"{paging} {walk}: {len(ids)} documents, {pages} pages, {len(sent)} sent, {rejected} 413")
            assert Counter(ids) == Counter(set(ids))
            assert len(ids) == 110
            assert rejected == (2 if walk == 1 else 0)


@pytest.mark.parametrize("paging", PAGINGS)
def test_search_without_count_gets_one_after_413(emulator: RunningEmulator, paging: str) -> None:
    with capture_logs(), running_gateway(emulator) as gateway:
        sites = {SYDNEY: {"size_limit": 400_000}}
        emulator.control("PATCH", "settings", {"variants": {"paging": paging}, "sites": sites})
        for rejected in (1, 0):
            gateway.reset_counts()
            ids, pages = fetch_all_ids(gateway, SYDNEY, DOCUMENTS.replace("&_count=100", ""))
            assert (len(ids), len(set(ids))) == (110, 110)
            assert len(gateway.upstream_requests()) - pages == rejected


def fetch_all_ids(gateway: RunningGateway, guid: str, search: str = DOCUMENTS) -> tuple[list[str], int]:
    """Ids of all matches, and the number of pages."""
    url, ids, pages = f"{gateway.base(guid)}/{search}", list[str](), 0
    while url:
        response = gateway.send("GET", url)
        assert response.status_code == 200, response.text
        bundle, pages = response.json(), pages + 1
        matches = [entry["resource"] for entry in bundle["entry"] if entry["search"]["mode"] == "match"]
        includes = [entry for entry in bundle["entry"] if entry["search"]["mode"] == "include"]
        assert (bundle["total"], len(includes)) == (110, 1)
        ids += [match["id"] for match in matches]
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        assert ("_count=100" in search) == ("_count=" in urlsplit(links["self"]).query)
        url = links.get("next", "")
    return ids, pages


def test_relocated_practice_keeps_its_guid_for_clients(emulator: RunningEmulator) -> None:
    limits = Limits(practices={RELOCATED_SITE: PmsIdentity("10001", "Best Practice", follow_relocation=True)})
    with capture_logs(), running_gateway(emulator, limits) as gateway:
        page = gateway.get(RELOCATED_SITE, "Patient?_count=2")
        assert page.status_code == 200, page.text
        assert BRISBANE not in page.text
        assert (len(gateway.upstream_requests("/integrator/sites")), gateway.billed_queries()) == (4, 1)
        next_url = next(link["url"] for link in page.json()["link"] if link["relation"] == "next")
        assert gateway.send("GET", next_url).status_code == 200


def test_burst_at_rate_limit_gets_no_429_and_is_fair(emulator: RunningEmulator) -> None:
    with capture_logs(), running_gateway(emulator, Limits(rate=20, max_wait=60)) as gateway:
        gateway.add_fault(kind="rate-limit", per_second=20)
        url = f"{gateway.base(BRISBANE)}/{READ}"
        order = list[str]()

        async def send_request(client: httpx.AsyncClient, caller: str) -> int:
            response = await client.get(url, headers={"x-caller": caller})
            order.append(caller)
            return response.status_code

        def request_function(caller: str) -> Any:
            return lambda client: send_request(client, caller)

        statuses = run_concurrently([request_function("many")] * 180 + [request_function("few")] * 20)
        assert Counter(statuses) == {200: 200}
        assert max(place for place, caller in enumerate(order) if caller == "few") < 120
        assert len(gateway.upstream_requests()) == 200
