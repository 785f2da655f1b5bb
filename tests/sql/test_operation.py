"""Every operation of both OpenAPI documents, and paths that are none."""

import pytest

from gateway.sql.operation import SqlAction, SqlOperation, parse_operation

GUID = "0A1B2C3D-0000-4000-8000-00000000000a"
QUERY = "0a1b2c3d-0000-4000-8000-0000000000ff"


@pytest.mark.parametrize(
    ("method", "path", "action", "query_id", "page"),
    [
        ("POST", "immediate", SqlAction.IMMEDIATE, "", ""),
        ("POST", "async", SqlAction.ASYNC, "", ""),
        ("POST", "registered", SqlAction.REGISTER, "", ""),
        ("GET", "registered", SqlAction.LIST_REGISTERED, "", ""),
        ("GET", f"registered/{QUERY}", SqlAction.READ_REGISTERED, QUERY, ""),
        ("DELETE", f"registered/{QUERY}", SqlAction.DELETE_REGISTERED, QUERY, ""),
        ("GET", f"registered/{QUERY}/results", SqlAction.REGISTERED_RESULT, QUERY, ""),
        ("GET", QUERY, SqlAction.READ, QUERY, ""),
        ("HEAD", QUERY, SqlAction.READ, QUERY, ""),
        ("POST", "status", SqlAction.READ_MANY, "", ""),
        ("GET", f"{QUERY}/results/3", SqlAction.PAGE, QUERY, "3"),
        ("GET", f"{QUERY}/results/3/stream", SqlAction.STREAM, QUERY, "3"),
    ],
)
@pytest.mark.parametrize("api", ["integrator", "desktop"])
def test_operation_of_the_openapi_documents(
    api: str, method: str, path: str, action: SqlAction, query_id: str, page: str
) -> None:
    operation = parse_operation(method, f"{api}/sites/{GUID}/queries/{path}")
    assert operation == SqlOperation(action, api, GUID.lower(), query_id, page)
    assert operation.is_submission is (
        method == "POST" and action in {SqlAction.IMMEDIATE, SqlAction.ASYNC, SqlAction.REGISTER}
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"integrator/sites/{GUID}/queries"),
        ("GET", f"integrator/sites/{GUID}/queries/{QUERY}/unknown"),
        ("PUT", f"integrator/sites/{GUID}/queries/immediate"),
        ("DELETE", f"integrator/sites/{GUID}/queries/{QUERY}"),
        ("POST", f"other/sites/{GUID}/queries/immediate"),
        ("POST", "integrator/sites/not-a-guid/queries/immediate"),
    ],
)
def test_other_path_is_no_operation(method: str, path: str) -> None:
    assert parse_operation(method, path) is None
