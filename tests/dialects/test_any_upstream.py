import pytest
from dialects.upstreams import NOW, apim, check, failed, failure, request, response

from gateway.dialects import DIALECTS, kinds
from gateway.dialects.any_upstream import OTHER_4XX, OTHER_5XX, ROWS
from gateway.dialects.dialect import Dialect

PLAIN = Dialect("plain", ())
_BUNDLE = {"resourceType": "Bundle"}

#: upstream's status -> (ours, issue type, Retry-After)
STATUSES: dict[int, tuple[int, str, int | None]] = {
    **dict.fromkeys((100, 101, 102, 103, 206, 207, 208, 226), (502, "exception", None)),
    **dict.fromkeys((300, 301, 302, 303, 305, 307, 308), (502, "exception", None)),
    **dict.fromkeys((406, 416, 417, 418, 426, 505, 506, 508, 510, 525, 526), (502, "exception", None)),
    **dict.fromkeys((407, 419, 440, 511), (502, "security", None)),
    **dict.fromkeys((421, 499, 502), (502, "transient", 5)),
    **dict.fromkeys((504, 522, 524), (504, "timeout", 30)),
    **dict.fromkeys((521, 523), (503, "no-store", 30)),
    400: (400, "invalid", None),
    401: (401, "login", None),
    402: (502, "business-rule", None),
    403: (403, "forbidden", None),
    404: (404, "not-found", None),
    405: (405, "not-supported", None),
    408: (504, "timeout", 5),
    409: (409, "conflict", None),
    410: (410, "deleted", None),
    411: (500, "exception", None),
    412: (412, "conflict", None),
    413: (413, "too-long", None),
    414: (414, "too-long", None),
    415: (415, "not-supported", None),
    422: (422, "business-rule", None),
    423: (503, "lock-error", 5),
    424: (502, "processing", None),
    425: (503, "transient", 5),
    428: (428, "business-rule", None),
    429: (429, "throttled", 5),
    431: (502, "exception", None),
    451: (451, "suppressed", None),
    500: (502, "exception", 10),
    501: (501, "not-supported", None),
    503: (503, "transient", 30),
    507: (503, "no-store", 300),
    520: (502, "transient", 10),
}


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_its_meaning(status: int) -> None:
    found = PLAIN.failure(request(), response(status, b"no"), now=NOW)
    assert found is not None
    check(found)
    assert (found.kind.status, found.issue, found.retry_after) == STATUSES[status]


@pytest.mark.parametrize("status", [200, 201, 203])
def test_success_is_no_failure(status: int) -> None:
    assert PLAIN.failure(request(), response(status, _BUNDLE), now=NOW) is None


@pytest.mark.parametrize("status", [202, 204, 205, 304])
def test_some_answers_need_no_body(status: int) -> None:
    assert PLAIN.failure(request(), response(status), now=NOW) is None


def test_statuses_nobody_assigned_count_by_their_class() -> None:
    assert failed("halo-connect", 499 - 20, b"x").kind is OTHER_4XX
    assert failed("halo-connect", 598, b"x").kind is OTHER_5XX


def test_a_401_about_the_gateways_own_token_is_a_bad_gateway() -> None:
    found = PLAIN.failure(request(headers=()), response(401), now=NOW)
    assert found is not None
    assert found.kind is kinds.OWN_CREDENTIALS


def test_html_under_a_200_is_not_fhir() -> None:
    assert failed("halo-connect", 200, b"<html>").kind is kinds.NOT_FHIR


def test_the_inner_status_of_an_error_in_a_200_decides() -> None:
    assert failed("halo-connect", 200, apim(429, "Slow down")).kind is kinds.RATE_LIMITED


@pytest.mark.parametrize("name", DIALECTS)
def test_no_status_is_ever_lost(name: str) -> None:
    for status in range(306, 600):
        assert failure(name, status, b"x", line="GET x/y")


def test_rows_are_named_once() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS)
