"""The gateway's page at `/` for a person with a browser: what it is, how it is, where a client begins."""

from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from importlib.metadata import version

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.admin.health import Checks
from gateway.errors.failure import Failure
from gateway.settings import MountedUpstream, Server, Settings
from gateway.web.browser import for_person
from gateway.web.errors import always, unexpected
from gateway.web.pages import page, root, template
from gateway.web.public_url import origin

#: Halo Connect's FHIR bases, and who uses each with which header fields.
SURFACES = (
    ("/integrator/sites/{siteId}/fhir/R4", "One practice, for integrators: send Ocp-Apim-Subscription-Key."),
    (
        "/desktop/sites/{siteId}/fhir/R4",
        "One practice, for desktop software: send Authorization and DeviceId.",
    ),
)
SHORT = ("/fhir/R4", "The practice of the setting server.site: send the header fields of either surface.")
_DIALECTS = {
    "health-gorilla": "Health Gorilla: send Authorization.",
    "halo-itsm": "HaloITSM, which is not FHIR: send Authorization.",
}
_MEANINGS = {
    "pass": "Configuration and stores are in order. Practices are not part of this check.",
    "warn": "The gateway serves, but its operator should act.",
    "fail": "The gateway is not ready to serve: its operator must act.",
}
_CHECK = Markup('<tr><th scope="row">{}</th><td><span class="{}">{}</span></td><td>{}</td></tr>\n')
_BASE = Markup("<dt><code>{}</code></dt>\n<dd>{}</dd>\n")
_OPERATORS = Markup(
    "<p>This port is for operators: FHIR clients use the gateway's other port."
    ' <a href="./docs/operations.md#operators-endpoints">The endpoints of this port</a>.</p>'
)


def landing(
    settings: Settings, checks: Checks, warnings: Checks, *, sites: bool = True
) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint: the page for a browser, and 404 for who prefers JSON. `sites` shows the base URLs."""

    async def endpoint(request: Request) -> Response:
        if not for_person(request):
            raise HTTPException(404)
        rows = [(name, "fail", await _problem(check)) for name, check in checks.items()]
        rows += [(name, "warn", await _problem(check)) for name, check in warnings.items()]
        bases = _sites(request, settings) if sites else _OPERATORS
        return page(request, "Status", _body(request, rows, bases), extra=always(request))

    return endpoint


async def _problem(check: Callable[[], Awaitable[str]]) -> str:
    """What a check finds; a check that breaks is a problem, too."""
    try:
        return await check()
    except Exception as problem:  # noqa: BLE001 - the page must show the other checks all the same
        failure = unexpected(problem)
        return f"{failure.text} {failure.diagnostics}"


def _body(request: Request, rows: list[tuple[str, str, str]], sites: Markup) -> Markup:
    found = [(name, status if problem else "pass", problem) for name, status, problem in rows]
    worst = min((status for _, status, _ in found), key=("fail", "warn", "pass").index)
    checks = Markup().join(
        _CHECK.format(name, status, status, problem or "none") for name, status, problem in found
    )
    return template("landing.html").format(
        name="halo-gateway",
        version=_version(),
        status=worst,
        meaning=_MEANINGS[worst],
        checks=checks,
        sites=sites,
        root=root(request),
    )


def _sites(request: Request, settings: Settings) -> Markup:
    ours = _origin(request, settings.server)
    how = "Where FHIR clients find this gateway." if ours else "Each begins with the address of this gateway."
    bases = Markup().join(_BASE.format(ours + path, use) for path, use in _bases(settings))
    return template("sites.html").format(how=how, bases=bases, root=root(request))


def _origin(request: Request, server: Server) -> str:
    """Scheme, host and prefix; empty where the request does not name them well."""
    try:
        return origin(request, server)
    except Failure:
        return ""


def _bases(settings: Settings) -> Iterator[tuple[str, str]]:
    yield from SURFACES
    if settings.server.site is not None:
        yield SHORT
    for each in settings.upstreams.values():
        yield from _mounted(each)


def _mounted(upstream: MountedUpstream) -> Iterator[tuple[str, str]]:
    if upstream.dialect == "halo-connect":
        yield from ((upstream.path + path, use) for path, use in SURFACES)
    else:
        yield upstream.path, _DIALECTS[upstream.dialect]


@cache
def _version() -> str:
    return version("halo-gateway")
