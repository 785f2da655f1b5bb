"""Ids of requests."""

import pytest

from gateway.web.request_id import request_id


@pytest.mark.parametrize("value", ["r-1", "A.b_c", "x" * 128])
def test_valid_id_of_client_is_used(value: str) -> None:
    assert request_id(value) == value


@pytest.mark.parametrize("value", ["", "a b", "x" * 129, "é", "a\r\nb"])
def test_invalid_id_is_replaced_by_a_unique_one(value: str) -> None:
    first, second = request_id(value), request_id(value)
    assert len({first, second, value}) == 3
    assert len(first) == 32
