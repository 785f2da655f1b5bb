import pytest
from pydantic import ValidationError

from gateway.emulator.sql.query_error import (
    HALO_LINK_ERRORS,
    QueryError,
    parse_query_error,
    sql_server_error,
)


def test_halo_link_has_the_six_documented_codes() -> None:
    assert [error.errorCode for error in HALO_LINK_ERRORS.values()] == [0, 1, 2, 3, 4, 5]
    assert {error.errorType for error in HALO_LINK_ERRORS.values()} == {"http", "haloLink"}


def test_errors_of_sql_server_have_their_text() -> None:
    assert "deadlock victim" in sql_server_error(1205).errorMessage
    assert sql_server_error(4711) == QueryError("mssql", 4711, "Error 4711.")


def test_error_is_read_from_its_fields() -> None:
    fields = {"errorType": "mssql", "errorCode": 1, "errorMessage": "x"}
    assert parse_query_error(fields) == QueryError("mssql", 1, "x")
    for wrong in ({"errorType": "mssql"}, {**fields, "errorCode": "many"}, "x"):
        with pytest.raises(ValidationError):
            parse_query_error(wrong)
