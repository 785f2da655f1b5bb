"""Proof: what is the expected batch, and every way in which a text is not."""

import os
import re
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sql.batches import BINARY, NAMES, TEXTS, WholeValue, batch_of, text_of

from gateway.sql.batch import Argument, Batch, Variable
from gateway.sql.lexer import PIECE
from gateway.sql.names import is_name
from gateway.sql.proof import is_proved

BATCH = batch_of(b"\1\2", "it's", procedure=("db", "", "sp_]X"))
TEXT = (
    b"DECLARE @Content varbinary(max);\nDECLARE @Note nvarchar(max);\n"
    b"SET @Content = 0x0102;\nSET @Note = N'it''s';\n"
    b"EXECUTE @returnValue = [db]..[sp_]]X] "
    b"@Content = @Content, @Note = @Note, @Title = @Title, @id = @id OUTPUT;\n"
)
UNITS = "it's".encode("utf-16-le")
MEBIBYTE = 1 << 20
LARGE = 10_000_000


def test_text_of_the_batch_is_proved() -> None:
    assert text_of(BATCH) == TEXT
    assert is_proved(TEXT, BATCH)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"DECLARE", b"declare"),
        (b"EXECUTE", b"Execute"),
        (b"varbinary(max)", b"VARBINARY ( MAX )"),
        (b"0x0102", b"0X0102"),
        (b"N'it''s'", b"N'it' + N'''s'"),
        (b"N'it''s'", b"CAST(N'it' AS nvarchar(max)) + NCHAR(39) + N's'"),
        (b"N'it''s'", b"'it''s'"),
        (b"N'it''s'", b"N'i\\\nt''s'"),
        (b"\n", b"\r\n\t"),
        (b"[db]..", b"[db] . . "),
    ],
)
def test_same_batch_in_other_words_is_proved(old: bytes, new: bytes) -> None:
    assert TEXT.replace(old, new) != TEXT
    assert is_proved(TEXT.replace(old, new), BATCH)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"0x0102", b"0x0103"), (b"0x0102", b"0x010203"), (b"0x0102", b"0x01"), (b"0x0102", b"0x"),
        (b"0x0102", b"0x102"),
        (b"0x0102", b"N'\xe2\x80\x81'"), (b"N'it''s'", b"0x6900740027007300"), (b"it''s", b"it''S"),
        (b"it''s", b"it''s "),
        (b"it''s", b"it"), (b"it''s", b"it\xe2\x80\x99s"), (b"it''s", b"it''s\xcc\x81"),
        (b"N'it''s'", b"NULL"),
        (b"N'it''s'", b"@Title"), (b"N'it''s'", b"N'it''s' + N''; DROP TABLE x"),
        (b"SET @Note", b"SET @note"),
        (b"SET @Note", b"SELECT @Note"), (b"nvarchar(max)", b"nvarchar(4)"), (b"nvarchar(max)", b"nvarchar"),
        (b"nvarchar(max)", b"varchar(max)"), (b"nvarchar(max)", b"nvarchar(max) = N'x'"),
        (b"nvarchar(max)", b"sys.nvarchar(max)"),
        (b"nvarchar(max)", b"[nvarchar](max)"), (b"nvarchar(max);", b"nvarchar(max), @x int;"),
        (b"DECLARE @Note", b"DECLARE @note"),
        (b"EXECUTE", b"EXEC"), (b"@returnValue = ", b""), (b"@returnValue", b"@ReturnValue"),
        (b"@returnValue", b"@Content"),
        (b"[db]..", b"[db].[]."), (b"[db]..", b"[db].[dbo]."), (b"[db]..", b""), (b"[db]..", b"db.."),
        (b"[db]..", b'"db"..'),
        (b"[db]..", b"[DB].."), (b"[db]..", b"[s].[db]..[x]."), (b"[sp_]]X]", b"[sp_]]X];1"),
        (b"[sp_]]X]", b"[sp_X]"),
        (b"[sp_]]X]", b"@Note"), (b"[sp_]]X]", b"(N'DROP TABLE x')"), (b"@Title = @Title", b"@Title = @Note"),
        (b"@Title = @Title", b"@Title = NULL"), (b"@Title = @Title", b"@Title"),
        (b"@Title = @Title", b"@Title = DEFAULT"),
        (b"@Title = @Title", b"@Title = @Title OUTPUT"), (b", @Title = @Title", b""),
        (b", @id = @id OUTPUT", b", @id = @id"),
        (b"OUTPUT;", b"OUT;"), (b"OUTPUT;", b"OUTPUT, @x = @x;"), (b"OUTPUT;", b"OUTPUT,;"),
        (b"OUTPUT;", b"OUTPUT WITH RECOMPILE;"),
        (b"OUTPUT;\n", b"OUTPUT\n"), (b"OUTPUT;", b"OUTPUT;;"), (b"OUTPUT;", b"OUTPUT; EXEC xp_cmdshell;"),
        (b"OUTPUT;", b"OUTPUT; -- x"), (b"OUTPUT;\n", b"OUTPUT;\nGO\n"), (b"OUTPUT;", b"OUTPUT; SELECT @id;"),
        (b"EXECUTE", b"/**/ EXECUTE"), (b"EXECUTE", b"-- x\nEXECUTE"), (b"EXECUTE", b"; EXECUTE"),
        (b"EXECUTE", b"BEGIN EXECUTE"),
        (b"EXECUTE", b"SET NOCOUNT ON; EXECUTE"), (b"EXECUTE", b"USE master; EXECUTE"),
        (b"EXECUTE", b"\x00EXECUTE"),
        (b"EXECUTE", b"\xc2\xa0EXECUTE"), (b"DECLARE @Content", b"\xef\xbb\xbfDECLARE @Content"),
        (b"@Content", b"@@Content"),
        (b"SET @Note", b"SET @Content = 0x0102; SET @Note"), (b"SET @Content = 0x0102;", b""),
        (b"SET @Content = 0x0102;\n", b"SET @Content += 0x0102;"),
        (b"DECLARE @Note nvarchar(max);\n", b""),
        (b"DECLARE @Note", b"DECLARE @Content varbinary(max); DECLARE @Note"),
        (b"DECLARE @Note", b"DECLARE @x int; DECLARE @Note"), (TEXT, b""), (TEXT, TEXT + TEXT),
        (TEXT, TEXT[:-2]),
    ],
)  # fmt: skip
def test_another_text_is_not_proved(old: bytes, new: bytes) -> None:
    assert old in TEXT
    assert not is_proved(TEXT.replace(old, new), BATCH)


