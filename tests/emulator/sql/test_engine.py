"""Commands as a whole: the texts of the gateway, procedures, injections, the size of values."""

import base64
import contextlib
import json
import time

import pytest
from emulator.sql.practice_database import PracticeDatabase, parameter
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.emulator.sql.engine import (
    NotExecuted,
    ParameterConversionError,
    SqlServerError,
    TextParametersRefused,
)

REWRITTEN = """DECLARE @Content varbinary(max);
SET @Content = 0x0102;
EXECUTE @returnValue = [dbo].[FileDocument] @PatientId = @PatientId, @Title = @Title, @Content = @Content, \
@DocumentId = @id OUTPUT;"""


def test_rewritten_text_runs_the_procedure_like_the_command() -> None:
    database = PracticeDatabase()
    inputs = [parameter("@PatientId", "Int", "5"), parameter("@Title", "NVarChar", "Ünïcode 😀", size=200)]
    identifier = parameter("@DocumentId", "Int", direction="output")
    returned = parameter("@returnValue", "Int", direction="returnValue")
    straight = database.call(
        "dbo.FileDocument", *inputs, parameter("@Content", "VarBinary", "AQI="), identifier, returned
    )
    rewritten = database.run(
        REWRITTEN, *inputs, {**identifier, "name": "@id"}, {**returned, "direction": "output"}
    )
    first, second = database.log.runs()
    assert first["arguments"] == second["arguments"]
    assert first["arguments"]["@Content"] == {"type": "varbinary(max)", "value": "AQI="}
    assert first["arguments"]["@Title"]["value"] == "Ünïcode 😀"
    assert [each["value"] for each in straight.parameters] == ["1", "0"]
    assert [each["value"] for each in rewritten.parameters] == ["2", "0"]
    assert [each["direction"] for each in straight.parameters] == ["output", "returnValue"]
    assert straight.rows_affected == rewritten.rows_affected == 1


def test_example_of_the_vendor_needs_its_return_variable() -> None:
    example_text = (
        "DECLARE @Content VarBinary(max);\nSET @Content = 0xEFBBBF;\n"
        "%sexecute @returnValue = TakeAll @b=@Content\n%s"
    )
    database = PracticeDatabase()
    select = "SELECT @ReturnValue"
    assert database.error(example_text % ("", select)) == (
        137,
        'Must declare the scalar variable "@returnValue".',
    )
    assert database.log.total == 0
    assert database.run(example_text % ("DECLARE @returnValue int ", select)).rows == [{"Column1": 7}]
    assert database.argument("@b") == "77u/"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("EXEC Nothing", (2812, "Could not find stored procedure 'Nothing'.")),
        ("EXEC [a b].[c]", (2812, "Could not find stored procedure 'a b.c'.")),
        ("GO", (2812, "Could not find stored procedure 'GO'.")),
        ("EXEC TakeAll\nGO", None),
        ("EXEC TakeAll @n = N'x'\nGO", (102, "Incorrect syntax near 'GO'.")),
        (
            "EXEC FileDocument @PatientId = 1",
            (201, "Procedure or function 'FileDocument' expects parameter '@Title', which was not supplied."),
        ),
        (
            "EXEC FileDocument 1, DEFAULT, 0x",
            (201, "Procedure or function 'FileDocument' expects parameter '@Title', which was not supplied."),
        ),
        (
            "EXEC AddNote 1, 2, 3, 4",
            (8144, "Procedure or function AddNote has too many arguments specified."),
        ),
        ("EXEC AddNote @Patient = 1", (8145, "@Patient is not a parameter for procedure AddNote.")),
        ("EXEC TakeAll @i = 1, @I = 2", (8143, "Parameter '@I' was supplied multiple times.")),
        (
            "DECLARE @x int EXEC TakeAll @i = @x OUTPUT",
            (
                8162,
                (
                    'The formal parameter "@i" was not declared as an OUTPUT parameter, but the actual parameter '
                    "passed in requested output."
                ),
            ),
        ),
        ("EXEC TakeAll @i = N'x'", (8114, "Error converting data type nvarchar to int.")),
        ("EXEC TakeAll @i = 2147483648", (8114, "Error converting data type decimal to int.")),
        (
            "EXEC TakeAll @b = 'x'",
            (
                257,
                (
                    "Implicit conversion from data type varchar to varbinary(max) is not allowed. "
                    "Use the CONVERT function to run this query."
                ),
            ),
        ),
    ],
)
def test_error_of_a_run(text: str, error: tuple[int, str] | None) -> None:
    database = PracticeDatabase()
    if error is None:
        database.run(text)
        assert database.argument("@n") == "GO", "an unquoted word is a string (Microsoft Learn: EXECUTE)"
    else:
        assert database.error(text) == error
        assert database.log.total == 0


