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


@pytest.mark.parametrize(("surface", "shape"), SHAPES)
def test_each_surface_has_its_shape(surface: RefusalSource, shape: dict[str, object]) -> None:
    response = error_response(Refusal(surface, 403, "No"), broken_envelope=True, old_engine=False)
    assert (response.status_code, msgspec.json.decode(response.body)) == (403, shape)


@pytest.mark.parametrize(
    ("surface", "status"), [("engine", 200), ("query", 200), ("wrapped", 403), ("apim", 403)]
)
def test_an_old_engine_hides_its_own_errors_but_not_the_clouds(surface: RefusalSource, status: int) -> None:
    response = error_response(Refusal(surface, 403, "No"), broken_envelope=True, old_engine=True)
    assert response.status_code == status


@pytest.mark.parametrize("surface", [surface for surface, _ in SHAPES])
def test_unbroken_errors_are_outcomes_with_their_status_and_headers(surface: RefusalSource) -> None:
    refusal = Refusal(surface, 429, "No", "throttled")
    refusal.headers = {"retry-after": "1"}
    response = error_response(refusal, broken_envelope=False, old_engine=True)
    body = msgspec.json.decode(response.body)
    assert (response.status_code, response.headers["retry-after"]) == (429, "1")
    assert (body["resourceType"], body["issue"][0]["code"]) == ("OperationOutcome", "throttled")


@pytest.mark.parametrize(("limit", "words"), [(2**20, "(1mb)"), (8 * 2**20, "(8mb)"), (500, "(500b)")])
def test_a_size_limit_is_named(limit: int, words: str) -> None:
    assert words in too_large_refusal(limit).text
