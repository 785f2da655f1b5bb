"""What each kind of failure costs, over real sockets; docs/operations.md says so in a table."""

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
from support.outbound import Proxy, Server, authority, listening
from support.resilience import Limits, Standing, before_nothing, standing, together

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
from gateway.sites.relocation import PmsIdentity

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
MB = 2**20
READ = "Patient/1"
JSON = "application/fhir+json"
PATIENT = b'{"resourceType":"Patient","name":[{"family":"Synthetic"}],"gender":"other"}'
DOCUMENTS = "DocumentReference?patient=1&_count=100&_include=DocumentReference:subject"


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    with capture_logs(), RunningEmulator(EmulatorSettings(patients=20)) as running:
        yield running


def link(number: int, text: str) -> dict[str, Any]:
    """What Halo Link reports through Halo Cloud."""
    details = {"errorType": "haloLink", "errorCode": number, "errorMessage": text}
    return {"kind": "answer", "status": 400, "body": {"errorDetails": details}}


def flat(status: int, text: str) -> dict[str, Any]:
    return {"kind": "answer", "status": status, "body": {"statusCode": status, "message": text}}


OUTCOME = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "processing", "details": {"text": "No."}}],
}
#: The first column of the table -> the emulator's fault.
FAULTS: dict[str, dict[str, Any]] = {
    '503 "could not be contacted"': {"kind": "no-contact"},
    '504 "site is offline"': {"kind": "offline"},
    '504 "currently unreachable"': {"kind": "unreachable"},
    '504 "more than 30 seconds"': {"kind": "slow-query"},
    "406, its result lost": {"kind": "answer", "status": 406},
    "413 of a read": {"kind": "too-large"},
    "connection reset or answer broken off": {"kind": "reset"},
    "no answer in time": {"kind": "hang"},
    "500": flat(500, "Internal server error"),
    "429": flat(429, "Rate limit is exceeded. Try again in 30 seconds.") | {"headers": {"retry-after": "30"}},
    "403 quota, queries or bytes": {"kind": "quota"},
    '400 "Login failed"': {"kind": "login-failed"},
    "403 caller IP": {"kind": "caller-ip"},
    "401 invalid key": flat(401, "Access denied due to invalid subscription key."),
    "403 not authoritative": flat(403, "Site is not authoritative."),
    "400 of the FHIR engine": {
        "kind": "answer",
        "status": 400,
        "body": OUTCOME,
    },
}


FAULTS |= {
    "503 of another kind": {"kind": "answer", "status": 503, "body": "<html>Busy</html>"},
    "502 of a proxy": {"kind": "answer", "status": 502, "body": "<html>Bad Gateway</html>"},
    '502 "unexpected result code"': flat(502, "The software returned an unexpected result code."),
    "another 5xx": flat(599, "No"),
    "400 code 0, connection closed": link(0, "Client connection was unexpectedly closed"),
    "400 code 1, no SQL Server": link(1, "Error occured while establishing a connection to SQL Server"),
    "400 code 3, query orphaned": link(3, "Query was orphaned"),
    "400 code 5, upload failed": link(5, "Failed with status code PreconditionFailed"),
    "400 deadlock": {
        "kind": "answer",
        "status": 400,
        "body": {"errorDetails": {"errorType": "mssql", "errorCode": 1205, "errorMessage": "Deadlocked"}},
    },
    "400 code 1, of another kind": link(1, "SQL query string cannot be null or void"),
    "200 with an error inside": {"kind": "answer", "status": 200, "body": OUTCOME},
    "200 that is not FHIR": {"kind": "answer", "status": 200, "body": "<html>Hello</html>"},
    "200 over `upstream.max_body`": {"kind": "answer", "status": 200, "body": "x" * 2_000_000},
    "401 unknown GUID": flat(401, "Unauthorized"),
    "403 developer licence": flat(403, "Developer site is not allowed to access this resource"),
    "403 of another kind": flat(403, "No"),
    "404 of a resource": {"kind": "delay"},
}
#: Failures that concern the key, or the gateway, at every site: a change at another one is not sent at all.
EVERYWHERE = {"429", "403 caller IP", "401 invalid key"}
#: What is read, where that is not the ordinary patient.
READS = {"404 of a resource": "Patient/999999"}


def closed_proxy(_: ExitStack, __: Path) -> dict[str, str]:
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        return {"url": "https://upstream.example", "proxy": f"http://127.0.0.1:{free.getsockname()[1]}"}


