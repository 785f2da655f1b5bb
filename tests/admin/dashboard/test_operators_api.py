"""Requests of the dashboard to the operators' endpoints."""

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from structlog.testing import capture_logs
from support.operators import TOKEN

from gateway.admin.dashboard.operators_api import ApiError, OperatorsApi
from gateway.admin.endpoints import AdminEndpoints, EndpointTable
from gateway.errors import catalog
from gateway.errors.failure import Failure

pytestmark = pytest.mark.anyio


class Group:
    """Endpoints that return what they were sent, or fail."""

    def endpoints(self) -> EndpointTable:
        return {
            ("GET", "/admin/read"): self.read,
            ("POST", "/admin/{siteId}/write"): self.write,
            ("GET", "/admin/failure"): self.fail,
        }

    async def read(self, request: Request) -> Response:
        return JSONResponse(dict(request.query_params))

    async def write(self, request: Request) -> Response:
        return JSONResponse([request.path_params, request.url.path, await request.json()])

    async def fail(self, _: Request) -> Response:
        raise Failure(catalog.BAD_REQUEST, text="Send a site.")


def api(token: str = TOKEN) -> OperatorsApi:
    return OperatorsApi(AdminEndpoints(TOKEN, [Group()]).admin_port_routes(), token)


async def test_query_body_and_path_reach_the_endpoint() -> None:
    assert await api().get("/admin/read", site="a&b ä") == {"site": "a&b ä"}
    written = await api().post("/admin/{siteId}/write", {"pause": "x"}, {"siteId": "one"})
    assert written == [{"siteId": "one"}, "/admin/one/write", {"pause": "x"}]


@pytest.mark.parametrize(
    ("token", "path", "status"), [(TOKEN, "/admin/failure", 400), ("", "/admin/read", 401)]
)
async def test_refusal_has_status_and_text(token: str, path: str, status: int) -> None:
    with capture_logs(), pytest.raises(ApiError) as caught:
        await api(token).get(path)
    assert caught.value.status == status
    assert ("Send a site." if token else "admin.token") in caught.value.text


async def test_port_without_token_needs_none() -> None:
    routes = AdminEndpoints("", [Group()]).admin_port_routes()
    assert await OperatorsApi(routes, "").get("/admin/read") == {}
