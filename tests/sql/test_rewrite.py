"""Stored procedures with large inputs become texts that declare them; all else stays as it was sent."""

import base64
import json
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sql_commands import command_of, parameter, procedure_body

from gateway.sql.declarations import Scope
from gateway.sql.reasons import Reason
from gateway.sql.rewrite import LeftAlone, Rewritten, rewrite_query

DOCUMENT = bytes(range(256)) * 40
CONTENT = parameter("@Content", "VarBinary", base64.b64encode(DOCUMENT).decode())
TITLE = parameter("@Title", "NVarChar", "It's urgent")
IDENTIFIER = {"name": "@id", "direction": "output", "type": "Int"}
RETURN_VALUE = {"name": "@returnValue", "direction": "returnValue", "type": "Int"}
PIECES = st.sampled_from(
    [
        "'",
        "\\",
        "\\\n",
        "\\\r\n",
        "\0",
        "\ud83d",
        "\ude00",
        "😀",
        "]",
        "GO\n",
        "--",
        "/*",
        "$(x)",
        "';DROP TABLE x;",
    ]
)
TEXTS = st.lists(PIECES | st.text(st.characters(), max_size=9), max_size=9).map("".join)
SPACES = st.text(st.sampled_from(" \n\t"), max_size=2)


def rewritten(body: bytes, scope: Scope = "large") -> Rewritten:
    result = rewrite_query(body, scope)
    assert isinstance(result, Rewritten), result
    return result


def test_a_large_input_is_declared_and_the_rest_passed() -> None:
    result = rewritten(procedure_body(CONTENT, TITLE, IDENTIFIER, RETURN_VALUE))
    command = command_of(result.body)
    assert command["text"] == (
        f"DECLARE @Content varbinary(max);\nSET @Content = 0x{DOCUMENT.hex()};\n"
        "EXECUTE @returnValue = [dbo].[sp_X] @Content = @Content, @Title = @Title, @id = @id OUTPUT;"
    )
    assert command["type"] == "text"
    assert command["parameters"] == [TITLE, IDENTIFIER, {**RETURN_VALUE, "direction": "output"}]
    assert result.return_name == "@returnValue"


@pytest.mark.parametrize("scope", ["large", "binary-always", "all"])
def test_without_a_declared_input_nothing_is_needed(scope: Scope) -> None:
    for body in (
        procedure_body(parameter("@n", "Int", "1"), IDENTIFIER),
        procedure_body(),
        procedure_body(CONTENT, type="text"),
        json.dumps({"command": {"text": "SELECT 1", "note": "x" * 9_000}}).encode(),
    ):
        assert rewrite_query(body, scope) == LeftAlone(Reason.NOT_NEEDED)


def test_a_wider_scope_declares_small_inputs() -> None:
    small = parameter("@Small", "Image", "QQ==")
    body = procedure_body(small, TITLE, IDENTIFIER)
    assert rewrite_query(body, "large") == LeftAlone(Reason.NOT_NEEDED)
    assert command_of(rewritten(body, "binary-always").body)["parameters"] == [TITLE, IDENTIFIER]
    assert command_of(rewritten(body, "all").body)["parameters"] == [IDENTIFIER]


@pytest.mark.parametrize("text", ["Zoë " * 2_000, "😀" * 4_000, "\x00ë" * 90 + "x" * 4_000])
def test_a_body_in_ascii_stays_in_ascii(text: str) -> None:
    note = parameter("@note", "NVarChar", text)
    result = rewritten(procedure_body(note))
    sent = json.dumps(json.loads(procedure_body(note)), ensure_ascii=False).encode()
    assert result.body.isascii()
    assert not rewritten(sent).body.isascii()
    assert json.loads(result.body) == json.loads(rewritten(sent).body)


@pytest.mark.parametrize(
    ("return_value", "output"),
    [
        ('{"name":"r","direction":"returnValue"}', '{"name":"r","direction":"output","type":"Int"}'),
        (
            '{ "type" : "NVarChar", "size":4,"x":1, "direction":"ReturnValue","name":"r"}',
            '{ "type" : "Int", "size":4,"x":1, "direction":"output","name":"r"}',
        ),
        (
            '{"value": "abc","name":"r","direction":"returnValue"}',
            '{"value": null,"name":"r","direction":"output","type":"Int"}',
        ),
        (
            '{"name":"r","direction":"returnValue","value":null}',
            '{"name":"r","direction":"output","type":"Int","value":null}',
        ),
    ],
)
def test_a_return_value_becomes_an_output_of_type_int(return_value: str, output: str) -> None:
    body = json.dumps(
        {"command": {"type": "storedProcedure", "text": "p", "parameters": [CONTENT, "RETURN"]}}
    )
    result = rewritten(body.replace('"RETURN"', return_value).encode())
    assert result.body.endswith(f'"parameters": [{output}]}}}}'.encode())
    assert (result.return_name, "EXECUTE @r = [p]" in command_of(result.body)["text"]) == ("r", True)


