"""Checks of requests that are passed through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors.failure import Failure
from gateway.web.passthrough_checks import (
    PASSED_METHODS,
    parse_unchanged_query,
    require_common_method,
    require_one_idempotency_key,
)


@pytest.mark.parametrize("method", PASSED_METHODS)
def test_method_of_resources_passes(method: str) -> None:
    require_common_method(method)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "get", ""])
def test_other_method_is_405_with_the_methods_that_pass(method: str) -> None:
    with pytest.raises(Failure, match="method-not-allowed") as failure:
        require_common_method(method)
    assert failure.value.headers == (("allow", "DELETE, GET, HEAD, PATCH, POST, PUT"),)


@pytest.mark.parametrize(
    "keys", [[], ["a"], ["15e72676-48c3-11ea-b77f-2e728ce88125"], ["~" * 255], ['"!+-"']]
)
def test_one_idempotency_key_passes(keys: list[str]) -> None:
    require_one_idempotency_key(keys)


@pytest.mark.parametrize("keys", [[""], ["a", "a"], ["a,b"], ["a b"], ["\x7f"], ["é"], ["a\n"], ["~" * 256]])
def test_idempotency_key_that_may_be_several_is_rejected(keys: list[str]) -> None:
    with pytest.raises(Failure, match="bad-request") as failure:
        require_one_idempotency_key(keys)
    assert failure.value.expression == "http.HG-Idempotency-Key"
    assert "Send the field once" in failure.value.text


@given(st.text(st.characters(max_codepoint=127), max_size=40))
def test_query_is_written_as_it_was_read(query: str) -> None:
    assert parse_unchanged_query(query.encode()).query == query


def test_query_that_cannot_pass_is_rejected() -> None:
    with pytest.raises(Failure, match="bad-request"):
        parse_unchanged_query(b"a=\xff")
