"""Large parameters of stored procedures over real sockets: filed once, by both APIs and all query types."""

import json
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from random import Random
from typing import Any

import httpx
import pytest
from conftest import KEY, Pair, settings_for
from end_to_end.sql_upstream import QUERIES, QUERY_ID, Answer, SqlGateway, details, sql_gateway
from support.loop_watch import LoopWatch
from support.sql import REFUSAL_TEXT, SMALL, filed, parameter, query, registration

from gateway.app import create_app
from gateway.emulator.sites import BRISBANE, SYDNEY
from gateway.server.serve import ThreadedServer
from gateway.settings import Settings

JSON = {"content-type": "application/json"}
CONTENT = Random(14).randbytes(300_000)  # synthetic
REPAIR = "sql-parameter-conversion"
WRAPPED = {"error": {"status": 400, "statusText": "Bad Request", "message": REFUSAL_TEXT}}


def document(content: bytes = CONTENT) -> bytes:
    """Body of a query that files a document."""
    return query(
        parameter("@PatientId", "Int", "1"),
        parameter("@Title", "NVarChar", "Synthetic letter \u2713 'quoted'"),
        parameter("@Content", "VarBinary", b64encode(content).decode()),
        parameter("@DocumentId", "Int", direction="output"),
        parameter("@ReturnValue", "Int", direction="returnValue"),
    )


class Client:
    """A client of one API at Sydney's practice, of the gateway or of the emulator."""

    def __init__(self, pair: Pair, api: str, url: str = "", guid: str = SYDNEY) -> None:
        self._base = f"{url or pair.url}/{api}/sites/{guid}/queries"
        self._headers = KEY | JSON if api == "integrator" else JSON | _desktop_headers(pair)

    def post(self, path: str, body: bytes) -> httpx.Response:
        url = f"{self._base}/{path}"
        return httpx.post(url, content=body, headers=self._headers, timeout=30, trust_env=False)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self._base}/{path}", headers=self._headers, timeout=30, trust_env=False)

    def wait(self, query_id: str) -> dict[str, Any]:
        """State of a query that has ended."""
        for _ in range(200):
            state: dict[str, Any] = self.get(query_id).json()
            if state["status"] in {"successful", "executionFailed"}:
                return state
            time.sleep(0.02)
        raise AssertionError(state["status"])


def _desktop_headers(pair: Pair) -> dict[str, str]:
    form = f"grant_type=urn:halo-connect:oauth:desktop-token&device_id=d-1&site_id={SYDNEY}".encode()
    answer = pair.ask(
        "POST", f"{pair.url}/integrator/token", form, content_type="application/x-www-form-urlencoded"
    )
    return {"authorization": f"Bearer {answer.json()['access_token']}", "deviceid": "d-1"}


def executions(pair: Pair) -> list[dict[str, Any]]:
    """What procedures of the emulator got since the last reset."""
    runs: list[dict[str, Any]] = pair.emulator.control("GET", "executions")
    return runs


def filed_contents(pair: Pair) -> list[bytes]:
    return [b64decode(run["arguments"]["@Content"]["value"]) for run in executions(pair)]


def directions(parameters: list[dict[str, Any]]) -> dict[str, str]:
    return {each["name"]: each["direction"] for each in parameters}


EXPECTED = {"@DocumentId": "output", "@ReturnValue": "returnValue"}


@pytest.fixture(params=["integrator", "desktop"])
def client(pair: Pair, request: pytest.FixtureRequest) -> Client:
    return Client(pair, request.param)


def test_immediate_query_files_a_large_document(pair: Pair, client: Client) -> None:
    assert Client(pair, "integrator", pair.emulator.url).post("immediate", document()).status_code == 400
    response = client.post("immediate", document())
    assert (response.status_code, response.headers["gateway-repairs"]) == (200, REPAIR)
    assert directions(response.json()["result"]["parameters"]) == EXPECTED
    assert filed_contents(pair) == [CONTENT]
    assert executions(pair)[0]["arguments"]["@Title"]["value"] == "Synthetic letter \u2713 'quoted'"


def test_asynchronous_query_files_a_large_document(pair: Pair, client: Client) -> None:
    submitted = client.post("async", document())
    assert (submitted.status_code, submitted.headers["gateway-repairs"]) == (201, REPAIR)
    query_id = submitted.json()["id"]
    assert client.wait(query_id)["status"] == "successful"
    assert directions(client.get(f"{query_id}/results/1").json()["parameters"]) == EXPECTED
    assert filed_contents(pair) == [CONTENT]


