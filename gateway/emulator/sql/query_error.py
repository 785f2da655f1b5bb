"""Errors of a query: those of Halo Link, and those that the practice's database reports."""

from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter


class QueryError(NamedTuple):
    """`errorDetails` of a query (OpenAPI 26.619)."""

    errorType: str  # noqa: N815 - Halo's name
    errorCode: int  # noqa: N815 - Halo's name
    errorMessage: str  # noqa: N815 - Halo's name


#: Halo Link's errors by code (troubleshooting guide).
HALO_LINK_ERRORS: Final = {
    0: QueryError("http", 0, "Client connection was unexpectedly closed"),
    1: QueryError("haloLink", 1, "Error occured while establishing a connection to SQL Server"),
    2: QueryError("haloLink", 2, "Query executed successfully but an error occurred preparing it for upload"),
    3: QueryError("haloLink", 3, "Query was orphaned during upload or execution"),
    4: QueryError("haloLink", 4, "Query missing properties"),
    5: QueryError("haloLink", 5, "Request failed with status code PreconditionFailed"),
}
EMPTY_TEXT: Final = QueryError("haloLink", 1, "SQL query string cannot be null or void")
#: The guide gives this text and status 400, but no type; `mssql` 18456 may also come from a linked server.
LOGIN_FAILED: Final = QueryError("haloLink", 1, "Login failed for user 'HaloIntegrator'.")
#: Texts of SQL Server by number, for faults on demand.
_SQL_SERVER_TEXTS: Final = {
    207: "Invalid column name 'Nonsense'.",
    208: "Invalid object name 'dbo.Nonsense'.",
    1205: "Transaction (Process ID 64) was deadlocked on lock resources with another process and has been"
    " chosen as the deadlock victim. Rerun the transaction.",
    2812: "Could not find stored procedure 'selct'.",
    18456: "Login failed for user 'HaloIntegrator'.",
}


def sql_server_error(number: int) -> QueryError:
    """Return SQL Server's error of that number."""
    return QueryError("mssql", number, _SQL_SERVER_TEXTS.get(number, f"Error {number}."))


def parse_query_error(fields: Any) -> QueryError:
    """Read the fields of `errorDetails`. Raises pydantic.ValidationError."""
    return TypeAdapter(QueryError).validate_python(fields)
