"""SQL text and values are in no log, metric, ledger line, page or error of the gateway."""

import json
import logging

import httpx
import pytest
from end_to_end.sql_upstream import FHIR, QUERIES, QUERY_ID, Answer, details, envelope, sql_gateway
from structlog.testing import capture_logs
from support.secrets import SECRET

SECRETS = ("Zzyzx", "2954471371", "fp_Secret", "Qqword")
BODY = json.dumps(
    {
        "command": {
            "type": "text",
            "text": "SELECT * FROM fp_Secret WHERE Surname = @Qqword",
            "parameters": [{"name": "@Qqword", "type": "NVarChar", "value": "Zzyzx 2954471371"}],
        },
        "maxTimeInQueue": 100,
    }
).encode()
ECHO = "Incorrect syntax near 'fp_Secret': SELECT * FROM fp_Secret WHERE Surname = Zzyzx 2954471371 @Qqword"
ANSWERS = (
    Answer(200, {"status": "successful"}),
    Answer(400, details("mssql", 102, ECHO)),
    Answer(400, details("mssql", 50000, ECHO)),
    Answer(400, details("haloLink", 5, ECHO)),
    Answer(200, {"status": "executionFailed", **details("mssql", 245, ECHO)}),
    Answer(400, envelope(400, ECHO)),
    Answer(413, envelope(413, ECHO)),
    Answer(504, envelope(504, ECHO)),
    Answer(500, ECHO.encode()),
    Answer(200, {"status": "successful"}, delay=1.0),
)
ADMIN = {"Authorization": f"Bearer {SECRET}"}


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: str(answer.status))
def test_sql_and_its_values_are_shown_nowhere(answer: Answer, caplog: pytest.LogCaptureFixture) -> None:
    limits = {"read_timeout_seconds": 0.2, "total_timeout_seconds": 0.4, "max_body": 1_000}
    admin = {"token": SECRET}
    with (
        sql_gateway(sql=limits, admin=admin, upstream={"timeouts": {"read": 0.3}}) as gateway,
        capture_logs() as logs,
        caplog.at_level(logging.DEBUG),
    ):
        gateway.upstream.answers["/"] = answer
        responses = [
            gateway.submit(BODY, action, **FHIR) for action in ("immediate", "async", "registered", "status")
        ]
        responses += [gateway.submit(BODY * 9, "immediate", **FHIR), gateway.poll(**FHIR)]
        responses.append(gateway.ask("GET", f"{QUERIES}/{QUERY_ID}/results/Zzyzx", **FHIR))
        pages = [
            httpx.get(gateway.url + path, headers=ADMIN, trust_env=False).text
            for path in ("/metrics", "/admin/ledger", "/admin/sites", "/", "/readyz")
        ]
    own = [record.getMessage() for record in caplog.records if not record.name.startswith("http")]
    shown = [*pages, repr(logs), *own, *(str(response.headers) for response in responses)]
    shown += [response.text for response in responses]
    assert len(gateway.upstream.sent) >= 2
    for secret in SECRETS:
        assert not [text for text in shown if secret in text], secret
