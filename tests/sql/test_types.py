"""All types of Halo's OpenAPI document are known, in any capitals."""

import pytest
from support.sql_commands import SQL_TYPES, UNSUPPORTED_SQL_TYPES

from gateway.sql.types import sql_type


@pytest.mark.parametrize("name", SQL_TYPES)
def test_a_type_has_its_variable_in_any_capitals(name: str) -> None:
    for spelling in (name, name.lower(), name.upper()):
        kind = sql_type(spelling)
        assert (kind.variable, kind.is_supported) == (SQL_TYPES[name], True)


@pytest.mark.parametrize(
    "name", [*UNSUPPORTED_SQL_TYPES, "", "Json", "varbinary(max)", " Int", "5", "Int,Bit"]
)
def test_another_type_is_not_supported(name: str) -> None:
    assert not sql_type(name).is_supported


@pytest.mark.parametrize("name", [name for name in SQL_TYPES if SQL_TYPES[name]])
def test_limits_are_those_of_the_known_issue(name: str) -> None:
    kind = sql_type(name)
    assert kind.limit == (4_000 if kind.variable in {"nvarchar(max)", "xml"} else 8_000)
    assert kind.is_binary is (kind.variable == "varbinary(max)")
    assert kind.is_padded is (name in {"Binary", "Char", "NChar"})