def test_error_of_one_run_leaves_the_statements_that_follow() -> None:
    database = PracticeDatabase()
    text = "EXEC TakeAll @i = 1; EXEC Nothing; EXEC TakeAll @i = 2; EXEC AddNote; EXEC TakeAll @i = 3"
    assert database.error(text)[0] == 2812
    assert [run["arguments"]["@i"]["value"] for run in database.log.runs()] == ["1", "2", "3"]


def test_error_of_a_value_ends_the_batch() -> None:
    database = PracticeDatabase()
    assert database.error("DECLARE @i int EXEC TakeAll @i = 1; SET @i = 'x'; EXEC TakeAll @i = 2")[0] == 245
    assert database.log.total == 1


@pytest.mark.parametrize(
    "text",
    [
        "EXEC TakeAll; DECLARE @x int; SET @y = 1",
        "EXEC TakeAll; EXEC TakeAll @n = 'x",
        "EXEC TakeAll /* ",
        "EXEC TakeAll; SELECT * FROM patient",
        "EXEC TakeAll; DROP TABLE patient",
        "EXEC TakeAll; DECLARE @x image",
        "EXEC TakeAll; SET @x = 1; DECLARE @x int",
        "EXEC TakeAll )",
    ],
)
def test_wrong_batch_runs_nothing(text: str) -> None:
    database = PracticeDatabase()
    assert database.error(text)
    assert database.log.total == 0


@pytest.mark.parametrize(
    "name",
    [
        "TakeAll",
        "dbo.TakeAll",
        "[dbo].[TakeAll]",
        '"dbo"."TakeAll"',
        "TAKEALL",
        " dbo . takeall ",
        "..TakeAll"[2:],
        "practice..TakeAll",
        "[my server].practice.dbo.TakeAll",
        "server...TakeAll",
        "server.practice..[TakeAll]",
    ],
)
@pytest.mark.parametrize("kind", ["text", "storedProcedure"])
def test_name_finds_the_procedure(name: str, kind: str) -> None:
    database = PracticeDatabase()
    database.run(name, kind=kind)
    assert [run["procedure"] for run in database.log.runs()] == ["dbo.TakeAll"]


@pytest.mark.parametrize(
    "name",
    [
        "TakeAll;1",
        "TakeAll; DROP TABLE patient",
        "{call TakeAll}",
        "TakeAll --",
        "TakeAll /* x */ @n",
        "[TakeAll",
        "other.TakeAll",
        "a.b.c.dbo.TakeAll",
        "[TakeAll]]]",
        "EXEC TakeAll",
        "TakeAll 1",
        "'TakeAll'",
        "[]",
        "SELECT",
    ],
)
def test_other_text_is_no_procedure(name: str) -> None:
    database = PracticeDatabase()
    number, message = database.error(name, kind="storedProcedure")
    assert number == 2812
    assert message.startswith("Could not find stored procedure '")
    assert database.log.total == 0


def test_outputs_come_back_with_their_directions() -> None:
    database = PracticeDatabase()
    answers = database.call(
        "TakeAll",
        parameter("out", "Int", "99", direction="inputOutput"),
        parameter("@text", "NVarChar", "stays", direction="inputOutput", size=20),
        parameter("@result", "Int", direction="returnValue"),
        parameter("@i", "Int", "3"),
    ).parameters
    assert [(each["name"], each["direction"], each["value"]) for each in answers] == [
        ("out", "inputOutput", "1"),
        ("@text", "inputOutput", "stays"),
        ("@result", "returnValue", "7"),
    ]
    assert answers[1]["size"] == 20


