import pytest

from gateway.web.request_id import request_id


@pytest.mark.parametrize("given", ["r-1", "A.b_c", "x" * 128])
def test_a_clients_name_stays(given: str) -> None:
    assert request_id(given) == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "é", "a\r\nb"])
def test_anything_else_gets_a_name_that_no_other_exchange_has(given: str) -> None:
    first, second = request_id(given), request_id(given)
    assert len({first, second, given}) == 3
    assert len(first) == 32