def strict_proxy(running: ExitStack, _: Path) -> dict[str, str]:
    port = running.enter_context(listening(Proxy(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")))
    return {"url": "https://upstream.example", "proxy": f"http://127.0.0.1:{port}"}


def private_certificate(running: ExitStack, folder: Path) -> dict[str, str]:
    port = running.enter_context(listening(Server(), authority(folder).server()))
    return {"url": f"https://localhost:{port}"}


#: The same for what is wrong before the upstream is reached -> the settings of such an upstream.
WAYS: dict[str, Callable[[ExitStack, Path], dict[str, str]]] = {
    "outbound proxy not reached, or its own 5xx": closed_proxy,
    "outbound proxy refuses": strict_proxy,
    "certificate not trusted": private_certificate,
}


class Row(NamedTuple):
    """One row of the table."""

    failure: str
    code: str
    queries: str
    billed: str
    next: str


def rows() -> list[Row]:
    section = (
        PAGE.read_text(encoding="utf-8").partition("## What a failure may cost\n")[2].partition("\n## ")[0]
    )
    cells = [re.split(r" *\| *", line.strip("| ")) for line in section.splitlines() if line[:1] == "|"]
    return [Row(each[0], each[1].strip("`"), *each[2:5]) for each in cells[2:]]


def code_of(answer: httpx.Response) -> str:
    return str(answer.json()["issue"][0]["details"]["coding"][0]["code"])


def cause_of(answer: httpx.Response) -> list[str]:
    return [each["code"] for each in answer.json()["issue"][0]["details"]["coding"]]


def test_every_fault_has_its_row() -> None:
    assert {row.failure for row in rows()} == FAULTS.keys() | WAYS.keys() | {"connection refused"}


def test_whatever_is_repeated_rests_or_pauses_has_its_row() -> None:
    treated = (
        RETRIES.keys()
        | RETRIES_AFTER_TIMEOUT.keys()
        | FAILURES_TO_OPEN.keys()
        | {rule.code for rule in RULES if rule.code}
    )
    assert treated <= {row.code for row in rows()}


@pytest.mark.parametrize(
    "row", [each for each in rows() if each.failure in FAULTS], ids=lambda row: row.failure
)
def test_no_failure_costs_more_than_the_table_says(emulator: RunningEmulator, row: Row) -> None:
    patience = 5 if row.queries == "n" else 0.6
    limits, read = Limits(patience=patience, read=1, max_body=1_000_000), READS.get(row.failure, READ)
    with capture_logs(), standing(emulator, limits) as gateway:
        gateway.fault(**FAULTS[row.failure])
        first = gateway.get(SYDNEY, read)
        sent, billed = len(gateway.sent()), gateway.billed()
        assert code_of(first) == row.code
        assert sent > 1 if row.queries == "n" else sent == int(row.queries)
        assert first.headers.get("gateway-attempts", "1") == str(sent)
        assert billed == int(row.billed)
        gateway.forget()
        gateway.get(SYDNEY, read)
        assert len(gateway.sent()) == int(row.next)
        gateway.forget()
        write = gateway.ask("POST", f"{gateway.base(BRISBANE)}/Patient", PATIENT, content_type=JSON)
        assert (write.status_code >= 400) == (row.failure not in READS)
        assert len(gateway.sent()) == (0 if row.failure in EVERYWHERE else 1)


def test_a_refused_connection_is_tried_once_more() -> None:
    row = next(each for each in rows() if each.failure == "connection refused")
    with capture_logs(), before_nothing() as base:
        found = [httpx.get(f"{base}/{READ}", headers=KEY, trust_env=False) for _ in range(3)]
    assert [each.headers.get("gateway-attempts") for each in found] == [row.queries, row.next, None]
    assert [code_of(each) for each in found] == [row.code, row.code, "practice-circuit-open"]


@pytest.mark.parametrize("row", [row for row in rows() if row.failure in WAYS], ids=lambda row: row.code)
def test_trouble_on_the_way_costs_what_the_table_says(row: Row, tmp_path: Path) -> None:
    with capture_logs(), ExitStack() as running:
        upstream = WAYS[row.failure](running, tmp_path)
        settings = settings_for("http://unused.example").model_dump() | {"upstream": upstream, "retry": {}}
        gateway = running.enter_context(ThreadedServer(create_app(Settings.model_validate(settings))))
        path = f"{gateway.url}/integrator/sites/{SYDNEY}/fhir/R4/{READ}"
        found = [httpx.get(path, headers=KEY, trust_env=False, timeout=30) for _ in range(3)]
    assert [code_of(each) for each in found] == [row.code] * 3
    assert [each.headers.get("gateway-attempts", "1") for each in found] == [row.queries, row.next, row.next]


def test_while_a_site_rests_others_are_served_and_a_free_look_brings_it_back(
    emulator: RunningEmulator,
) -> None:
    with capture_logs(), standing(emulator, Limits(patience=0, rest=ExponentialBackoff(1, 1))) as gateway:
        gateway.fault(kind="offline", site=SYDNEY, path="/fhir/")
        assert code_of(gateway.get(SYDNEY, READ)) == "practice-offline"
        resting = gateway.get(SYDNEY, READ)
        assert (resting.status_code, cause_of(resting)) == (
            503,
            ["practice-circuit-open", "practice-offline"],
        )
        assert int(resting.headers["retry-after"]) >= 1
        assert gateway.get(BRISBANE, READ).status_code == 200
        gateway.forget()
        sleep(1.1)
        assert code_of(gateway.get(SYDNEY, READ)) == "practice-circuit-open"
        assert (len(gateway.sent()), len(gateway.sent(f"/sites/{SYDNEY}")), gateway.billed()) == (0, 1, 0)
        gateway.well()
        sleep(1.1)
        assert gateway.get(SYDNEY, READ).status_code == 200
        assert gateway.get(SYDNEY, READ).status_code == 200


PAGINGS = ("token", "offset", "page")


@pytest.mark.parametrize("paging", PAGINGS)
@pytest.mark.parametrize("form", get_args(LinkForm))
def test_large_documents_come_page_by_page_each_once(
    emulator: RunningEmulator, paging: str, form: str
) -> None:
    """At a site whose links have the fault, and at one without; under every form a link may have."""
    guid = PERTH if form == "absolute-internal" else SYDNEY
    with capture_logs(), standing(emulator) as gateway:
        sites = {SYDNEY: {"size_limit": MB}}
        variants = {"paging": paging, "link_form": form}
        emulator.control("PATCH", "settings", {"variants": variants, "sites": sites})
        for walk in (1, 2):
            gateway.forget()
            ids, pages = walked(gateway, guid)
            sent = gateway.sent()
            refused = len(sent) - pages
            print(f"{paging} {walk}: {len(ids)} documents, {pages} pages, {len(sent)} queries, {refused} 413")
            assert Counter(ids) == Counter(set(ids))
            assert len(ids) == 110
            assert refused == (2 if walk == 1 else 0)


@pytest.mark.parametrize("paging", PAGINGS)
def test_a_search_without_count_gets_one_once_its_own_page_was_too_large(
    emulator: RunningEmulator, paging: str
) -> None:
    with capture_logs(), standing(emulator) as gateway:
        sites = {SYDNEY: {"size_limit": 400_000}}
        emulator.control("PATCH", "settings", {"variants": {"paging": paging}, "sites": sites})
        for refused in (1, 0):
            gateway.forget()
            ids, pages = walked(gateway, SYDNEY, DOCUMENTS.replace("&_count=100", ""))
            assert (len(ids), len(set(ids))) == (110, 110)
            assert len(gateway.sent()) - pages == refused


def walked(gateway: Standing, guid: str, search: str = DOCUMENTS) -> tuple[list[str], int]:
    """The ids of all matches, and how many pages they came on."""
    url, ids, pages = f"{gateway.base(guid)}/{search}", list[str](), 0
    while url:
        answer = gateway.ask("GET", url)
        assert answer.status_code == 200, answer.text
        bundle, pages = answer.json(), pages + 1
        matches = [each["resource"] for each in bundle["entry"] if each["search"]["mode"] == "match"]
        includes = [each for each in bundle["entry"] if each["search"]["mode"] == "include"]
        assert (bundle["total"], len(includes)) == (110, 1)
        ids += [each["id"] for each in matches]
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        assert ("_count=100" in search) == ("_count=" in urlsplit(links["self"]).query)
        url = links.get("next", "")
    return ids, pages


def test_a_moved_practice_is_followed_under_the_guid_its_clients_know(emulator: RunningEmulator) -> None:
    limits = Limits(practices={RELOCATED_SITE: PmsIdentity("10001", "Best Practice", follow_relocation=True)})
    with capture_logs(), standing(emulator, limits) as gateway:
        found = gateway.get(RELOCATED_SITE, "Patient?_count=2")
        assert found.status_code == 200, found.text
        assert BRISBANE not in found.text
        assert (len(gateway.sent("/integrator/sites")), gateway.billed()) == (4, 1)
        following = next(link["url"] for link in found.json()["link"] if link["relation"] == "next")
        assert gateway.ask("GET", following).status_code == 200


def test_a_burst_of_200_at_the_limit_meets_no_429_and_stays_fair(emulator: RunningEmulator) -> None:
    with capture_logs(), standing(emulator, Limits(rate=20, patience=60)) as gateway:
        gateway.fault(kind="rate-limit", per_second=20)
        url = f"{gateway.base(BRISBANE)}/{READ}"
        order = list[str]()

        async def ask(client: httpx.AsyncClient, caller: str) -> int:
            answer = await client.get(url, headers={"x-caller": caller})
            order.append(caller)
            return answer.status_code

        def asking(caller: str) -> Any:
            return lambda client: ask(client, caller)

        codes = together([asking("many")] * 180 + [asking("few")] * 20)
        assert Counter(codes) == {200: 200}
        assert max(place for place, caller in enumerate(order) if caller == "few") < 120
        assert len(gateway.sent()) == 200
