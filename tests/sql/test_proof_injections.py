"""Whatever passes names and proof executes the named procedure with the given values, and nothing else."""

from itertools import product

import pytest
from sql.batches import batch_of, literal, text_of
from sql.injection_corpus import PARAMETER_NAMES, PROCEDURES, TYPES, VALUES
from sql.third_readers import reading_of, sqlglot_reading

from gateway.sql.batch import Batch
from gateway.sql.lexer import TokenKind, tokens
from gateway.sql.names import parse_parameter_name, parse_procedure
from gateway.sql.proof import is_proved

READ_PROCEDURES = sorted({parts for name in PROCEDURES if (parts := parse_procedure(name))})
READ_NAMES = sorted({name for each in PARAMETER_NAMES if (name := parse_parameter_name(each))})
PLAIN = text_of(batch_of("value")).decode()


def is_executed_alone(text: bytes, batch: Batch) -> bool:
    """sqlglot reads just this batch, and the lexer sees one EXECUTE, after DECLARE and SET only."""
    words = [text[each.start : each.end].upper() for each in tokens(text) if each.kind is TokenKind.NAME]
    statements = [word for word in words if word in {b"DECLARE", b"SET", b"EXECUTE"}]
    count = len(batch.variables)
    expected = [b"DECLARE"] * count + [b"SET"] * count + [b"EXECUTE"]
    return statements == expected and sqlglot_reading(text) == reading_of(batch)


def test_corpus_has_names_that_pass_and_names_that_do_not() -> None:
    assert len(READ_PROCEDURES) > 50
    assert sum(parse_procedure(name) is None for name in PROCEDURES) > 100
    assert READ_NAMES == ["@Content", "@DEFAULT", "@GO", "@NULL", "@x"]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_value_stays_a_value_whatever_the_names(value: str) -> None:
    """Every pair of a value and a name is proved; sqlglot, which is slower, judges some of each value."""
    pairs = [(procedure, READ_NAMES[0]) for procedure in READ_PROCEDURES]
    pairs += [(READ_PROCEDURES[0], name) for name in READ_NAMES]
    for number, (procedure, name) in enumerate(pairs):
        batch = batch_of(value, procedure=procedure, names=(name,))
        text = text_of(batch)
        assert is_proved(text, batch)
        if number % 40 == len(value) % 40:
            assert is_executed_alone(text, batch)


@pytest.mark.parametrize("procedure", READ_PROCEDURES, ids=range(len(READ_PROCEDURES)))
def test_procedure_that_is_read_is_executed_alone(procedure: tuple[str, ...]) -> None:
    batch = batch_of("value", procedure=procedure)
    assert is_proved(text_of(batch), batch)
    assert is_executed_alone(text_of(batch), batch)


def naive_texts() -> dict[str, Batch]:
    """Texts of a careless writer, which quotes nothing, and the batch that each claims to be."""
    texts = {}
    for value in VALUES:
        texts[PLAIN.replace("N'value'", f"N'{value}'")] = batch_of(value)
        texts[PLAIN.replace("N'value'", f"'{value}'")] = batch_of(value)
        texts[PLAIN.replace("N'value'", value)] = batch_of(value)
    for name in PROCEDURES:
        parts = parse_procedure(name) or ("dbo", "sp_X")
        texts[PLAIN.replace("[dbo].[sp_X]", name)] = batch_of("value", procedure=parts)
        texts[PLAIN.replace("sp_X", name)] = batch_of("value", procedure=("dbo", name))
    for name in PARAMETER_NAMES:
        texts[PLAIN.replace("@Content", name)] = batch_of("value", names=(name,))
        texts[PLAIN.replace("@id OUTPUT", name)] = batch_of("value")
    for sql_type, value in product(TYPES, VALUES[::10]):
        text = PLAIN.replace("nvarchar(max)", sql_type).replace("N'value'", literal(value))
        texts[text] = batch_of(value, sql_type=sql_type or "nvarchar(max)")
    return texts


def test_careless_text_is_proved_only_where_it_is_right() -> None:
    proved = 0
    for text, batch in naive_texts().items():
        data = text.encode("utf-8", "surrogatepass")
        if is_proved(data, batch):
            proved += 1
            assert is_executed_alone(data, batch), text
    assert 50 < proved < len(naive_texts()) / 3
