import pytest

from gateway.errors.error_words import SQL_TYPES, TOKENS, VOCABULARY, is_technical_name, word_parts
from gateway.errors.person_words import TITLES

#: .NET's SqlDbType.
SQL_DB_TYPES = """
BigInt Binary Bit Char Date DateTime DateTime2 DateTimeOffset Decimal Float Image Int Json Money NChar
NText NVarChar Real SmallDateTime SmallInt SmallMoney Structured Text Time Timestamp TinyInt Udt
UniqueIdentifier VarBinary VarChar Variant Vector Xml
"""
#: Common names in Australia that are no words of errors.
NAMES = """
smith jones williams brown wilson taylor nguyen johnson singh patel tran chen wang kelly ryan obrien
murphy campbell oliver charlotte noah amelia isla william mia henry theodore ava olivia ella lucas leo
james thomas john mary peter susan karen linda robert michael david daniel sydney melbourne brisbane
perth hobart darwin asthma diabetes aspirin
"""


def test_all_types_of_sql_are_known() -> None:
    names = SQL_DB_TYPES.split()
    assert len(names) == 33
    assert SQL_TYPES.issuperset(name.lower() for name in names)


@pytest.mark.parametrize("name", NAMES.split())
def test_names_of_persons_and_places_are_unknown(name: str) -> None:
    assert name not in VOCABULARY


def test_words_are_in_lower_case_without_titles() -> None:
    assert all(word == word.lower() and word.isascii() for word in VOCABULARY | TOKENS)
    assert not TITLES & VOCABULARY


@pytest.mark.parametrize(
    ("identifier", "parts"),
    [
        ("QueryResultsTooLarge", ["query", "results", "too", "large"]),
        ("wrong_parameter", ["wrong", "parameter"]),
        ("HTTPStatus.code", ["http", "status", "code"]),
        ("", []),
    ],
)
def test_identifier_is_split_into_words(identifier: str, parts: list[str]) -> None:
    assert word_parts(identifier) == parts


@pytest.mark.parametrize(
    ("identifier", "is_technical"),
    [("wrong_parameter", True), ("WillPage", False), ("PatientZzyzx", False), ("read-only", True)],
)
def test_technical_name_has_a_word_that_is_no_name(identifier: str, is_technical: bool) -> None:
    assert is_technical_name(identifier) is is_technical
