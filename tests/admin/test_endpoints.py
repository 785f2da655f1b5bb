import asyncio

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from structlog.testing import capture_logs
from support.operators import TOKEN, answered, asked, issue

from gateway.admin.endpoints import AdminEndpoints, EndpointTable
from gateway.errors import catalog
from gateway.errors.failure import Failure


class Desk:
    """Pages that keep what they are asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def endpoints(self) -> EndpointTable:
        return {
            ("GET", "/admin/read"): self.done,
            ("POST", "/admin/done"): self.done,
            ("GET", "/admin/refused"): self.refused,
            ("GET", "/admin/broken"): self.broken,
        }

    async def done(self, request: Request) -> Response:
        self.asked.append(request.method)
        return JSONResponse({})

    async def refused(self, _: Request) -> Response:
        raise Failure(catalog.BAD_REQUEST, text="Say which.")

    async def broken(self, _: Request) -> Response:
        raise OSError("Zzyzx")


@pytest.mark.parametrize(("method", "path"), [("GET", "/admin/read"), ("POST", "/admin/done")])
def test_who_has_the_token_may(method: str, path: str) -> None:
    desk = Desk()
    assert asked(method, path, [desk]).status_code == 200
    assert desk.asked == [method]


@pytest.mark.parametrize("path", ["/admin/read", "/admin/done"])
def test_without_a_token_in_the_settings_nothing_is_there(path: str) -> None:
    assert AdminEndpoints("", [Desk()]).shared_port_routes() == []
    assert (
        asyncio.run(answered(AdminEndpoints("", [Desk()]).shared_port_routes(), "GET", path)).status_code
        == 404
    )


@pytest.mark.parametrize(("token", "status"), [("", 200), (TOKEN, 401)])
def test_on_a_port_of_their_own_operators_need_a_token_only_where_there_is_one(
    token: str, status: int
) -> None:
    routes = AdminEndpoints(token, [Desk()]).admin_port_routes()
    assert asyncio.run(answered(routes, "GET", "/admin/read", given="")).status_code == status


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}"]
)
def test_without_the_right_token_nothing_is_shown_or_done(given: str) -> None:
    desk = Desk()
    response = asyncio.run(
        answered(AdminEndpoints(TOKEN, [desk]).shared_port_routes(), "GET", "/admin/read", given=given)
    )
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="admin"'
    assert "admin.token" in issue(response)["details"]["text"]
    assert desk.asked == []


def test_only_the_method_that_is_meant_does_it() -> None:
    assert asked("GET", "/admin/done", [Desk()]).status_code == 405


def test_a_refusal_and_a_bug_are_outcomes_without_the_bugs_words() -> None:
    assert issue(asked("GET", "/admin/refused", [Desk()]))["details"]["text"] == "Say which."
    with capture_logs():
        response = asked("GET", "/admin/broken", [Desk()])
    assert (response.status_code, issue(response)["code"]) == (500, "exception")
    assert "Zzyzx" not in response.text


@pytest.mark.parametrize("header", ["origin", "sec-fetch-site"])
def test_without_a_token_no_page_can_have_a_browser_ask(header: str) -> None:
    for token, status in (("", 401), (TOKEN, 200)):
        desk = Desk()
        routes = AdminEndpoints(token, [desk]).admin_port_routes()
        given = {header: "https://page.example"}
        answer = asyncio.run(answered(routes, "POST", "/admin/done", headers=given))
        assert (answer.status_code, len(desk.asked)) == (status, status == 200)


def test_with_a_port_of_their_own_operators_are_not_on_everybodys() -> None:
    admin = AdminEndpoints(TOKEN, [Desk()], has_own_port=True)
    assert admin.shared_port_routes() == []
    assert len(admin.admin_port_routes()) == 4
