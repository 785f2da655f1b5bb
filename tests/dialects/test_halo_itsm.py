from typing import Any

import pytest
from dialects.upstreams import failed, failure

from gateway.core.failure import Kind
from gateway.dialects import any_upstream, halo_itsm, kinds

_THROWN = {"ClassName": "System.Exception", "Message": "The agent may not use this rate"}
_RESULT = {"resultCode": "E1", "errorMessage": "Not possible"}

#: (row, status, body, kind)
CATALOGUE: list[tuple[str, int, Any, Kind]] = [
    ("itsm-oauth", 400, {"error": "invalid_client"}, kinds.CREDENTIALS),
    ("itsm-401", 401, b"", kinds.CREDENTIALS),
    ("itsm-403", 403, _THROWN, kinds.FORBIDDEN),
    ("itsm-404", 404, {"Message": "No such ticket"}, kinds.NOT_FOUND),
    ("itsm-405", 405, b"", kinds.METHOD),
    ("itsm-409", 409, {"Message": "Ticket is closed"}, kinds.CONFLICT),
    ("itsm-409-unique", 409, {"Message": "The name must be unique"}, halo_itsm.DUPLICATE_VALUE),
    ("itsm-422", 422, _RESULT, halo_itsm.VALUE),
    ("itsm-429", 429, b"Rate Limit Reached - 300 Requests per rolling 5 minute window", kinds.RATE_LIMITED),
    ("itsm-504", 504, b"", halo_itsm.TOO_SLOW),
    ("http-200-error-body", 200, _RESULT, kinds.ERROR_IN_200),
    ("http-200-error-body", 200, _THROWN, kinds.ERROR_IN_200),
    ("http-other-4xx", 471, _THROWN, any_upstream.OTHER_4XX),
]


@pytest.mark.parametrize(("row", "status", "body", "kind"), CATALOGUE)
def test_every_entry_of_the_catalogue_has_its_kind(row: str, status: int, body: Any, kind: Kind) -> None:
    assert failed("halo-itsm", status, body, line="GET api/tickets").kind == kind


def test_every_row_is_tried() -> None:
    assert {row.id for row in halo_itsm.ROWS} <= {row for row, *_ in CATALOGUE}


@pytest.mark.parametrize("body", [{"record_count": 0, "tickets": []}, [], {"Message": "Saved"}, b"", b"OK"])
def test_successful_answers_pass(body: Any) -> None:
    assert failure("halo-itsm", 200, body, line="GET api/tickets") is None
