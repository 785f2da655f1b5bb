"""Reserved keywords."""

from gateway.emulator.sql.keywords import RESERVED, STATEMENTS


def test_keywords_that_begin_a_statement_are_reserved() -> None:
    assert {"readtext"} - RESERVED == STATEMENTS - RESERVED
    assert {"select", "execute", "exec", "declare", "set", "insert", "waitfor"} <= STATEMENTS


def test_words_that_are_no_keywords() -> None:
    assert not {"go", "output", "out", "max", "n", "cast", "nchar", "int", "dbo"} & RESERVED
