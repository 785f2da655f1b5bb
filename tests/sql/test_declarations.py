"""What is declared: large inputs, or all binary ones, or all; and what keeps a command as it is."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sql_commands import SQL_TYPES, UNSUPPORTED_SQL_TYPES, parameter, procedure_body

from gateway.sql.declarations import MAX_TEXT_PARAMETERS, Scope, declared_values
from gateway.sql.json_skeleton import Skeleton
from gateway.sql.query_body import parse_procedure_call
from gateway.sql.reasons import Reason, UnsuitableError

BINARY = ("Binary", "Image", "VarBinary")
UNICODE = ("NChar", "NText", "NVarChar", "String", "Xml")
CODE_PAGE = ("Char", "Text", "VarChar")
SCOPES: tuple[Scope, ...] = ("large", "binary-always", "all")


def declared(*parameters: dict[str, Any], scope: Scope = "large") -> list[int] | Reason:
    call = parse_procedure_call(Skeleton(procedure_body(*parameters)))
    assert call is not None
    try:
        return list(declared_values(call.parameters, scope))
    except UnsuitableError as problem:
        return problem.reason


def encoded(size: int) -> str:
    return base64.b64encode(b"\x01" * size).decode()


@pytest.mark.parametrize("sql_type", BINARY)
def test_a_binary_input_is_large_over_8000_bytes(sql_type: str) -> None:
    small, large = (parameter("@x", sql_type, encoded(size)) for size in (8_000, 8_001))
    assert [declared(small), declared(large)] == [[], [0]]
    assert [declared(small, scope=scope) for scope in SCOPES] == [[], [0], [0]]


@pytest.mark.parametrize("sql_type", UNICODE)
def test_a_unicode_input_is_large_over_4000_units(sql_type: str) -> None:
    texts = ["x" * 4_000, "x" * 4_001, "\U0001f600" * 2_000, "\U0001f600" * 2_000 + "x", "\n" * 4_000]
    assert [declared(parameter("@x", sql_type, text)) for text in texts] == [[], [0], [], [0], []]
    assert [declared(parameter("@x", sql_type, "x"), scope=scope) for scope in SCOPES] == [[], [], [0]]


@pytest.mark.parametrize("sql_type", CODE_PAGE)
def test_a_code_page_input_is_large_over_8000_bytes(sql_type: str) -> None:
    texts = ["x" * 8_000, "x" * 8_001, "é" * 4_000, "é" * 4_001]
    assert [declared(parameter("@x", sql_type, text)) for text in texts] == [[], [0], [], [0]]
    assert [declared(parameter("@x", sql_type, "x"), scope=scope) for scope in SCOPES] == [[], [], [0]]


@pytest.mark.parametrize("sql_type", [name for name in SQL_TYPES if not SQL_TYPES[name]])
def test_all_other_types_are_never_declared(sql_type: str) -> None:
    for scope in SCOPES:
        for direction in ("input", "output", "inputOutput", "returnValue"):
            assert declared(parameter("@x", sql_type, "9" * 9_000, direction=direction), scope=scope) == []


@pytest.mark.parametrize("sql_type", [name for name in SQL_TYPES if SQL_TYPES[name]])
def test_outputs_and_nulls_are_never_declared(sql_type: str) -> None:
    value = encoded(9_000)
    for scope in SCOPES:
        for direction in ("output", "returnValue"):
            assert declared(parameter("@x", sql_type, value, direction=direction), scope=scope) == []
        assert declared(parameter("@x", sql_type, None), scope=scope) == []
        assert declared({"name": "@x", "type": sql_type}, scope=scope) == []
        assert declared({"name": "@x", "type": sql_type, "value": 5}, scope=scope) == []


@pytest.mark.parametrize("sql_type", [name for name in SQL_TYPES if SQL_TYPES[name]])
def test_a_large_input_that_is_an_output_keeps_the_command(sql_type: str) -> None:
    large = parameter("@x", sql_type, encoded(9_000), direction="inputOutput")
    assert [declared(large, scope=scope) for scope in SCOPES] == [Reason.INPUT_OUTPUT] * 3


def test_an_unknown_member_of_a_large_input_keeps_the_command() -> None:
    content = parameter("@x", "VarBinary", encoded(9_000))
    for members in ({"offset": 4}, {"encoding": "hex"}, {"foo": {}}, {"precision": None}):
        assert [declared({**content, **members}, scope=scope) for scope in SCOPES] == [
            Reason.UNKNOWN_MEMBER
        ] * 3
        other = {**parameter("@y", "Int", "1"), **members}
        assert declared(content, other) == [0]


@pytest.mark.parametrize(("sql_type", "value"), [("NVarChar", "x"), ("VarBinary", "QQ==")])
def test_a_small_output_stays_a_parameter(sql_type: str, value: str) -> None:
    small = parameter("@x", sql_type, value, direction="inputOutput")
    assert [declared(small, scope=scope) for scope in SCOPES] == [[], [], []]


@pytest.mark.parametrize("sql_type", [*UNSUPPORTED_SQL_TYPES, "Json", "", "String[]"])
def test_an_unsupported_type_keeps_a_command_that_needs_a_rewrite(sql_type: str) -> None:
    content = parameter("@c", "VarBinary", encoded(9_000))
    for direction in ("input", "output", "inputOutput"):
        other = parameter("@x", sql_type, "x", direction=direction)
        assert declared(other) == []
        assert declared(content, other) is Reason.TYPE
    assert declared(parameter("@x", sql_type, "x" * 5_000)) is Reason.TYPE


@pytest.mark.parametrize("size", [None, 0, -1, 9_000, 9_001, 2_147_483_647])
def test_a_size_that_holds_the_value_does_not_matter(size: int | None) -> None:
    assert declared(parameter("@x", "VarBinary", encoded(9_000), size=size)) == [0]
    assert declared(parameter("@x", "NVarChar", "x" * 9_000, size=size)) == [0]


@pytest.mark.parametrize("size", [1, 8_000, 8_999, -2])
def test_a_size_that_would_cut_the_value_keeps_the_command(size: int) -> None:
    for sql_type, value in (("VarBinary", encoded(9_000)), ("NVarChar", "x" * 9_000), ("Text", "x" * 9_000)):
        assert declared(parameter("@x", sql_type, value, size=size)) is Reason.SIZE


def test_size_of_a_code_page_text_may_count_utf8() -> None:
    assert declared(parameter("@x", "VarChar", "é" * 5_000, size=9_999)) is Reason.SIZE
    assert declared(parameter("@x", "VarChar", "é" * 5_000, size=10_000)) == [0]
    assert declared(parameter("@x", "NVarChar", "é" * 5_000, size=5_000)) == [0]


@pytest.mark.parametrize("sql_type", ["Binary", "Char", "NChar"])
def test_a_large_value_that_would_be_padded_keeps_the_command(sql_type: str) -> None:
    value, size = ("0x" + "01" * 9_000 if sql_type == "Binary" else "a" * 9_000), 9_000
    for scope in SCOPES:
        assert declared(parameter("@x", sql_type, value, size=size + 1), scope=scope) is Reason.PADDING
        assert declared(parameter("@x", sql_type, value, size=size), scope=scope) == [0]


def test_a_large_char_that_may_be_padded_keeps_the_command() -> None:
    for scope in SCOPES:
        assert declared(parameter("@x", "Char", "é" * 5_000, size=10_000), scope=scope) is Reason.PADDING


@pytest.mark.parametrize(
    "small",
    [
        parameter("@s", "Binary", "YWJj", size=20),
        parameter("@s", "Binary", ""),
        parameter("@s", "VarBinary", "YWJj", size=2),
        parameter("@s", "VarBinary", "YWJj", size=-2),
        parameter("@s", "VarBinary", "no base64!"),
        parameter("@s", "VarBinary", "YWJj", direction="inputOutput"),
        parameter("@s", "NChar", "abc", size=20),
        parameter("@s", "Char", "é", size=2),
        parameter("@s", "Char", ""),
        parameter("@s", "NVarChar", "abc", size=2),
        parameter("@s", "NVarChar", "abc", direction="inputOutput"),
        parameter("@s", "NVarChar", "\0" * 251),
        parameter("@s", "NVarChar", "abc", offset=1),
        parameter("@s", "Xml", '<?xml version="1.0" encoding="utf-8"?><a/>'),
    ],
)
def test_a_small_value_that_cannot_be_declared_stays(small: dict[str, Any]) -> None:
    content = parameter("@x", "VarBinary", encoded(9_000))
    assert [declared(small, content, scope=scope) for scope in SCOPES] == [[1], [1], [1]]
    assert [declared(small, scope=scope) for scope in SCOPES] == [[], [], []]


ANY_PARAMETER = st.builds(
    parameter,
    st.just("@x"),
    st.sampled_from([*SQL_TYPES, "VarBinary", "NVarChar", "Udt"]),
    st.sampled_from(
        [
            None,
            "",
            "YWJj",
            "no base64!",
            "0xab",
            "é",
            "\0" * 200,
            encoded(9_000),
            "x" * 8_001,
            "<?xml encoding?>",
        ]
    ),
    direction=st.sampled_from(["input", "input", "input", "output", "inputOutput", "returnValue"]),
    size=st.sampled_from([None, None, 0, -1, -2, 2, 3, 20, 9_000]),
)


@given(parameters=st.lists(ANY_PARAMETER, min_size=1, max_size=3))
def test_a_wider_scope_declares_all_that_a_narrower_does(parameters: list[dict[str, Any]]) -> None:
    content = parameter("@c", "VarBinary", encoded(9_000))
    results = [declared(content, *parameters, scope=scope) for scope in SCOPES]
    if isinstance(results[0], Reason):
        assert results == [results[0]] * 3
    else:
        assert set(results[0]) <= set(results[1]) <= set(results[2])


def test_an_empty_value_of_variable_length_is_declared() -> None:
    empty = [parameter("@x", "VarBinary", ""), parameter("@y", "NVarChar", "")]
    assert declared(*empty, scope="all") == [0, 1]


@pytest.mark.parametrize("value", ["Q" * 12_001, "0x" + "f" * 17_001, "é" * 9_000, "QUJD" * 4_000 + "\n"])
def test_bytes_in_an_unknown_encoding_keep_the_command(value: str) -> None:
    assert declared(parameter("@x", "VarBinary", value)) is Reason.BINARY_ENCODING


def test_xml_that_names_its_encoding_keeps_the_command() -> None:
    value = f'<?xml version="1.0" encoding="utf-8"?><a>{"x" * 4_000}</a>'
    assert declared(parameter("@x", "Xml", value)) is Reason.XML_ENCODING
    assert declared(parameter("@x", "NVarChar", value)) == [0]


def test_operands_of_all_texts_of_a_command_are_limited() -> None:
    half = "\\\n" * 249 + "x" * 4_000
    assert declared(parameter("@x", "NText", half), parameter("@y", "NText", half)) == [0, 1]
    more = parameter("@z", "NText", "\\\n" * 2 + "x" * 4_000)
    assert declared(parameter("@x", "NText", half), parameter("@y", "NText", half), more) is Reason.OPERANDS
    assert declared(parameter("@x", "NText", "\0" * 1_000_000)) is Reason.OPERANDS


def test_small_texts_are_declared_as_far_as_operands_suffice() -> None:
    large = parameter("@x", "NText", "\\\n" * 490 + "x" * 4_000)
    more, few = parameter("@y", "NText", "\\\n" * 10), parameter("@z", "NText", "\\\n" * 9)
    assert declared(more, large, few, scope="all") == [1, 2]
    assert declared(few, few, large, scope="all") == [0, 2]


def test_parameters_that_stay_are_limited() -> None:
    content, other = parameter("@c", "VarBinary", encoded(9_000)), {"name": "@x", "type": "Int"}
    assert declared(content, *[other] * MAX_TEXT_PARAMETERS) == [0]
    assert declared(content, *[other] * (MAX_TEXT_PARAMETERS + 1)) is Reason.COMPLEX
    assert declared(*[other] * (MAX_TEXT_PARAMETERS + 1)) == []
