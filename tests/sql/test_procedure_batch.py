"""The batch of a call: names as T-SQL reads them, variables, arguments; and its text."""

import pytest
from support.sql_commands import parameter, procedure_body

from gateway.sql.batch import Argument, Batch
from gateway.sql.declarations import declared_values
from gateway.sql.json_skeleton import PIECE, Skeleton
from gateway.sql.procedure_batch import batch_text, procedure_batch
from gateway.sql.query_body import parse_procedure_call
from gateway.sql.reasons import Reason, UnsuitableError


def batch_of(body: bytes) -> Batch | Reason:
    call = parse_procedure_call(Skeleton(body))
    assert call is not None
    try:
        return procedure_batch(call, declared_values(call.parameters, "all"))
    except UnsuitableError as problem:
        return problem.reason


def text_of(body: bytes) -> str:
    batch = batch_of(body)
    assert isinstance(batch, Batch)
    return b"".join(batch_text(batch)).decode()


def test_arguments_are_all_parameters_but_the_return_value() -> None:
    batch = batch_of(
        procedure_body(
            parameter("@r", "Int", direction="returnValue"),
            parameter("c", "Image", "0x01"),
            parameter("@o", "NVarChar", direction="output"),
            parameter("@b", "Int", "1", direction="inputOutput"),
            parameter("@t", "Xml", "<a/>"),
        )
    )
    assert isinstance(batch, Batch)
    assert [(each.name, each.type) for each in batch.variables] == [("@c", "varbinary(max)"), ("@t", "xml")]
    assert batch.arguments == (
        Argument("@c", "@c", is_output=False),
        Argument("@o", "@o", is_output=True),
        Argument("@b", "@b", is_output=True),
        Argument("@t", "@t", is_output=False),
    )
    assert (batch.procedure, batch.return_variable) == (("dbo", "sp_X"), "@r")


def test_a_text_declares_sets_and_executes() -> None:
    body = procedure_body(
        parameter("Note", "NText", "it's"), parameter("@d", "Binary", "QQ=="), text='"a]b"..p'
    )
    assert text_of(body) == (
        "DECLARE @Note nvarchar(max);\nSET @Note = N'it''s';\n"
        "DECLARE @d varbinary(max);\nSET @d = 0x41;\n"
        "EXECUTE [a]]b]..[p] @Note = @Note, @d = @d;"
    )


@pytest.mark.parametrize(
    "text",
    ["", " ", "p;1", "{call p}", "p -- x", "p/**/", "p @x", "a.b.c.d.e", "EXEC p", "p'", "[p",
     "p; DROP TABLE x", ".".join(["[" + "p" * 126 + "]"] * 4), "p" * 600],
)  # fmt: skip
def test_a_doubtful_name_of_a_procedure_is_left_alone(text: str) -> None:
    body = procedure_body(parameter("@x", "Image", "QQ=="), text=text)
    assert batch_of(body) is Reason.PROCEDURE_NAME


def test_a_name_of_over_2_kib_is_not_even_read() -> None:
    assert batch_of(procedure_body(parameter("@x", "Image", "QQ=="), text="p" * 3_000)) is Reason.COMPLEX


@pytest.mark.parametrize(
    "name", ["", "@", "@@x", "@x y", "@x;", "@1", "@x'", "@" + "x" * 128, "@ü", "@x\n", "@x=1"]
)
def test_a_doubtful_name_of_a_parameter_is_left_alone(name: str) -> None:
    content = parameter("@c", "Image", "QQ==")
    for doubtful in (parameter(name, "Int", "1"), parameter(name, "Int", direction="returnValue")):
        assert batch_of(procedure_body(content, doubtful)) is Reason.PARAMETER_NAME


@pytest.mark.parametrize("direction", ["input", "output", "returnValue"])
@pytest.mark.parametrize("name", ["@C", "c", "C", "@c"])
def test_two_parameters_of_one_name_are_left_alone(name: str, direction: str) -> None:
    content, other = parameter("@c", "Image", "QQ=="), parameter(name, "Int", direction=direction)
    assert batch_of(procedure_body(content, other)) is Reason.REPEATED_PARAMETER


def test_two_return_values_are_left_alone() -> None:
    returns = [parameter(name, "Int", direction="returnValue") for name in ("@r", "@s")]
    assert batch_of(procedure_body(parameter("@c", "Image", "QQ=="), *returns)) is Reason.RETURN_VALUES


def test_a_text_is_few_pieces_of_limited_size() -> None:
    body = procedure_body(parameter("@x", "NText", "'" * 300_000), parameter("@y", "NText", "\\\n" * 400))
    batch = batch_of(body)
    assert isinstance(batch, Batch)
    pieces = batch_text(batch)
    assert len(pieces) < 12
    assert all(len(piece) >= PIECE for piece in pieces[:-1])
    assert max(map(len, pieces)) < 4 * PIECE
