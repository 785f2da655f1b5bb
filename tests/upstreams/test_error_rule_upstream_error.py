"""Status and error flag of an upstream error."""

import pytest

from gateway.upstreams.error_rule import Shape, UpstreamError


@pytest.mark.parametrize(
    ("http", "inner", "expected"), [(200, 404, 404), (400, 413, 413), (400, 2812, 400), (503, 400, 503)]
)
def test_inner_status_replaces_uninformative_http_status(http: int, inner: int, expected: int) -> None:
    assert UpstreamError("flat", inner).with_http_status(http).status == expected


@pytest.mark.parametrize(
    ("shape", "status", "code", "is_error"),
    [
        ("details", 0, "", True),
        ("wrapped", 500, "", True),
        ("flat", 1, "", False),
        ("result", 0, "0", False),
        ("result", 0, "7", True),
        ("message", 0, "", False),
        ("text", 0, "", False),
    ],
)
def test_some_shapes_are_errors_by_themselves(
    shape: Shape, status: int, code: str, *, is_error: bool
) -> None:
    assert UpstreamError(shape, status, error_code=code).is_error is is_error