def test_parameters_of_a_text_are_variables() -> None:
    database = PracticeDatabase()
    answers = database.run(
        "SET @b = N'changed' + @a; EXEC @r = TakeAll @n = @B",
        parameter("a", "NVarChar", "!"),
        parameter("@b", "NVarChar", direction="output"),
        parameter("@r", "Int", direction="output"),
    ).parameters
    assert [each["value"] for each in answers] == ["changed!", "7"]
    assert database.argument("@n") == "changed!"


@pytest.mark.parametrize(
    ("text", "parameters", "number"),
    [
        ("DECLARE @A int", [parameter("@a", "Int", "1")], 134),
        ("SELECT 1", [parameter("@a", "Int", "1"), parameter("A", "Int", "1")], 134),
        ("SELECT @r", [parameter("@r", "Int", direction="returnValue")], 137),
        ("SELECT 1", [parameter("@a int; DROP TABLE patient", "Int", "1")], 102),
        (" ", [], 0),
        ("SELECT 1", [parameter("@a", "Structured", "1")], 0),
    ],
)
def test_parameters_that_the_server_refuses(
    text: str, parameters: list[dict[str, object]], number: int
) -> None:
    assert PracticeDatabase().error(text, *parameters)[0] == number


def test_return_value_of_a_text_is_null() -> None:
    answer = PracticeDatabase().run("EXEC TakeAll", parameter("@r", "Int", direction="returnValue"))
    assert answer.parameters[0]["value"] is None


def test_parameters_of_a_text_are_refused_by_the_variant() -> None:
    database = PracticeDatabase()
    with pytest.raises(TextParametersRefused):
        database.run("SELECT 1 AS one", parameter("@a", "Int", "1"), refuses_text_parameters=True)
    assert database.run("SELECT 1 AS one", refuses_text_parameters=True).rows == [{"one": 1}]
    database.call("TakeAll", parameter("@i", "Int", "1"), refuses_text_parameters=True)
    assert database.argument("@i") == "1"


def test_probe_shows_the_bytes_of_a_binary_parameter() -> None:
    text = "SELECT DATALENGTH(@value) AS bytes, CONVERT(varchar(100), @value, 1) AS hex"
    database = PracticeDatabase()
    answer = database.run(text, parameter("@value", "VarBinary", "AQL/"))
    assert answer.rows == [{"bytes": 3, "hex": "0x0102FF"}]
    assert answer.rows_affected == -1
    with pytest.raises(ParameterConversionError, match="Byte"):
        database.run(text, parameter("@value", "VarBinary", "AQL/"), binary_encoding="hex")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM patient",
        "SELECT TOP 1 name FROM patient WHERE id = @id; SELECT 1",
        "WITH x AS (SELECT 1 AS y) SELECT * FROM x",
        "DECLARE @i int = 1; SELECT @i = 2",
    ],
)
def test_other_select_is_not_executed(text: str) -> None:
    with pytest.raises(NotExecuted):
        PracticeDatabase().run(text, parameter("@id", "Int", "1"))


def literal(text: str) -> str:
    """Write any text as an expression: an own, slow writer."""
    pieces = []
    for character in text:
        if character == "\0" or "\ud800" <= character <= "\udfff":
            pieces.append(f"NCHAR({ord(character)})")
        else:
            pieces.append("N'" + character.replace("'", "''") + "'")
    return " + ".join(["CAST(N'' AS nvarchar(max))", *pieces])


ANY_TEXT = st.text(st.one_of(st.characters(exclude_categories=()), st.sampled_from("'\\\n\r[]\"-/*@$\0 GO;")))


