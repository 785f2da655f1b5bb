"""Return value of a rewritten command: only its direction changes, and only for the parameter of its name."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sql.result import with_return_value


def parameter(name: str, direction: str = "output", value: Any = "0") -> dict[str, Any]:
    return {"name": name, "direction": direction, "type": "Int", "value": value}


def result(*parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"rows": 0, "data": "W10=", "parameters": list(parameters), **more}


@pytest.mark.parametrize("is_query", [True, False])
@pytest.mark.parametrize("indent", [None, 2])
def test_output_of_the_name_is_a_return_value(is_query: bool, indent: int | None) -> None:
    def body(direction: str) -> bytes:
        page = result(parameter("@id"), parameter("@ret", direction), parameter("@note", value="\u20ac"))
        return json.dumps({"id": "q", "result": page, "n": 1} if is_query else page, indent=indent).encode()

    assert with_return_value(body("output"), "@ret") == body("returnValue")


@pytest.mark.parametrize(
    ("own", "asked"), [("@Ret", "@ret"), ("ret", "@ret"), ("@ret", "ret"), ("@r\u00e4", "@R\u00c4")]
)
def test_name_is_compared_as_sql_server_does(own: str, asked: str) -> None:
    body = json.dumps(result(parameter(own))).encode()
    assert json.loads(with_return_value(body, asked))["parameters"][0]["direction"] == "returnValue"


@pytest.mark.parametrize(
    "content",
    [
        result(parameter("@id")),
        result(parameter("@ret", "returnValue")),
        result(parameter("@ret", "inputOutput")),
        {"parameters": None, "result": None},
        {"result": {"result": result(parameter("@ret"))}},
        {"other": result(parameter("@ret"))},
        {"parameters": [{"name": ["@ret"], "direction": "output"}, 7]},
        {"parameters": {"name": "@ret", "direction": "output"}},
        [result(parameter("@ret"))],
        "text",
    ],
)
def test_other_body_is_the_same_object(content: Any) -> None:
    body = json.dumps(content).encode()
    assert with_return_value(body, "@ret") is body


def test_body_that_ends_early_is_the_same_object() -> None:
    body = json.dumps(result(parameter("@ret"))).encode()
    assert with_return_value(body, "") is body
    for length in range(len(body) - 40):
        cut = body[:length]
        assert with_return_value(cut, "@ret") is cut


@given(st.binary(max_size=40), st.text(max_size=10))
def test_no_body_raises(body: bytes, name: str) -> None:
    assert with_return_value(body, name) is body


def test_large_value_is_neither_changed_nor_decoded() -> None:
    data = "A" * 3_000_000
    body = json.dumps(result(parameter("@ret"), data=data)).encode()
    changed = with_return_value(body, "@ret")
    assert len(changed) == len(body) + len("returnValue") - len("output")
    assert json.loads(changed)["data"] == data


@pytest.mark.parametrize(("count", "is_found"), [(2_100, True), (15_000, False)])
def test_search_reaches_every_parameter_of_a_procedure(count: int, is_found: bool) -> None:
    others = ",".join(json.dumps(parameter(f"@p{n}", value="1" * 40)) for n in range(count))
    body = json.dumps(result(parameter("@ret"))).replace("[{", f"[{others},{{").encode()
    assert (b'"returnValue"' in with_return_value(body, "@ret")) is is_found


def test_result_with_a_mark_and_surrogates_keeps_them() -> None:
    text = (
        '\ufeff{"data": "\\ud83d", "parameters": [{"value": "\\udc00", "name": "@r", "direction": "output"}]}'
    )
    changed = with_return_value(text.encode(), "@r")
    assert changed == text.replace('"output"', '"returnValue"').encode()
