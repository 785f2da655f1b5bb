import json

import pytest

from gateway.emulator.halo_itsm.errors import ERRORS, rate_error
from gateway.emulator.halo_itsm.settings import RateWindow

FORMS = [
    {"resultCode", "errorMessage"},
    {"ClassName", "Message"},
    {"Message"},
    {"error", "error_description"},
]


def form(kind: str) -> str:
    """Form of an error's body, as a client library tells them apart."""
    error = ERRORS[kind]
    if error.media_type.startswith("application/json"):
        fields = set(json.loads(error.body))
        assert fields in FORMS, kind
        return ",".join(sorted(fields))
    return error.media_type.partition(";")[0] or "empty"


def test_table_has_every_documented_status_and_form() -> None:
    statuses = {error.status for error in ERRORS.values()}
    assert statuses >= {400, 401, 403, 404, 405, 409, 422, 429, 500, 504}
    forms = {form(kind) for kind in ERRORS}
    assert forms == {*(",".join(sorted(names)) for names in FORMS), "text/plain", "text/html", "empty"}


@pytest.mark.parametrize("kind", ERRORS)
def test_response_has_no_retry_after_and_the_right_headers(kind: str) -> None:
    response = ERRORS[kind].response()
    assert "retry-after" not in response.headers
    assert ("content-type" in response.headers) is bool(response.body)
    assert ("allow" in response.headers) is (response.status_code == 405)


@pytest.mark.parametrize(
    ("requests", "seconds", "text"),
    [
        (300, 300, "Rate Limit Reached - 300 Requests per rolling 5 minute window"),
        (500, 180, "Rate Limit Reached - 500 Requests per rolling 3 minute window"),
        (3, 1.5, "Rate Limit Reached - 3 Requests per rolling 1.5 second window"),
    ],
)
def test_text_of_rate_names_requests_and_period(requests: int, seconds: float, text: str) -> None:
    error = rate_error(RateWindow(requests=requests, seconds=seconds))
    assert (error.status, error.body.decode()) == (429, text)
