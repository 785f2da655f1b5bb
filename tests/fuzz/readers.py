"""Fuzz test of upstream error reading and redaction with atheris, which is not among the dependencies.

In a separate environment: `pip install atheris`, then with this project on PYTHONPATH
`python tests/fuzz/readers.py -max_total_time=300`. Not collected by pytest; `tests/upstreams/test_dialect.py`
has the same test with hypothesis, which always runs.
"""

import sys
from datetime import UTC, datetime

import atheris  # type: ignore[import-not-found,unused-ignore] # see above

with atheris.instrument_imports(include=["gateway"]):
    from gateway.errors.operation_outcome import encode_resource, operation_outcome
    from gateway.errors.redaction import redact
    from gateway.errors.sql_text import without_sql
    from gateway.exchange import FhirRequest, FhirResponse
    from gateway.fhir.interaction import NOT_FHIR, interaction_for
    from gateway.upstreams import DIALECTS
    from gateway.upstreams.diagnostics import UpstreamText

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
LINES = ("GET Patient", "GET Patient/1", "HEAD metadata", "POST Patient", "PUT Patient/1", "GET queries/x")
MODES: tuple[UpstreamText, ...] = ("masked", "full", "none")
STATUSES = (200, 400, 200, 401, 403, 404, 406, 409, 422, 429, 454, 500, 503, 504, 201, 202, *range(100, 320))
DIALECT_LIST = tuple(DIALECTS.values())
MAX_BYTES = 16_384


def check_response(data: bytes) -> None:
    """Fail unless the response is acceptable or a failure of at most 16 kB with an error status.

    The last four bytes select dialect, request, mode and status: a seed is an error body and any four bytes.
    """
    body, (name, line, mode, status) = data[:-4], data[-4:].rjust(4, b"\0")
    method, _, path = LINES[line % len(LINES)].partition(" ")
    request = FhirRequest(method, interaction_for(method, path) or NOT_FHIR, path, "http://gw", "http://up")
    headers = (("content-type", "application/json"), ("retry-after", body[:30].decode("latin-1")))
    response = FhirResponse(STATUSES[status % len(STATUSES)], headers, body)
    failure = DIALECT_LIST[name % len(DIALECT_LIST)].failure_from_response(
        request, response, now=NOW, upstream_text=MODES[mode % len(MODES)]
    )
    if failure is not None:
        assert 400 <= failure.kind.status <= 599, failure.kind
        assert len(encode_resource(operation_outcome(failure))) <= MAX_BYTES
    for change in (redact, without_sql):
        change(body.decode("utf-8", "replace"))


if __name__ == "__main__":
    atheris.Setup(sys.argv, check_response)
    atheris.Fuzz()
