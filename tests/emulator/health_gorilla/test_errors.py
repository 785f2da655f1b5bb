import json

import pytest
from emulator.health_gorilla.gorilla_client import judge

from gateway.emulator.health_gorilla.errors import ERRORS, GorillaError, error_response

#: Statuses of the vendor's table, and the number of its rows with each (409 is of its page on idempotency).
STATUSES = {400: 4, 401: 1, 403: 2, 404: 2, 405: 1, 409: 1, 415: 1, 422: 6, 429: 2, 454: 1, 500: 1, 504: 1}


def test_every_status_of_the_published_table_has_its_rows() -> None:
    statuses = [row.status for row in ERRORS.values()]
    assert {status: statuses.count(status) for status in statuses} == STATUSES


@pytest.mark.parametrize("kind", ERRORS)
def test_body_has_the_form_of_its_row(kind: str) -> None:
    row, response = ERRORS[kind], error_response(ERRORS[kind])
    assert response.status_code == row.status
    body = bytes(response.body)
    if row.form == "outcome":
        judge(json.loads(body))
        assert json.loads(body)["issue"][0]["diagnostics"] == row.text
    if row.form == "oauth":
        assert json.loads(body) == {"error": "invalid_grant", "error_description": row.text}
    if row.form == "empty":
        assert (row.text, body) == ("", b"")
    if row.form == "text":
        assert body.decode() == row.text


def test_error_names_the_element_at_fault() -> None:
    response = GorillaError("invalid-content", "The 'name' field is required.", "Patient.name").response()
    (issue,) = json.loads(bytes(response.body))["issue"]
    assert issue["location"] == ["Patient.name"]


def test_error_has_headers_of_row_and_case() -> None:
    response = GorillaError("rate-limit", headers={"x-ratelimit-limit": "3"}).response()
    assert (response.headers["retry-after"], response.headers["x-ratelimit-limit"]) == ("1", "3")
