"""Errors that a client's SQL may have caused stop no request, and never say that a command did not run."""

from base64 import b64encode
from collections.abc import Iterator
from itertools import count
from random import Random
from typing import Any

import pytest
from end_to_end.sql_upstream import (
    FHIR,
    QUERIES,
    Answer,
    SqlGateway,
    details,
    envelope,
    sql_gateway,
    text_command,
)
from support.sql import parameter, query

UPDATE = text_command("SET LOCK_TIMEOUT 0; UPDATE t SET a=1")
LOST_SERVER = (
    "A network-related or instance-specific error occurred while establishing a connection to SQL Server"
)
NO_SERVER = "Error occured while establishing a connection to SQL Server"
LOGIN = "Login failed for user 'x'."
BUSY = Answer(400, details("mssql", 1222, "Lock request time out period exceeded."))
SLOW = Answer(504, envelope(504, "Query took more than 30 seconds to return a result"))
_numbers = count()


@pytest.fixture(scope="module")
def running() -> Iterator[SqlGateway]:
    with sql_gateway() as gateway:
        yield gateway


@pytest.fixture
def gateway(running: SqlGateway) -> SqlGateway:
    running.upstream.answers.clear()
    return running


@pytest.fixture
def keys(gateway: SqlGateway) -> list[dict[str, str]]:
    """Header fields of three callers that the practice has served, and that no other test uses."""
    fields = [{"Ocp_Apim_Subscription_Key": f"key-{next(_numbers)}"} for _ in range(3)]
    assert [gateway.read(**key).status_code for key in fields] == [200] * 3
    return fields


def test_one_device_with_two_tokens_closes_no_practice(gateway: SqlGateway) -> None:
    path = QUERIES.replace("integrator", "desktop")
    for answer in (Answer(), BUSY, SLOW, Answer(503, envelope(503, "Site could not be contacted."))):
        gateway.upstream.answers["desktop"] = answer
        for token in ("one", "two"):
            fields = {"DeviceId": "d1", "Authorization": f"Bearer {token}"}
            for _ in range(5):
                gateway.ask("POST", f"{path}/immediate", UPDATE, **fields)
        assert gateway.read().status_code == 200


@pytest.mark.parametrize(
    "answer",
    [
        Answer(400, details("mssql", 53, LOST_SERVER)),
        Answer(400, details("mssql", -1, LOST_SERVER)),
        Answer(400, details("mssql", 18456, LOGIN)),
        Answer(400, {"errorCode": 53, "errorMessage": LOST_SERVER}),
        Answer(400, {"errorCode": 18456, "errorMessage": LOGIN}),
        Answer(400, details("mssql", 1205, "Transaction was deadlocked")),
        Answer(400, details("mssql", -2, "Execution Timeout Expired.")),
        BUSY,
        SLOW,
        Answer(400, envelope(400, LOST_SERVER)),
        Answer(400, envelope(400, LOGIN)),
        Answer(406, envelope(406, "QueryNotAcceptable")),
    ],
    ids=lambda answer: str(answer.body),
)
def test_two_keys_with_bad_sql_stop_no_third(
    gateway: SqlGateway, keys: list[dict[str, str]], answer: Answer
) -> None:
    gateway.upstream.answers["immediate"] = answer
    for key in keys[:2]:
        for _ in range(6):
            gateway.submit(UPDATE, **key)
    assert gateway.read(**keys[2]).status_code == 200
    if answer is not SLOW and answer.status != 406:
        assert gateway.read(**keys[0]).status_code == 200  # not even their own caller


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(400, details("haloLink", 1, NO_SERVER)), "practice-database-down"),
        (Answer(503, envelope(503, "Site could not be contacted.")), "practice-unreachable"),
    ],
)
def test_halos_own_word_from_two_keys_closes_the_practice(answer: Answer, code: str) -> None:
    with sql_gateway() as gateway:
        keys = [{"Ocp_Apim_Subscription_Key": key} for key in ("a", "b", "c")]
        assert [gateway.read(**key).status_code for key in keys] == [200] * 3
        gateway.upstream.answers["immediate"] = answer
        assert [gateway.code(gateway.submit(UPDATE, **FHIR, **key)) for key in keys[:2]] == [code] * 2
        assert gateway.code(gateway.read(**keys[2])) == "practice-circuit-open"


UNKNOWN, REFUSED = (504, "write-outcome-unknown"), (400, "sql-refused")