def test_registered_query_files_a_large_document(pair: Pair, client: Client) -> None:
    submitted = client.post("registered", registration(document()))
    assert submitted.status_code in {201, 202}
    assert submitted.headers["gateway-repairs"] == REPAIR
    query_id = submitted.json()["id"]
    pair.emulator.control("POST", f"registered/{query_id}/run")
    assert directions(client.get(f"registered/{query_id}/results").json()["parameters"]) == EXPECTED
    assert set(filed_contents(pair)) == {CONTENT}


def test_small_document_goes_up_as_it_came(pair: Pair) -> None:
    client = Client(pair, "integrator")
    response = client.post("immediate", document(b"small"))
    assert "gateway-repairs" not in response.headers
    assert directions(response.json()["result"]["parameters"]) == EXPECTED
    assert filed_contents(pair) == [b"small"]


@contextmanager
def gateway_of(pair: Pair, **sections: Any) -> Iterator[str]:
    """URL of another gateway before the emulator, with these settings."""
    usual = settings_for(pair.emulator.url).model_dump(mode="json", exclude_defaults=True)
    with ThreadedServer(create_app(Settings.model_validate(usual | sections))) as server:
        yield server.url


def test_site_without_the_repair_gets_the_refusal_as_it_is(pair: Pair) -> None:
    off = {"sites": {SYDNEY: {"time_zone": "Australia/Sydney", "repairs": {REPAIR: False}}}}
    straight = Client(pair, "integrator", pair.emulator.url).post("immediate", document())
    with gateway_of(pair, **off) as url:
        response = Client(pair, "integrator", url).post("immediate", document())
        assert (response.status_code, response.content) == (400, straight.content)
        other = Client(pair, "integrator", url, BRISBANE).post("immediate", document())
        assert other.status_code == 200
    assert filed_contents(pair) == [CONTENT]


def test_metrics_name_outcomes_and_the_repair(pair: Pair) -> None:
    with gateway_of(pair) as url:
        client = Client(pair, "integrator", url)
        client.post("immediate", document())
        client.post("immediate", document(b"small"))
        metrics = httpx.get(f"{url}/metrics", trust_env=False).text
    assert 'halo_gateway_sql_commands_total{outcome="rewritten"} 1.0' in metrics
    assert 'halo_gateway_sql_commands_total{outcome="not-needed"} 1.0' in metrics
    lines = [line for line in metrics.splitlines() if line.startswith("halo_gateway_repairs_total")]
    assert sorted(line.partition(",")[0] + line[-4:] for line in lines) == [
        f'halo_gateway_repairs_total{{outcome="{outcome}" 1.0' for outcome in ("fired", "no-op")
    ]
    assert all(f'repair="{REPAIR}"' in line for line in lines)


def test_refused_command_is_free_for_bill_and_ledger(pair: Pair) -> None:
    with gateway_of(pair, repairs={REPAIR: False}) as url:
        client = Client(pair, "integrator", url)
        assert client.post("immediate", document(CONTENT[:12_000])).status_code == 400
        assert client.post("immediate", document(b"small")).status_code == 200
        metrics = httpx.get(f"{url}/metrics", trust_env=False).text
    assert pair.emulator.control("GET", "bill")["queries"] == 1
    billed = [line for line in metrics.splitlines() if line.startswith("halo_gateway_requests_total")]
    costs = {line.split('cost="')[1].partition('"')[0]: line.rpartition(" ")[2] for line in billed}
    assert costs == {"free": "1.0", "billed": "1.0"}


#: A site of Halo's directory, which names the engine's version.
SITE = {"id": SYDNEY, "haloLinkVersion": "26.619.1"}


@pytest.fixture
def refusing() -> Iterator[SqlGateway]:
    """A gateway before a practice that converts no binary parameter at all."""
    with sql_gateway() as gateway:
        answers = gateway.upstream.answers
        answers["POST"] = Answer(body={"id": QUERY_ID, "status": "successful"})
        answers[f"GET /integrator/sites/{SYDNEY}"] = Answer(body=SITE)
        gateway.upstream.answer_to = lambda _, body: (
            Answer(400, WRAPPED) if b'"type":"storedProcedure"' in body else None
        )
        yield gateway


def command_types(gateway: SqlGateway) -> list[str]:
    """Types of the commands that reached the practice."""
    bodies = [json.loads(body) for body in gateway.upstream.bodies if body]
    return [body.get("registerCommand", body)["command"]["type"] for body in bodies]