@pytest.mark.parametrize(
    "other",
    [
        replace(BATCH, variables=BATCH.variables[:1]),
        replace(BATCH, variables=(*BATCH.variables, Variable("@x", BINARY, WholeValue(b"")))),
        replace(BATCH, variables=BATCH.variables + BATCH.variables[:1]),
        replace(
            BATCH, variables=(BATCH.variables[0], replace(BATCH.variables[1], value=WholeValue(b"it's")))
        ),
        replace(BATCH, variables=(BATCH.variables[0], replace(BATCH.variables[1], type="xml"))),
        replace(BATCH, variables=(BATCH.variables[0], replace(BATCH.variables[1], value=WholeValue(UNITS)))),
        replace(
            BATCH, variables=(replace(BATCH.variables[0], value=WholeValue("\u0201")), BATCH.variables[1])
        ),
        replace(BATCH, procedure=("db", "dbo", "sp_]X")),
        replace(BATCH, procedure=("db", "", "sp_]]X")),
        replace(BATCH, arguments=BATCH.arguments[:-1]),
        replace(BATCH, arguments=BATCH.arguments[::-1]),
        replace(BATCH, arguments=(*BATCH.arguments[:-1], Argument("@id", "@id", is_output=False))),
        replace(BATCH, return_variable=""),
    ],
)
def test_text_of_another_batch_is_not_proved(other: Batch) -> None:
    assert not is_proved(TEXT, other)


@pytest.mark.parametrize(
    "other",
    [
        batch_of(b"1", b"2", names=("@a", "@A")),
        batch_of(b"1", b"2", names=("@a", "@TITLE")),
        replace(batch_of(b"1"), return_variable="@content"),
    ],
)
def test_names_that_differ_in_case_only_are_one(other: Batch) -> None:
    assert not is_proved(text_of(other), other)


@pytest.mark.parametrize("name", ["@@x", "@1", "@" + "x" * 128])
def test_variable_of_another_name_is_not_proved(name: str) -> None:
    batch = batch_of(b"1", names=(name,))
    assert not is_proved(text_of(batch), batch)


def test_procedure_of_five_parts_is_not_proved() -> None:
    batch = batch_of(b"1", procedure=("a", "b", "c", "d", "e"))
    assert not is_proved(text_of(batch), batch)


def test_procedure_without_arguments_is_proved() -> None:
    batch = Batch((), ("sp_X",), (), "")
    assert is_proved(b"EXECUTE [sp_X];", batch)
    assert not is_proved(b"EXECUTE [sp_X]", batch)
    assert not is_proved(b"EXECUTE [sp_X] @a = @a;", batch)


@pytest.mark.parametrize("part", ["a\nb", "a\x00", "x" * 129, "\u2028", ""])
def test_procedure_that_is_no_name_is_not_proved(part: str) -> None:
    batch = batch_of(b"1", procedure=("dbo", part))
    assert not is_proved(
        text_of(batch).replace(b"[dbo].", b"[dbo].[]") if not part else text_of(batch), batch
    )


