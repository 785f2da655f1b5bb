"""Fuzzes the readers of upstream errors and the masking with atheris, which is not among the dependencies.

In an environment of its own: `pip install atheris`, then with this project on PYTHONPATH
`python tests/fuzz/readers.py -max_total_time=300`. Not collected by pytest; `tests/upstreams/test_dialect.py`
holds the hypothesis twin that runs always.
"""

import sys
from datetime import UTC, datetime

import atheris  # type: ignore[import-not-found,unused-ignore] # see above

with atheris.instrument_imports(include=["gateway"]):
    from gateway.errors.operation_outcome import encode_resource, operation_outcome
    from gateway.errors.redaction import redact, without_sql
    from gateway.exchange import FhirRequest, FhirResponse
    from gateway.fhir.interaction import NOT_FHIR, interaction_for
    from gateway.upstreams import DIALECTS
    from gateway.upstreams.diagnostics import UpstreamText

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
LINES = ("GET Patient", "GET Patient/1", "HEAD metadata", "POST Patient", "PUT Patient/1", "GET queries/x")
MODES: tuple[UpstreamText, ...] = ("masked", "full", "none")
STATUSES = (200, 400, 200, 401, 403, 404, 406, 409, 422, 429, 454, 500, 503, 504, 201, 202, *range(100, 320))
NAMED = tuple(DIALECTS.values())
LARGEST = 16_384


def one(data: bytes) -> None:
    """Raises when an answer is neither good nor a failure of at most 16 kB with an error status.

    The last four bytes choose, so that a recorded error body with any four behind it is a good seed.
    """
    body, (name, line, mode, status) = data[:-4], data[-4:].rjust(4, b"\0")
    method, _, path = LINES[line % len(LINES)].partition(" ")
    asked = FhirRequest(method, interaction_for(method, path) or NOT_FHIR, path, "http://gw", "http://up")
    headers = (("content-type", "application/json"), ("retry-after", body[:30].decode("latin-1")))
    answer = FhirResponse(STATUSES[status % len(STATUSES)], headers, body)
    found = NAMED[name % len(NAMED)].failure_from_response(
        asked, answer, now=NOW, upstream_text=MODES[mode % len(MODES)]
    )
    if found is not None:
        assert 400 <= found.kind.status <= 599, found.kind
        assert len(encode_resource(operation_outcome(found))) <= LARGEST
    for change in (redact, without_sql):
        change(body.decode("utf-8", "replace"))


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
