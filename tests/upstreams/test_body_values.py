"""Values of a body at the paths of rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstreams.body_values import MAX_VALUE_LENGTH, values_at_paths


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"error":{"code":"E7"}}', "E7"),
        (b' {"a":[1], "error" : { "code" : 7 } }', "7"),
        (b'{"error":{"code":true}}', "true"),
        (b'{"error":{"code":{"a":1}}}', '{"a":1}'),
        (b'{"error":{"code":"\\u00e9"}}', "\u00e9"),
        *((b'{"error":{"code":%s}}' % nothing, None) for nothing in (b"null", b"false", b"0", b'""', b"[]")),
        *((b'{"error":{"code" : %s }}' % nothing, None) for nothing in (b"{ }", b'" "', b"0.0", b"[\n]")),
        (b'{"error":"code"}', None),
        (b'{"error":[{"code":7}]}', None),
        (b'[{"error":{"code":7}}]', None),
        (b'{"code":7,"error":{}}', None),
        (b'{"data":"\\"error\\" \\"code\\""}', None),
        (b'{"error":{"code":7}', None),
        (b"", None),
    ],
)
def test_value_at_a_path_is_its_text(body: bytes, value: str | None) -> None:
    assert values_at_paths(body, ["error.code"]) == ((("error.code", value),) if value else ())


def test_each_path_is_looked_for() -> None:
    body = b'{"ok":false,"error":"E1","inner":{"fault":"E2"}}'
    found = values_at_paths(body, ["ok", "error", "inner.fault", "other"])
    assert found == (("error", "E1"), ("inner.fault", "E2"))


def test_value_is_cut() -> None:
    ((_, value),) = values_at_paths(b'{"a":"%s"}' % (b"x" * 10_000), ["a"])
    assert len(value) == MAX_VALUE_LENGTH


@given(st.binary(max_size=100), st.text(max_size=20))
def test_any_body_and_path_are_read(body: bytes, path: str) -> None:
    assert len(values_at_paths(b'{"a":' + body + b"}", [path, "a"])) <= 2
