"""Landing page at `/` for browsers: name, version, health and base URLs of the gateway."""

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
from gateway.web.browser import request_prefers_html
from gateway.web.errors import default_headers, internal_error
from gateway.web.pages import html_page, load_template, relative_root
from gateway.web.public_url import public_origin

#: Halo Connect's FHIR bases, and the use and header fields of each.
HALO_API_BASES = (
    ("/integrator/sites/{siteId}/fhir/R4", "One practice, for integrators: send Ocp-Apim-Subscription-Key."),
    (
        "/desktop/sites/{siteId}/fhir/R4",
        "One practice, for desktop software: send Authorization and DeviceId.",
    ),
)
DEFAULT_SITE_BASE = (
    "/fhir/R4",
    "The practice of the setting server.default_site: send the header fields of one of the two APIs.",
)
_STATUS_TEXTS = {
    "pass": "Configuration and stores are in order. Practices are not part of this check.",
    "warn": "The gateway serves requests, but its operator should act.",
    "fail": "The gateway is not ready to serve requests. Its operator must act.",
}
_CHECK_HTML = Markup('<tr><th scope="row">{}</th><td><span class="{}">{}</span></td><td>{}</td></tr>\n')
_BASE_HTML = Markup("<dt><code>{}</code></dt>\n<dd>{}</dd>\n")
_METRICS_HTML = Markup('<li><a href="{root}metrics">Metrics</a>, for Prometheus</li>\n')
_DASHBOARD_HTML = Markup('<li><a href="{root}admin/">Dashboard</a>, for operators</li>\n')
_OPERATORS_HTML = Markup(
    "<p>This port is for operators: FHIR clients use the gateway's other port."
    ' <a href="./docs/operations.md#operators-endpoints">The endpoints of this port</a>.</p>'
)


def landing_page(
    settings: Settings, checks: Checks, warnings: Checks, *, show_base_urls: bool = True
) -> Callable[[Request], Awaitable[Response]]:
    """Build an endpoint: the page for a browser, and 404 for a client that prefers JSON."""

    async def endpoint(request: Request) -> Response:
        if not request_prefers_html(request):
            raise HTTPException(404)
        rows = [(name, "fail", await _run_check(check)) for name, check in checks.items()]
        rows += [(name, "warn", await _run_check(check)) for name, check in warnings.items()]
        bases = _base_urls_html(request, settings) if show_base_urls else _OPERATORS_HTML
        has_metrics = settings.admin.listen is None or not show_base_urls
        has_dashboard = has_metrics and (settings.admin.token is not None or not show_base_urls)
        metrics = _METRICS_HTML if has_metrics else Markup()
        metrics += _DASHBOARD_HTML if has_dashboard else Markup()
        body = _page_body(request, rows, bases, metrics)
        return html_page(request, "Status", body, extra=default_headers(request))

    return endpoint


async def _run_check(check: Callable[[], Awaitable[str]]) -> str:
    """Return the problem of a check; an exception is a problem, too."""
    try:
        return await check()
    except Exception as error:  # noqa: BLE001 - the page must still show the other checks
        failure = internal_error(error)
        return f"{failure.text} {failure.diagnostics}"


def _page_body(request: Request, rows: list[tuple[str, str, str]], sites: Markup, metrics: Markup) -> Markup:
    results = [(name, status if problem else "pass", problem) for name, status, problem in rows]
    worst = min((status for _, status, _ in results), key=("fail", "warn", "pass").index)
    checks = Markup().join(
        _CHECK_HTML.format(name, status, status, problem or "none") for name, status, problem in results
    )
    return load_template("landing.html").format(
        name="halo-gateway",
        version=_package_version(),
        status=worst,
        meaning=_STATUS_TEXTS[worst],
        checks=checks,
        sites=sites,
        metrics=metrics.format(root=relative_root(request)),
        root=relative_root(request),
    )


def _base_urls_html(request: Request, settings: Settings) -> Markup:
    origin = _origin_or_empty(request, settings.server)
    how = "FHIR clients use these URLs." if origin else "Each URL begins with the address of this gateway."
    bases = Markup().join(_BASE_HTML.format(origin + path, use) for path, use in _base_paths(settings))
    return load_template("sites.html").format(how=how, bases=bases, root=relative_root(request))


def _origin_or_empty(request: Request, server: Server) -> str:
    """Scheme, host and prefix; empty if they are invalid in the request."""
    try:
        return public_origin(request, server)
    except Failure:
        return ""


def _base_paths(settings: Settings) -> Iterator[tuple[str, str]]:
    yield from HALO_API_BASES
    if settings.server.default_site is not None:
        yield DEFAULT_SITE_BASE
    for upstream in settings.upstreams.values():
        yield from _mounted_base_paths(upstream)


def _mounted_base_paths(upstream: MountedUpstream) -> Iterator[tuple[str, str]]:
    dialect = upstream.resolved_dialect
    if dialect.apis:
        yield from ((upstream.path + path, use) for path, use in HALO_API_BASES)
    else:
        kind = "" if dialect.is_fhir else ", which is not FHIR"
        names = " and ".join(name.title() for name in dialect.credentials.headers)
        yield upstream.path, f"{dialect.title}{kind}: send {names}."


@cache
def _package_version() -> str:
    return version("halo-gateway")
