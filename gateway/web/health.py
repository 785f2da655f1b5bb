"""Health for load balancers: never a query upstream, and no practice takes the gateway out of rotation."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

#: A check gives its problem in words, or an empty string.
Checks = Mapping[str, Callable[[], Awaitable[str]]]


class Health(JSONResponse):
    """An answer in the format of draft-inadarei-api-health-check."""

    media_type = "application/health+json"


async def livez(request: Request) -> Response:
    """200 while the process serves."""
    del request
    return Health({"status": "pass"}, headers={"cache-control": "no-store"})


def readyz(checks: Checks) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint: 200 while configuration and stores are in order, else 503 with what is not."""

    async def endpoint(request: Request) -> Response:
        del request
        found = {name: await check() for name, check in checks.items()}
        status = "fail" if any(found.values()) else "pass"
        code = HTTPStatus.SERVICE_UNAVAILABLE if any(found.values()) else HTTPStatus.OK
        return Health(
            {"status": status, "checks": {name: [_component(problem)] for name, problem in found.items()}},
            code,
            headers={"cache-control": "no-store"},
        )

    return endpoint


def _component(problem: str) -> dict[str, str]:
    return {"status": "fail", "output": problem} if problem else {"status": "pass"}
