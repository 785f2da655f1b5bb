import pytest

from gateway.upstreams.error_rule import Shape, UpstreamError


@pytest.mark.parametrize(
    ("http", "inner", "counts"), [(200, 404, 404), (400, 413, 413), (400, 2812, 400), (503, 400, 503)]
)
def test_the_inner_status_counts_where_https_says_nothing(http: int, inner: int, counts: int) -> None:
    assert UpstreamError("flat", inner).with_http_status(http).status == counts


@pytest.mark.parametrize(
    ("shape", "status", "code", "speaks"),
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
def test_some_shapes_say_error_by_themselves(shape: Shape, status: int, code: str, *, speaks: bool) -> None:
    assert UpstreamError(shape, status, error_code=code).is_error is speaks