def test_a_registered_query_is_rewritten_in_its_command() -> None:
    command = json.loads(procedure_body(CONTENT, TITLE))["command"]
    body = json.dumps({"name": "n", "frequency": 300, "registerCommand": {"command": command}}).encode()
    result = json.loads(rewritten(body).body)
    assert result["registerCommand"]["command"] == command_of(rewritten(procedure_body(CONTENT, TITLE)).body)
    assert (result["name"], result["frequency"]) == ("n", 300)


@given(
    text=TEXTS,
    spaces=st.lists(SPACES, min_size=8, max_size=8),
    order=st.sampled_from(list(permutations("tpx"))),
)
def test_bytes_outside_of_what_changes_stay(text: str, spaces: list[str], order: tuple[str, ...]) -> None:
    one, two, three, four, five, six, seven, eight = spaces
    kept = f'{{{one}"x":[1.50,{{"a":"{{"}}],"name":"@k"{two},"type":"Int","value":null}}'
    gone = json.dumps(parameter("@g", "NVarChar", text))
    back = '{"direction" : "returnValue","name":"back"}'
    output = '{"direction" : "output","type":"Int","name":"back"}'

    def body(command_type: str, name: str, parameters: str) -> str:
        members = {
            "t": f'"type"{three}:"{command_type}","executionMode" :{four}"scalar"',
            "p": f'"parameters":{parameters}',
            "x": f'"text":{five}"{name}","catalogue":"\\u00e9é"',
        }
        return (
            f'{six}{{"maxTimeInQueue":1e3,"command":{{{",".join(map(members.get, order))}}}{seven}}}{eight}'  # type: ignore[arg-type]
        )

    sent = body(
        "storedProcedure", "p", f"[{one}{gone} ,{two}{kept}{three},{back}{four},{gone.replace('@g', '@h')}]"
    )
    result = rewritten(sent.encode(), "all")
    start = result.body.index(b"DECLARE")
    sql = result.body[start : result.body.index(b"@back = [p]", start)].decode() + (
        "@back = [p] @g = @g, @k = @k, @h = @h;"
    )
    assert result.body.decode() == body("text", sql, f"[{one}{kept}{three},{output}]")


@given(text=TEXTS, content=st.binary(max_size=40))
def test_every_text_and_binary_value_is_proved(text: str, content: bytes) -> None:
    body = procedure_body(
        parameter("@a", "NVarChar", text),
        parameter("@b", "VarBinary", f"0x{content.hex()}"),
        parameter("@c", "VarBinary", base64.b64encode(b"\x00" + content).decode()),
    )
    command = command_of(rewritten(body, "all").body)
    assert command["parameters"] == []
    assert f"SET @b = 0x{content.hex()};\n" in command["text"]
    assert f"SET @c = 0x00{content.hex()};\n" in command["text"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Reason.JSON),
        (b"{" + b" " * 5_000, Reason.JSON),
        (b"\xef\xbb\xbf" + procedure_body(CONTENT), Reason.JSON),
        (procedure_body(CONTENT).decode().encode("utf-16"), Reason.JSON),
        (procedure_body(CONTENT, CONTENT), Reason.REPEATED_PARAMETER),
        (procedure_body(CONTENT, {**IDENTIFIER, "name": "@CONTENT"}), Reason.REPEATED_PARAMETER),
        (procedure_body(CONTENT, text="p;1"), Reason.PROCEDURE_NAME),
        (procedure_body(CONTENT, {**IDENTIFIER, "type": "Udt"}), Reason.TYPE),
        (procedure_body({**CONTENT, "size": 8_000}), Reason.SIZE),
        (procedure_body({**CONTENT, "direction": "inputOutput"}), Reason.INPUT_OUTPUT),
        (procedure_body(CONTENT, RETURN_VALUE, {**RETURN_VALUE, "name": "@s"}), Reason.RETURN_VALUES),
    ],
)
def test_a_command_that_cannot_be_rewritten_is_left_alone(body: bytes, reason: Reason) -> None:
    assert rewrite_query(body, "all") == LeftAlone(reason)


def test_a_text_that_is_not_proved_is_not_used() -> None:
    result = rewrite_query(procedure_body(CONTENT), "large", prove=lambda *_: False)
    assert result == LeftAlone(Reason.NOT_PROVED)


@given(body=st.binary(max_size=200))
def test_no_body_raises_an_exception(body: bytes) -> None:
    assert isinstance(rewrite_query(body, "all"), LeftAlone)


@given(at=st.integers(0, 10_000), byte=st.binary(max_size=2))
def test_a_damaged_body_is_left_alone_or_stays_json(at: int, byte: bytes) -> None:
    body = procedure_body(parameter("@a", "NVarChar", "it's \\\n 😀"), TITLE, IDENTIFIER, RETURN_VALUE)
    at %= len(body)
    damaged = body[:at] + byte + body[at + 1 :]
    result = rewrite_query(damaged, "all")
    if isinstance(result, Rewritten):
        sent, got = (json.loads(each, object_pairs_hook=dict) for each in (damaged, result.body))
        assert sent["command"].keys() == got["command"].keys()
        assert got["command"]["text"].startswith("DECLARE @")
