"""Health endpoints for load balancers: no upstream request, and independent of the practices' state."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

#: Checks by name; each returns the text of its problem, or an empty string.
Checks = Mapping[str, Callable[[], Awaitable[str]]]


class HealthResponse(JSONResponse):
    """Response in the format of draft-inadarei-api-health-check."""

    media_type = "application/health+json"


async def livez(request: Request) -> Response:
    """Return 200 as long as the process serves requests."""
    del request
    return HealthResponse({"status": "pass"}, headers={"cache-control": "no-store"})


async def no_problem() -> str:
    """Return no problem: a process with a configuration problem does not start."""
    return ""


def readyz(checks: Checks, warnings: Checks | None = None) -> Callable[[Request], Awaitable[Response]]:
    """Build an endpoint: 200 if configuration and stores are in order, else 503 with the failed checks.

    `warnings` are reported with status 200: the gateway works without their dependencies.
    """

    async def endpoint(request: Request) -> Response:
        del request
        failed = {name: await check() for name, check in checks.items()}
        warned = {name: await check() for name, check in (warnings or {}).items()}
        status = "fail" if any(failed.values()) else "warn" if any(warned.values()) else "pass"
        code = HTTPStatus.SERVICE_UNAVAILABLE if any(failed.values()) else HTTPStatus.OK
        return HealthResponse(
            {"status": status, "checks": _check_results(failed, "fail") | _check_results(warned, "warn")},
            code,
            headers={"cache-control": "no-store"},
        )

    return endpoint


def _check_results(problems: Mapping[str, str], status: str) -> dict[str, list[dict[str, str]]]:
    return {
        name: [{"status": status, "output": problem} if problem else {"status": "pass"}]
        for name, problem in problems.items()
    }
