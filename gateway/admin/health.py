"""Health for load balancers: never a query upstream, and no practice takes the gateway out of rotation."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

#: A check gives its problem in words, or an empty string.
Checks = Mapping[str, Callable[[], Awaitable[str]]]


class HealthResponse(JSONResponse):
    """An answer in the format of draft-inadarei-api-health-check."""

    media_type = "application/health+json"


async def livez(request: Request) -> Response:
    """200 while the process serves."""
    del request
    return HealthResponse({"status": "pass"}, headers={"cache-control": "no-store"})


async def no_problem() -> str:
    """Nothing: a process whose configuration has a problem does not start."""
    return ""


def readyz(checks: Checks, warnings: Checks | None = None) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint: 200 while configuration and stores are in order, else 503 with what is not.

    `warnings` are told, but the gateway serves without what they are about.
    """

    async def endpoint(request: Request) -> Response:
        del request
        found = {name: await check() for name, check in checks.items()}
        told = {name: await check() for name, check in (warnings or {}).items()}
        status = "fail" if any(found.values()) else "warn" if any(told.values()) else "pass"
        code = HTTPStatus.SERVICE_UNAVAILABLE if any(found.values()) else HTTPStatus.OK
        return HealthResponse(
            {"status": status, "checks": _check_results(found, "fail") | _check_results(told, "warn")},
            code,
            headers={"cache-control": "no-store"},
        )

    return endpoint


def _check_results(problems: Mapping[str, str], status: str) -> dict[str, list[dict[str, str]]]:
    return {
        name: [{"status": status, "output": problem} if problem else {"status": "pass"}]
        for name, problem in problems.items()
    }
