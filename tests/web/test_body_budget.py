"""Budget of memory for request bodies."""

import pytest
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send
from support.asgi import asgi_request, server

from gateway.errors.catalog import GATEWAY_OVERLOADED
from gateway.errors.failure import Failure
from gateway.web.body_budget import BodyBudget, BodyBudgetMiddleware

pytestmark = pytest.mark.anyio


def take(budget: BodyBudget, address: str, octets: int) -> bool:
    try:
        budget.take(address, octets)
    except Failure:
        return False
    return True


def test_one_address_holds_at_most_half() -> None:
    budget = BodyBudget(100)
    assert [take(budget, "a", 10) for _ in range(6)] == [True] * 5 + [False]
    assert budget.used_bytes == 50


def test_several_addresses_leave_room_for_the_next() -> None:
    budget = BodyBudget(1_000)
    for address in "abcd":
        while take(budget, address, 1):
            pass
    assert budget.used_bytes < 950
    assert take(budget, "e", 20)


def test_exhausted_budget_is_overload() -> None:
    with pytest.raises(Failure) as raised:
        BodyBudget(100).take("a", 51)
    assert (raised.value.kind, raised.value.retry_after) == (GATEWAY_OVERLOADED, 5)


def test_bytes_given_back_are_free_again() -> None:
    budget = BodyBudget(100)
    budget.take("a", 50)
    budget.give_back("a", 50)
    assert (budget.used_bytes, take(budget, "b", 50)) == (0, True)
    assert list(budget._bytes_by_address) == ["b"]


async def read_through(budget: BodyBudget, request: Request, *, fail: bool = False) -> list[int]:
    """Bytes in use after each piece of the body."""
    used: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del send
        used.extend([budget.used_bytes async for _ in Request(scope, receive).stream()])
        if fail:
            raise RuntimeError

    async def send(message: Message) -> None:
        del message

    middleware = BodyBudgetMiddleware(app, budget, server(trusted_proxies=["10.0.0.0/8"]))
    await middleware(request.scope, request.receive, send)
    return used


async def test_body_is_counted_while_it_is_read() -> None:
    budget = BodyBudget(100)
    pieces = (b"x" * 10, b"x" * 20, b"x")
    assert (await read_through(budget, asgi_request(method="POST", pieces=pieces)))[:3] == [11, 33, 34]
    assert budget.used_bytes == 0


async def test_body_is_no_longer_counted_after_an_error() -> None:
    budget = BodyBudget(100)
    with pytest.raises(RuntimeError):
        await read_through(budget, asgi_request(method="POST", pieces=(b"x" * 10, b"")), fail=True)
    with pytest.raises(Failure):
        await read_through(budget, asgi_request(method="POST", pieces=(b"x" * 40, b"x" * 20)))
    assert budget.used_bytes == 0


async def test_body_counts_for_the_client_behind_a_trusted_proxy() -> None:
    budget = BodyBudget(100)
    budget.take("203.0.113.9", 40)
    headers = {"x-forwarded-for": "203.0.113.9"}
    for peer, fits in (("192.0.2.1", True), ("10.0.0.1", False)):
        request = asgi_request(method="POST", headers=headers, peer=peer, pieces=(b"x" * 20, b""))
        if fits:
            assert await read_through(budget, request)
        else:
            with pytest.raises(Failure):
                await read_through(budget, request)


async def test_request_without_body_is_passed_on_unchanged() -> None:
    request, received = asgi_request(), list[Receive]()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, send
        received.append(receive)

    async def send(message: Message) -> None:
        del message

    await BodyBudgetMiddleware(app, BodyBudget(1), server())(request.scope, request.receive, send)
    assert received == [request.receive]
