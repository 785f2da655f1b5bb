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


class Shutdown:
    """Whether the process was told to end; as a check of /readyz."""

    def __init__(self) -> None:
        self._has_begun = False

    def begin(self) -> None:
        """Note that the process was told to end; for a signal handler, too."""
        self._has_begun = True

    async def problem(self) -> str:
        """Return why the process should get no further requests; empty if it should."""
        return "The process was told to end. It still serves requests for a while." if self._has_begun else ""


def readyz(checks: Checks, warnings: Checks | None = None) -> Callable[[Request], Awaitable[Response]]:
    """Build an endpoint: 200 if the gateway should get requests, else 503 with the failed checks.

    `warnings` are reported with status 200: the gateway works without their dependencies. A failed check
    hides the warning of the same name.
    """

    async def endpoint(request: Request) -> Response:
        del request
        failed = {name: await check() for name, check in checks.items()}
        warned = {name: await check() for name, check in (warnings or {}).items() if not failed.get(name)}
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