@settings(max_examples=150, deadline=None)
@given(ANY_TEXT)
@example("\ud83d\ude00")
@example("'; DROP TABLE patient; --\r\nGO\r\n/* \\\n $(x) 'N'")
def test_literal_of_any_text_arrives(text: str) -> None:
    database = PracticeDatabase()
    database.run(f"DECLARE @n nvarchar(max);\nSET @n = {literal(text)};\nEXECUTE TakeAll @n = @n;")
    carried = json.loads(json.dumps(database.log.runs()))[0]["arguments"]["@n"]["value"]
    assert carried.encode("utf-16-le", "surrogatepass") == text.encode("utf-16-le", "surrogatepass")
    assert database.log.total == 1


@settings(max_examples=150, deadline=None)
@given(ANY_TEXT.filter(lambda text: "\\\n" not in text and "\\\r\n" not in text))
def test_single_literal_arrives(text: str) -> None:
    database = PracticeDatabase()
    database.run("EXECUTE TakeAll @n = N'" + text.replace("'", "''") + "', @i = 1")
    assert database.argument("@n").encode("utf-16", "surrogatepass") == text.encode("utf-16", "surrogatepass")
    assert database.argument("@i") == "1"


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=20_000))
def test_binary_literal_arrives(data: bytes) -> None:
    database = PracticeDatabase()
    database.run(f"DECLARE @b varbinary(max); SET @b = 0x{data.hex()}; EXECUTE TakeAll @b = @b")
    assert base64.b64decode(database.argument("@b")) == data


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(), st.text("'N[]\"@=;,+()x0 \nEXECSTdelar-/*\\.1", max_size=60)))
def test_any_text_ends_in_an_answer_or_an_error(text: str) -> None:
    database = PracticeDatabase()
    for kind in ("text", "storedProcedure"):
        with contextlib.suppress(SqlServerError, NotExecuted):
            database.run(text, kind=kind)
    assert database.log.total == 0


@pytest.mark.parametrize(
    ("variable", "text", "size"),
    [
        ("b", "0x" + "ab" * 10_000_000, 10_000_000),
        ("n", "N'" + "''" * 2_500_000 + "x" * 5_000_000 + "'", 7_500_000),
        ("n", "N'" + "é\\\r\n" * 1_000_000 + "'", 1_000_000),
        ("n", "CAST(N'' AS nvarchar(max))" + " + N'0123456789'" * 40_000, 400_000),
    ],
)
def test_large_literal_takes_a_short_time(variable: str, text: str, size: int) -> None:
    database = PracticeDatabase()
    start = time.process_time()
    name = "varbinary" if variable == "b" else "nvarchar"
    database.run(f"DECLARE @x {name}(max) = {text}; EXEC TakeAll @{variable} = @x")
    assert time.process_time() - start < 4
    value = database.argument(f"@{variable}")
    assert (len(base64.b64decode(value)) if variable == "b" else len(value)) == size


def test_too_many_tokens_are_refused() -> None:
    assert PracticeDatabase().error(";" * 500_001)[0] == 191
    assert PracticeDatabase().error("SELECT " + "(" * 100 + "1" + ")" * 100)[0] == 191


@pytest.mark.parametrize("filling", [" ", "[", '"', "(", "-", "'", "/*", "@x ", "a.", "0", "\\\n"])
@pytest.mark.parametrize(
    "text",
    ["{}", "EXEC TakeAll {}", "EXEC TakeAll @i = '{}x'", "EXEC TakeAll @t = '{}x'", "SELECT {} FROM t"],
)
def test_hostile_text_takes_linear_time(filling: str, text: str) -> None:
    database = PracticeDatabase()
    start = time.process_time()
    for kind in ("text", "storedProcedure"):
        with contextlib.suppress(SqlServerError, NotExecuted):
            database.run(text.format(filling * 30_000), kind=kind)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "sql_type", ["Int", "Decimal", "Money", "Float", "DateTime", "Time", "Bit", "UniqueIdentifier"]
)
def test_hostile_value_takes_linear_time(sql_type: str) -> None:
    database = PracticeDatabase()
    start = time.process_time()
    for value in (" " * 50_000 + "x", "1" * 50_000, "1," * 50_000):
        with contextlib.suppress(SqlServerError):
            database.call("TakeAll", parameter("@i", sql_type, value))
    assert time.process_time() - start < 1
    assert database.log.total == 0
