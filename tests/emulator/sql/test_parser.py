"""Batches: statements, variables, what the parser refuses."""

import pytest

from gateway.emulator.sql.data_types import DataType
from gateway.emulator.sql.errors import NotExecuted, NotInterpreted, SqlServerError
from gateway.emulator.sql.parser import parse_batch, parse_procedure_name

SCOPE = {"@p": DataType("int")}
DECLARED_TWICE = (
    "The variable name '{}' has already been declared. Variable names must be unique within a query batch "
    "or stored procedure."
)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        (" ;; -- x", 0),
        ("DECLARE @x int SET @x = 1 EXEC p SELECT @x", 4),
        ("DECLARE @x int;SET @x=1;EXEC p;SELECT @x;", 4),
        ("p; EXEC q", 2),
        ("EXEC p 1,2 EXEC q", 2),
        ("DECLARE @x int = @p, @y int = 2; DECLARE @z int = @x", 2),
    ],
)
def test_statements_of_a_batch(text: str, count: int) -> None:
    assert len(parse_batch(text, SCOPE)) == count


@pytest.mark.parametrize(
    ("text", "number", "message"),
    [
        ("SET @x = 1", 137, 'Must declare the scalar variable "@x".'),
        ("SET @p = @Xy", 137, 'Must declare the scalar variable "@Xy".'),
        ("EXEC @r = q", 137, 'Must declare the scalar variable "@r".'),
        ("EXEC q @a = @b", 137, 'Must declare the scalar variable "@b".'),
        ("SET @x = 1; DECLARE @x int", 137, 'Must declare the scalar variable "@x".'),
        ("DECLARE @a int = 1, @b int = @a", 137, 'Must declare the scalar variable "@a".'),
        ("SELECT name FROM t WHERE id = @x", 137, 'Must declare the scalar variable "@x".'),
        ("DECLARE @x int, @X int", 134, DECLARED_TWICE.format("@X")),
        ("DECLARE @x int; DECLARE @x int", 134, DECLARED_TWICE.format("@x")),
        ("DECLARE @P int", 134, DECLARED_TWICE.format("@P")),
        ("DECLARE @x image", 2739, "The text, ntext, and image data types are invalid for local variables."),
        ("DECLARE @x ntext", 2739, "The text, ntext, and image data types are invalid for local variables."),
        ("DECLARE @x text", 2739, "The text, ntext, and image data types are invalid for local variables."),
        ("DECLARE @x foo", 2715, "Column, parameter, or variable #1: Cannot find data type foo."),
        (
            "DECLARE @x nvarchar(4001)",
            2717,
            "The size (4001) given to the type 'nvarchar' exceeds the maximum allowed (4000).",
        ),
        ("DECLARE x int", 102, "Incorrect syntax near 'x'."),
        ("DECLARE @x", 102, "Incorrect syntax near '@x'."),
        ("DECLARE @x int @y int", 102, "Incorrect syntax near '@y'."),
        ("DECLARE @x int,", 102, "Incorrect syntax near ','."),
        ("SET @p 1", 102, "Incorrect syntax near '1'."),
        ("SET @p = ", 102, "Incorrect syntax near '='."),
        ("SET @p = 1 GO", 102, "Incorrect syntax near 'GO'."),
        ("DECLARE @x int\nGO\nSET @x = 1", 102, "Incorrect syntax near 'GO'."),
        ("EXEC p @a = 1\nGO", 102, "Incorrect syntax near 'GO'."),
        ("EXEC p 'a' + 'b'", 102, "Incorrect syntax near '+'."),
        ("EXEC p @a = CAST('a' AS int)", 102, "Incorrect syntax near '('."),
        ("EXEC p,", 102, "Incorrect syntax near ','."),
        ("EXEC p 1,", 102, "Incorrect syntax near ','."),
        ("EXEC a.b.c.d.e", 102, "Incorrect syntax near '.'."),
        ("EXEC 'p'", 102, "Incorrect syntax near 'p'."),
        ("EXEC", 102, "Incorrect syntax near 'EXEC'."),
        ("EXEC table", 156, "Incorrect syntax near the keyword 'table'."),
        ("EXEC p @a = FROM", 156, "Incorrect syntax near the keyword 'FROM'."),
        ("FROM x", 156, "Incorrect syntax near the keyword 'FROM'."),
        (
            "EXEC p 1 OUTPUT",
            179,
            "Cannot use the OUTPUT option when passing a constant to a stored procedure.",
        ),
        (
            "EXEC p @a = NULL OUT",
            179,
            "Cannot use the OUTPUT option when passing a constant to a stored procedure.",
        ),
        (
            "EXEC p 0, @a = 1, 2",
            119,
            (
                "Must pass parameter number 3 and subsequent parameters as '@name = value'. After the form "
                "'@name = value' has been used, all subsequent parameters must be passed in the form "
                "'@name = value'."
            ),
        ),
        ("DECLARE @x int; p", 102, "Incorrect syntax near 'p'."),
        (")", 102, "Incorrect syntax near ')'."),
    ],
)
def test_error_of_a_batch(text: str, number: int, message: str) -> None:
    with pytest.raises(SqlServerError) as caught:
        parse_batch(text, SCOPE)
    assert (caught.value.number, caught.value.message) == (number, message)


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO t VALUES (1)",
        "UPDATE t SET a = 1",
        "DELETE t",
        "DROP TABLE t",
        "IF 1 = 1 EXEC p",
        "BEGIN TRAN",
        "EXEC ('DROP TABLE t')",
        "EXEC @p",
        "EXEC p;1",
        "EXEC p WITH RECOMPILE",
        "EXEC p 1 AT linked",
        "SET NOCOUNT ON",
        "SET @p += 1",
        "DECLARE @t TABLE (a int)",
        "DECLARE @c CURSOR",
        "USE master",
        "PRINT 'x'",
        "SET @p = @@SPID",
        "WAITFOR DELAY '1'",
        "EXEC p; SELECT * FROM t",
        "SELECT * FROM t; EXEC p",
        "SELECT 1 FROM t EXEC p",
        "WITH x AS (SELECT 1) DELETE t",
        "SELECT * FROM t; DROP TABLE t",
        "SELECT * FROM t DROP TABLE t",
    ],
)
def test_batch_outside_of_the_subset(text: str) -> None:
    with pytest.raises(NotInterpreted) as caught:
        parse_batch(text, SCOPE)
    assert caught.value.number == 102


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM t",
        "SELECT a, @p FROM t WHERE b = N'x'",
        "SELECT GETDATE()",
        "SELECT 1 UNION SELECT 2",
        "SELECT @p = 1",
        "DECLARE @x int = 1; SELECT @x, a FROM t; SELECT 1",
        "SELECT @@VERSION",
        "WITH x AS (SELECT 1 AS a) SELECT * FROM x",
    ],
)
def test_batch_that_only_reads(text: str) -> None:
    with pytest.raises(NotExecuted):
        parse_batch(text, SCOPE)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("p", ("p",)),
        ("dbo.p", ("dbo", "p")),
        ("db..p", ("db", "", "p")),
        ("s...p", ("s", "", "", "p")),
        ('[a]]b]."c""d"', ("a]b", 'c"d')),
        ("[--].[/*]", ("--", "/*")),
        (" a . b ", ("a", "b")),
        ("#t", ("#t",)),
        ("p;1", None),
        ("p --", None),
        ("p/**/", None),
        ("", None),
        (".p", None),
        ("p.", None),
        ("a.b.c.d.e", None),
        ("@p", None),
        ("'p'", None),
        ("select", None),
        ("[select]", ("select",)),
        ("1p", None),
        ("p q", None),
    ],
)
def test_name_of_a_procedure(text: str, parts: tuple[str, ...] | None) -> None:
    assert parse_procedure_name(text) == parts