@pytest.mark.parametrize(
    ("sql_type", "value", "holds"),
    [
        ("varbinary(2)", b"12", True), ("varbinary(2)", b"1", True), ("varbinary(1)", b"12", False),
        ("varbinary", b"1", True),
        ("varbinary", b"12", False), ("binary(2)", b"12", True), ("binary(3)", b"12", False),
        ("binary", b"1", True),
        ("nvarchar(2)", "\U0001f600", True), ("nvarchar(1)", "\U0001f600", False), ("nvarchar", "ab", False),
        ("nchar(2)", "ab", True),
        ("nchar(3)", "ab", False), ("varchar(max)", "ab\u00e9", True), ("xml", "<a/>", True),
        ("varchar(2)", "ab", False),
        ("varchar", "a", False), ("char(2)", "ab", False), ("nvarchar(max)", b"a", False),
        ("varbinary(max)", "a", False),
        ("xml", b"a", False), ("xml(max)", "a", False), ("int", "1", False), ("text", "a", False),
        ("image", b"a", False),
        ("sql_variant", b"a", False), ("nvarchar(0)", "", False), ("nvarchar(99999)", "", False),
        ("sysname", "a", False),
        ("nvarchar(max); DROP TABLE x", "a", False),
    ],
)  # fmt: skip
def test_type_holds_the_value_as_it_is(sql_type: str, value: str | bytes, holds: bool) -> None:
    batch = batch_of(value, sql_type=sql_type)
    assert is_proved(text_of(batch), batch) is holds


@given(
    st.lists(TEXTS | st.binary(max_size=20), max_size=3),
    st.lists(NAMES.filter(is_name), min_size=1, max_size=4).map(tuple),
    st.integers(1, 7),
)
def test_text_of_any_batch_is_proved(
    values: list[str | bytes], procedure: tuple[str, ...], size: int
) -> None:
    batch = batch_of(*values, procedure=procedure)
    assert is_proved(text_of(batch), _in_pieces(batch, size))


@given(TEXTS | st.binary(max_size=20), TEXTS | st.binary(max_size=20))
def test_text_is_proved_for_its_own_value_only(one: str | bytes, other: str | bytes) -> None:
    is_same = type(one) is type(other) and (
        one.encode("utf-16", "surrogatepass") == other.encode("utf-16", "surrogatepass")
        if isinstance(one, str) and isinstance(other, str)
        else one == other
    )
    assert is_proved(text_of(batch_of(one)), batch_of(other)) is is_same


def _in_pieces(batch: Batch, size: int) -> Batch:
    """The same batch, the pieces of its values as small: pairs of surrogates apart."""
    values = (variable.value.whole for variable in batch.variables)  # type: ignore[attr-defined]
    split = (
        value if isinstance(value, bytes) else value.encode("utf-16-le", "surrogatepass") for value in values
    )
    variables = tuple(
        replace(
            variable,
            value=WholeValue(
                data if variable.type == BINARY else "".join(map(chr, memoryview(data).cast("H"))), size
            ),
        )
        for variable, data in zip(batch.variables, split, strict=True)
    )
    return replace(batch, variables=variables)


@settings(max_examples=300)
@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_any_bytes_have_a_verdict(data: bytes) -> None:
    assert not is_proved(data, BATCH)
    assert not is_proved(TEXT[:120] + data, BATCH)


class Repeated:
    """A large value that costs nothing."""

    def __init__(self, piece: str | bytes, times: int) -> None:
        self.piece, self.times = piece, times

    def pieces(self) -> Iterator[str] | Iterator[bytes]:
        return (self.piece for _ in range(self.times))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("digits", "value"),
    [
        ("00ff" * 5_000, b"\0\xff" * 5_000),
        ("a" * 10_000, "a" * 10_000),
        ("''" * 10_000, "'" * 10_000),
        ("\u00e9\U0001f600" * 2_000, "\u00e9\U0001f600" * 2_000),
        ("\\\n" * 5_000, ""),
    ],
    ids=["binary", "text", "quotes", "characters", "continuations"],
)
def test_large_value_costs_little_memory_and_time(digits: str, value: str | bytes) -> None:
    times = LARGE // 10_000
    literal = f"0x{digits * times}" if isinstance(value, bytes) else f"N'{digits * times}'"
    placeholder = batch_of(b"\xee" if isinstance(value, bytes) else "\xee")
    text = re.sub("0xee|N'\xee'", lambda _: literal, text_of(placeholder).decode()).encode()
    batch = replace(placeholder, variables=(replace(placeholder.variables[0], value=Repeated(value, times)),))
    tracemalloc.start()
    began = time.thread_time()
    assert is_proved(text, batch)
    seconds = time.thread_time() - began
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"{len(text) / 1e6:.0f} MB of text: {seconds:.2f} s, {peak / 1e6:.1f} MB")
    assert peak < 4 * MEBIBYTE
    assert seconds < 2  # measured 0.05 to 0.3


def test_no_piece_of_a_value_is_larger_than_asked() -> None:
    """An expected value in one piece is compared in parts."""
    whole = os.urandom(3 * PIECE + 1)
    batch = batch_of(whole)
    variable = replace(batch.variables[0], value=WholeValue(whole, size=len(whole)))
    assert is_proved(text_of(batch), replace(batch, variables=(variable,)))
    assert not is_proved(text_of(batch_of(whole[:-1] + bytes([whole[-1] ^ 1]))), batch)
