"""Authentication and errors of the admin endpoints."""

import asyncio

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from structlog.testing import capture_logs
from support.operators import TOKEN, admin_response, issue, route_response

from gateway.admin.endpoints import AdminEndpoints, EndpointTable
from gateway.errors import catalog
from gateway.errors.failure import Failure

pytestmark = pytest.mark.anyio


class Group:
    """Endpoints that record requests, fail or raise an exception."""

    def __init__(self) -> None:
        self.methods: list[str] = []

    def endpoints(self) -> EndpointTable:
        return {
            ("GET", "/admin/read"): self.succeed,
            ("POST", "/admin/write"): self.succeed,
            ("GET", "/admin/failure"): self.fail,
            ("GET", "/admin/bug"): self.crash,
            ("GET", "/admin/long"): self.cut_off,
            ("POST", "/admin/long"): self.cut_off,
        }

    async def succeed(self, request: Request) -> Response:
        self.methods.append(request.method)
        return JSONResponse({})

    async def fail(self, _: Request) -> Response:
        raise Failure(catalog.BAD_REQUEST, text="Send a site.")

    async def crash(self, _: Request) -> Response:
        raise OSError("Zzyzx")

    async def cut_off(self, _: Request) -> Response:
        raise asyncio.CancelledError


@pytest.mark.parametrize(("method", "path"), [("GET", "/admin/read"), ("POST", "/admin/write")])
async def test_request_with_token_is_permitted(method: str, path: str) -> None:
    group = Group()
    assert (await admin_response(method, path, [group])).status_code == 200
    assert group.methods == [method]


@pytest.mark.parametrize("path", ["/admin/read", "/admin/write"])
async def test_shared_port_without_token_has_no_admin_endpoints(path: str) -> None:
    assert AdminEndpoints("", [Group()]).shared_port_routes() == []
    routes = AdminEndpoints("", [Group()]).shared_port_routes()
    assert (await route_response(routes, "GET", path)).status_code == 404


@pytest.mark.parametrize(("token", "status"), [("", 200), (TOKEN, 401)])
async def test_separate_port_requires_the_token_if_it_is_set(token: str, status: int) -> None:
    routes = AdminEndpoints(token, [Group()]).admin_port_routes()
    assert (await route_response(routes, "GET", "/admin/read", authorization="")).status_code == status


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}"]
)
async def test_request_without_the_right_token_is_401(authorization: str) -> None:
    group = Group()
    routes = AdminEndpoints(TOKEN, [group]).shared_port_routes()
    with capture_logs() as lines:
        response = await route_response(routes, "GET", "/admin/read", authorization=authorization)
    assert [line["event"] for line in lines] == ["admin-token-wrong"] * (authorization.count(TOKEN[:-1]))
    assert TOKEN[:-1] not in str(lines)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="admin"'
    assert "admin.token" in issue(response)["details"]["text"]
    assert group.methods == []


async def test_other_method_is_405() -> None:
    assert (await admin_response("GET", "/admin/write", [Group()])).status_code == 405


async def test_failure_and_bug_are_outcomes_without_exception_text() -> None:
    failure = await admin_response("GET", "/admin/failure", [Group()])
    assert issue(failure)["details"]["text"] == "Send a site."
    with capture_logs():
        response = await admin_response("GET", "/admin/bug", [Group()])
    assert (response.status_code, issue(response)["code"]) == (500, "exception")
    assert "Zzyzx" not in response.text


async def test_read_that_the_shutdown_cuts_off_is_503() -> None:
    routes = AdminEndpoints(TOKEN, [Group()], has_ended=lambda: True).shared_port_routes()
    response = await route_response(routes, "GET", "/admin/long")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert "gateway-shutdown" in response.text


@pytest.mark.parametrize(("method", "has_ended"), [("GET", False), ("POST", True)])
async def test_other_end_of_a_request_is_not_answered(method: str, *, has_ended: bool) -> None:
    routes = AdminEndpoints(TOKEN, [Group()], has_ended=lambda: has_ended).shared_port_routes()
    with pytest.raises(asyncio.CancelledError):
        await route_response(routes, method, "/admin/long")


@pytest.mark.parametrize("header", ["origin", "sec-fetch-site"])
async def test_browser_request_without_token_is_401(header: str) -> None:
    for token, status in (("", 401), (TOKEN, 200)):
        group = Group()
        routes = AdminEndpoints(token, [group]).admin_port_routes()
        headers = {header: "https://page.example"}
        response = await route_response(routes, "POST", "/admin/write", headers=headers)
        assert (response.status_code, len(group.methods)) == (status, status == 200)


def test_shared_port_with_separate_admin_port_has_no_admin_endpoints() -> None:
    admin = AdminEndpoints(TOKEN, [Group()], has_own_port=True)
    assert admin.shared_port_routes() == []
    assert len(admin.admin_port_routes()) == 6