@pytest.mark.parametrize(
    ("action", "body"),
    [("immediate", filed(SMALL)), ("async", filed(SMALL)), ("registered", registration(filed(SMALL)))],
)
def test_refused_command_is_sent_once_more_as_text(refusing: SqlGateway, action: str, body: bytes) -> None:
    response = refusing.submit(body, action)
    assert (response.status_code, response.headers["gateway-repairs"]) == (200, REPAIR)
    assert command_types(refusing) == ["storedProcedure", "text"]
    assert refusing.upstream.bodies[0] == body
    metrics = refusing.ask("GET", "/metrics").text
    assert 'halo_gateway_sql_commands_total{outcome="resent"} 1.0' in metrics
    costs = [line for line in metrics.splitlines() if line.startswith("halo_gateway_requests_total")]
    assert sorted(line.split('cost="')[1].partition('"')[0] for line in costs) == ["billed", "free"]


def test_known_engine_gets_the_next_command_as_text_at_once(refusing: SqlGateway) -> None:
    refusing.ask("GET", f"/integrator/sites/{SYDNEY}")
    for _ in range(3):
        assert refusing.submit(filed(SMALL)).status_code == 200
    assert command_types(refusing) == ["storedProcedure", "text", "text", "text"]
    refusing.upstream.answers[f"GET /integrator/sites/{SYDNEY}"] = Answer(
        body=SITE | {"haloLinkVersion": "26.800.1"}
    )
    refusing.ask("GET", f"/integrator/sites/{SYDNEY}")
    refusing.submit(filed(SMALL))
    assert command_types(refusing)[4:] == ["storedProcedure", "text"]


def test_refusal_of_the_text_is_the_answer(refusing: SqlGateway) -> None:
    refusing.upstream.answer_to = lambda *_: Answer(400, WRAPPED)
    response = refusing.submit(filed(SMALL))
    assert (response.status_code, response.json()) == (400, WRAPPED)
    assert response.headers["gateway-repairs"] == REPAIR
    assert command_types(refusing) == ["storedProcedure", "text"]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(400, details("mssql", 50_000, REFUSAL_TEXT)),
        Answer(500, WRAPPED),
        Answer(400, {"error": {"status": 400, "message": "Incorrect syntax near 'x'."}}),
        Answer(504, {"error": {"status": 504, "message": "Query took more than 60 seconds."}}),
    ],
)
def test_any_other_error_is_not_sent_again(refusing: SqlGateway, answer: Answer) -> None:
    refusing.upstream.answer_to = lambda *_: answer
    assert refusing.submit(filed(SMALL)).status_code == answer.status
    assert command_types(refusing) == ["storedProcedure"]


def test_refusal_as_state_teaches_the_site_and_sends_nothing(refusing: SqlGateway) -> None:
    refusing.ask("GET", f"/integrator/sites/{SYDNEY}")
    refusing.upstream.answer_to = lambda *_: None
    refusing.submit(document())
    refusing.upstream.bodies.clear()
    refusing.upstream.answers["POST"] = Answer(201, {"id": QUERY_ID, "status": "queued"})
    refusing.submit(filed(SMALL), "async")
    failed = {"status": "executionFailed", **details("haloLink", 2, REFUSAL_TEXT)}
    refusing.upstream.answers[f"GET {QUERIES}"] = Answer(200, failed)
    assert refusing.poll().json() == failed
    assert command_types(refusing) == ["storedProcedure"]
    refusing.submit(filed(SMALL), "async")
    assert command_types(refusing) == ["storedProcedure", "text"]


def test_large_document_refused_twice_does_not_hold_the_loop() -> None:
    body = document(Random(14).randbytes(10_000_000))
    with sql_gateway(wrap=LoopWatch) as gateway:
        assert isinstance(gateway.app, LoopWatch)
        gateway.upstream.answer_to = lambda line, _: Answer(400, WRAPPED) if "POST" in line else None
        gateway.poll()
        answers = list[httpx.Response]()
        assert gateway.app.longest_turn(lambda: answers.append(gateway.submit(body)), 0.010) < 0.010
    assert command_types(gateway) == ["text", "text"] * len(answers)


def test_documents_of_one_key_at_once_are_all_filed() -> None:
    bodies = [document(Random(14).randbytes(3_000_000)), *[document(CONTENT[:9_000])] * 12]
    with sql_gateway(retry={"max_wait_seconds": 10}) as gateway, ThreadPoolExecutor(len(bodies)) as clients:
        gateway.poll()
        answers = list(clients.map(gateway.submit, bodies))
    assert {answer.status_code for answer in answers} == {200}
    assert command_types(gateway) == ["text"] * len(bodies)