@pytest.mark.parametrize(
    ("error", "of_write", "of_read"),
    [
        (details("mssql", 18456, LOGIN), UNKNOWN, REFUSED),
        (details("mssql", 4060, f"Cannot open database. {LOGIN}"), UNKNOWN, REFUSED),
        (details("mssql", 7399, f"The OLE DB provider. {LOGIN}"), UNKNOWN, REFUSED),
        (details("mssql", 911, f"Database does not exist. {LOGIN}"), UNKNOWN, REFUSED),
        (details("mssql", 53, LOST_SERVER), UNKNOWN, REFUSED),
        (details("mssql", 2, LOST_SERVER), UNKNOWN, REFUSED),
        ({"errorCode": 18456, "errorMessage": LOGIN}, UNKNOWN, REFUSED),
        (details("mssql", 2627, "The value is ((a) Login failed for user (b))."), REFUSED, REFUSED),
        (details("mssql", 1222, "-"), UNKNOWN, (503, "practice-database-busy")),
        (details("mssql", -2, "Execution Timeout Expired."), UNKNOWN, (504, "practice-query-timeout")),
        ({"errorCode": -2, "errorMessage": "Expired."}, UNKNOWN, (504, "practice-query-timeout")),
        (envelope(400, "Execution Timeout Expired."), UNKNOWN, (504, "practice-query-timeout")),
        (envelope(400, LOST_SERVER), UNKNOWN, REFUSED),
        (details("haloLink", 1, "It failed."), UNKNOWN, (502, "practice-query-failed")),
        (details("haloLink", 2, "Error converting varchar"), UNKNOWN, (500, "practice-value-conversion")),
        ({"status": "uploadFailed"}, UNKNOWN, (503, "practice-upload-failed")),
        (details("haloLink", 5, "-"), UNKNOWN, (503, "practice-upload-failed")),
    ],
    ids=str,
)
def test_only_a_proved_select_did_not_write(
    gateway: SqlGateway,
    keys: list[dict[str, str]],
    error: dict[str, Any],
    of_write: tuple[int, str],
    of_read: tuple[int, str],
) -> None:
    gateway.upstream.answers["immediate"] = Answer(200, {"status": "executionFailed"} | error)
    if "error" in error:
        gateway.upstream.answers["immediate"] = Answer(400, error)
    insert = b'{"command":{"executionMode":"nonQuery","text":"INSERT INTO t VALUES (1)","type":"text"}}'
    select = b'{"command":{"executionMode":"reader","text":"SELECT a FROM [t]","type":"text"}}'
    for body, expected in ((insert, of_write), (select, of_read)):
        response = gateway.submit(body, **FHIR, **keys[0])
        assert (response.status_code, gateway.code(response)) == expected
    assert gateway.read(**keys[0]).status_code == 200


def filing(direction: str = "input") -> bytes:
    """Body of a query that files a document of 3 MB; as an inputOutput it is not rewritten."""
    content = b64encode(Random(3).randbytes(3_000_000)).decode()
    return query(
        parameter("@Title", "NVarChar", "Discharge summary"),
        parameter("@Content", "VarBinary", content, direction=direction),
    )


@pytest.fixture(scope="module", params=["input", "inputOutput"], ids=["rewritten", "as sent"])
def document(request: pytest.FixtureRequest) -> bytes:
    return filing(request.param)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(504, envelope(504, "Site cannot be contacted. Site is offline.")), "practice-offline"),
        (Answer(403, {"statusCode": 403, "message": "Out of call volume quota."}), "upstream-quota"),
        (Answer(403, envelope(403, "The site is non-authoritative.")), "site-not-authoritative"),
        (Answer(400, details("haloLink", 1, LOGIN)), "practice-not-authorised"),
        (Answer(400, details("mssql", 207, "Invalid column name.")), "sql-refused"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refusal_of_a_document_keeps_its_meaning(
    gateway: SqlGateway, keys: list[dict[str, str]], document: bytes, answer: Answer, code: str
) -> None:
    gateway.upstream.answers["immediate"] = answer
    response = gateway.submit(document, **FHIR, **keys[0])
    assert gateway.code(response) == code
    is_rewritten = b"inputOutput" not in document
    assert (b"DECLARE @Content" in gateway.upstream.bodies[-1]) is is_rewritten


LOGIN_OF_HALO = [
    (UPDATE, Answer(400, details("haloLink", 1, LOGIN))),
    (UPDATE, Answer(200, {"errorCode": 1, "errorMessage": LOGIN})),
    (text_command(), Answer(400, envelope(400, LOGIN))),
    (text_command(), Answer(400, {"status": 400, "message": LOGIN})),
]


@pytest.mark.parametrize(("command", "answer"), LOGIN_OF_HALO)
def test_halos_own_refusal_of_the_login_pauses_the_key(
    gateway: SqlGateway, keys: list[dict[str, str]], command: bytes, answer: Answer
) -> None:
    gateway.upstream.answers["immediate"] = answer
    assert gateway.code(gateway.submit(command, **FHIR, **keys[0])) == "practice-not-authorised"
    assert [gateway.read(**key).status_code for key in keys[:2]] == [403, 200]


def test_refused_login_without_a_type_may_follow_a_write(
    gateway: SqlGateway, keys: list[dict[str, str]]
) -> None:
    gateway.upstream.answers["immediate"] = Answer(400, envelope(400, LOGIN))
    assert gateway.code(gateway.submit(UPDATE, **FHIR, **keys[0])) == "write-outcome-unknown"
    assert gateway.read(**keys[0]).status_code == 200
