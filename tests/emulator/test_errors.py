import msgspec
import pytest

from gateway.emulator.errors import error_response, too_large_refusal
from gateway.emulator.search.refusal import Refusal, RefusalSource

SHAPES: list[tuple[RefusalSource, dict[str, object]]] = [
    ("apim", {"statusCode": 403, "message": "No"}),
    ("wrapped", {"error": {"status": 403, "statusText": "Forbidden", "message": "No"}}),
    ("flat", {"status": 403, "statusText": "Forbidden", "message": "No"}),
    ("query", {"errorDetails": {"errorType": "http", "errorCode": 403, "errorMessage": "No"}}),
]


@pytest.mark.parametrize(("source", "shape"), SHAPES)
def test_error_body_depends_on_source(source: RefusalSource, shape: dict[str, object]) -> None:
    response = error_response(Refusal(source, 403, "No"), broken_envelope=True, old_engine=False)
    assert (response.status_code, msgspec.json.decode(response.body)) == (403, shape)


@pytest.mark.parametrize(
    ("source", "status"), [("engine", 200), ("query", 200), ("wrapped", 403), ("apim", 403)]
)
def test_old_engine_sends_only_its_own_errors_as_200(source: RefusalSource, status: int) -> None:
    response = error_response(Refusal(source, 403, "No"), broken_envelope=True, old_engine=True)
    assert response.status_code == status


@pytest.mark.parametrize("source", [source for source, _ in SHAPES])
def test_error_without_fault_is_outcome_with_status_and_headers(source: RefusalSource) -> None:
    refusal = Refusal(source, 429, "No", "throttled")
    refusal.headers = {"retry-after": "1"}
    response = error_response(refusal, broken_envelope=False, old_engine=True)
    body = msgspec.json.decode(response.body)
    assert (response.status_code, response.headers["retry-after"]) == (429, "1")
    assert (body["resourceType"], body["issue"][0]["code"]) == ("OperationOutcome", "throttled")


@pytest.mark.parametrize(("limit", "words"), [(2**20, "(1mb)"), (8 * 2**20, "(8mb)"), (500, "(500b)")])
def test_too_large_refusal_names_size_limit(limit: int, words: str) -> None:
    assert words in too_large_refusal(limit).text
