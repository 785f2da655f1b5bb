"""Names of procedures and parameters: what is one, what is left alone."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sql.batches import NAMES

from gateway.sql.names import is_name, parse_parameter_name, parse_procedure, quote_name


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("x", ("x",)),
        ("[a]]b]", ("a]b",)),
        ('"x"', ("x",)),
        ('"a""b"', ('a"b',)),
        ("[a.b]", ("a.b",)),
        ('[a"b]."c]d"', ('a"b', "c]d")),
        ("db..p", ("db", "", "p")),
        ("server...p", ("server", "", "", "p")),
        ("s.db.dbo.p", ("s", "db", "dbo", "p")),
        ("  dbo .  [p q]  ", ("dbo", "p q")),
        ("#temporary", ("#temporary",)),
        ("##p_1@$#", ("##p_1@$#",)),
        ("\u00e9t\u00e9", ("\u00e9t\u00e9",)),
        ("[';DROP TABLE x--]", ("';DROP TABLE x--",)),
        ("[" + "]]" * 128 + "]", ("]" * 128,)),
        ("[" + "\U0001f600" * 64 + "]", ("\U0001f600" * 64,)),
    ],
)
def test_procedure_is_read(text: str, parts: tuple[str, ...]) -> None:
    assert parse_procedure(text) == parts


@pytest.mark.parametrize(
    "text",
    [
        "", " ", ".", ".p", "..p", "p.", "a.b.c.d.e", "a....p", "p;1", "p ;", "{call p}", "{?=call p}",
        "p/**/",
        "p--", "p -- x", "@x", "@@x", "1p", "$p", "p q", "[p", "p]", "[p]]", '"p', "[]", '""', "[a][b]",
        "[a]b",
        "a[b]", "a\tb", "a.\tb", "a\n.b", "[a\nb]", "[a\x00]", "[a\x7f]", "[a\x85]", "[a\u2028]", "[a\u2029]",
        "[\ud800]", "'p'", "N'p'", "p()", "p, q", "p @a = 1", "EXEC p", "p\n", "\u2019p", "\uff3bp\uff3d",
        "x" * 129, "[" + "x" * 129 + "]", "[" + "]]" * 129 + "]", "[" + "\U0001f600" * 65 + "]", "#",
        "x" * 100_000,
    ],
)  # fmt: skip
def test_anything_else_is_left_alone(text: str) -> None:
    assert parse_procedure(text) is None


@given(st.lists(NAMES.filter(is_name), min_size=1, max_size=4))
def test_name_that_is_quoted_reads_back(parts: list[str]) -> None:
    assert parse_procedure(".".join(map(quote_name, parts))) == tuple(parts)
    quoted = ['"{}"'.format(part.replace('"', '""')) for part in parts]
    assert parse_procedure(" . ".join(quoted)) == tuple(parts)


@given(st.text(st.sampled_from("[]\".;@ ax\n-/*'")))
@example("[a]]].[b]")
def test_whatever_is_read_means_the_same_when_quoted(text: str) -> None:
    parts = parse_procedure(text)
    if parts is not None:
        again = ".".join(quote_name(part) if part else "" for part in parts)
        assert parse_procedure(again) == parts
        assert parts[-1]
        assert parts[0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x", "@x"),
        ("@x", "@x"),
        ("@Content_1", "@Content_1"),
        ("#a", "@#a"),
        ("x@y$z#", "@x@y$z#"),
        ("n", "@n"),
    ],
)
def test_parameter_name_has_its_at_sign(name: str, expected: str) -> None:
    assert parse_parameter_name(name) == expected


@pytest.mark.parametrize(
    "name",
    [
        "", "@", "@@x", "@@IDENTITY", "1", "@1", "a b", "a\n", " a", "a;", "@a=1", "a]", "a'", "\u00e9",
        "\uff41", "a\x00",
        "a-b", "@a@=@b", "a\u2028", "x" * 128, "@" + "x" * 128,
    ],
)  # fmt: skip
def test_other_parameter_name_is_left_alone(name: str) -> None:
    assert parse_parameter_name(name) is None


def test_longest_parameter_name() -> None:
    assert parse_parameter_name("x" * 127) == "@" + "x" * 127
