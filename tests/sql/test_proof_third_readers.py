"""sqlglot and sqlfluff read the same batch in a text as the gateway's lexer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sql.batches import NAMES, TEXTS, batch_of, text_of
from sql.third_readers import reading_of, sqlfluff_statements, sqlfluff_words, sqlglot_reading

from gateway.sql.batch import Batch
from gateway.sql.lexer import TokenKind, tokens
from gateway.sql.names import is_name
from gateway.sql.proof import is_proved

#: sqlfluff is slow, and ends a name in brackets at its first `]`.
FEW = [
    batch_of(b"\1\2", "it's", procedure=("sp_X",)),
    batch_of(b"", "", procedure=("db", "", "p")),
    batch_of("'; DROP TABLE x --", "*/ EXEC xp_cmdshell N'dir' /*", procedure=("s", "d", "o", "p'; GO--")),
    batch_of("\x00\ud800a\U0001f600", "a\\\nb\\\r\nc\\", procedure=("dbo", "p q.r")),
    batch_of("\nGO\n$(x)\u2028\u2019\uff07", "{{ x }} {% if %} %s :x ?", procedure=("dbo", '"; p')),
    batch_of("N'a' + N'b'", b"0x0102", "-- \r\n", procedure=("dbo", "@x")),
    Batch((), ("dbo", "sp_X"), (), ""),
]
WORDS = {TokenKind.NATIONAL, TokenKind.BINARY, TokenKind.BRACKETED, TokenKind.VARIABLE}


@settings(max_examples=200)
@given(
    st.lists(TEXTS | st.binary(max_size=20), max_size=3),
    st.lists(NAMES.filter(is_name), min_size=1, max_size=4).map(tuple),
)
def test_sqlglot_reads_the_same_batch(values: list[str | bytes], procedure: tuple[str, ...]) -> None:
    batch = batch_of(*values, procedure=procedure)
    text = text_of(batch)
    assert is_proved(text, batch)
    assert sqlglot_reading(text) == reading_of(batch)


@pytest.mark.parametrize("batch", FEW, ids=lambda batch: batch.procedure[-1])
def test_all_three_read_the_same_batch(batch: Batch) -> None:
    text = text_of(batch)
    assert is_proved(text, batch)
    assert sqlglot_reading(text) == reading_of(batch)
    words = [text[token.start : token.end].decode() for token in tokens(text) if token.kind in WORDS]
    assert sqlfluff_words(text) == [word.replace("\r\n", "\n") for word in words]
    count = len(batch.variables)
    expected = ["declare_segment"] * count + ["set_local_variable_segment"] * count
    assert sqlfluff_statements(text) == [*expected, "execute_script_statement"]


def test_large_literal_is_the_same_for_sqlglot() -> None:
    batch = batch_of(bytes(range(256)) * 1_000, "it's \u20ac\U0001f600\n" * 10_000)
    assert sqlglot_reading(text_of(batch)) == reading_of(batch)
