"""Routes of the dashboard: its pages, what their forms do, and the sign-in."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.admin.dashboard.door import Door, Refusal, SignInNeeded, require_own_page
from gateway.admin.dashboard.forms import purge_confirmation, sign_in_form
from gateway.admin.dashboard.frame import dashboard_page
from gateway.admin.dashboard.operators_api import ApiError, Fields, OperatorsApi
from gateway.admin.dashboard.overview import MAX_ROWS, overview
from gateway.admin.dashboard.pause_list import pause_count, pause_list
from gateway.admin.dashboard.practice import practice
from gateway.admin.dashboard.practice_list import practice_list
from gateway.admin.dashboard.practice_states import PAGE_SIZE, page_count, page_number
from gateway.admin.dashboard.sessions import COOKIE_NAME, SESSION_SECONDS, Session, cookie_value
from gateway.admin.missed_replicas import advice_after, missed_replicas
from gateway.admin.requests import INVALID_SITE
from gateway.dates.timezones import load_zone
from gateway.errors.failure import Failure
from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.sites.mounted_names import guid_in
from gateway.web.errors import default_headers, internal_error
from gateway.web.pages import relative_root

PageEndpoint = Callable[[Request], Awaitable[Response]]
#: Endpoints of the first page, with their parameters.
_PARTS: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "sites": ("/admin/sites", {"view": "troubled", "limit": str(MAX_ROWS)}),
    "today": ("/admin/today", {}),
    "history": ("/admin/history", {}),
    "pauses": ("/admin/pauses", {"limit": str(MAX_ROWS)}),
    "failures": ("/admin/failures", {}),
    "cache": ("/admin/cache", {}),
}
_PATIENT: Final = re.compile(r"[A-Za-z0-9\-.]{0,64}", re.ASCII)
_MAX_QUERY: Final = 100
_PURGED_HTML = Markup('<h1>Purged</h1>\n<p>{}</p>\n{}<p><a href="{}admin/">Dashboard</a></p>\n')
_CHANGED_HTML = Markup('{}<p><a href="{}admin/">Back</a></p>\n')
_NOT_REACHED_HTML = Markup('<p class="fail">{}</p>\n')


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Pages over the operators' endpoints."""

    api: OperatorsApi
    door: Door

    def routes(self) -> list[Route]:
        """Return the routes of pages and forms."""
        pages = {
            "/admin/": self.show_overview,
            "/admin/practices": self.show_practices,
            "/admin/practices/{site:path}": self.show_practice,
            "/admin/pauses/list": self.show_pauses,
            "/admin/sign-in": self.show_sign_in,
        }
        forms = {
            "/admin/sign-in": self.sign_in,
            "/admin/sign-out": self.sign_out,
            "/admin/pauses/end": self.end_pause,
            "/admin/practices/reset": self.reset_practice,
            "/admin/purge/confirm": self.confirm_purge,
            "/admin/purge/run": self.purge,
        }
        return [
            Route("/admin", _redirect_to_folder, methods=["GET"]),
            *(Route(path, _with_pages(form), methods=["POST"]) for path, form in forms.items()),
            *(Route(path, _with_pages(page), methods=["GET"]) for path, page in pages.items()),
        ]

    async def show_overview(self, request: Request) -> Response:
        """Return the first page. Raises Refusal or SignInNeeded."""
        session = self.door.require_reader(request)
        names = list(_PARTS)
        parts = await asyncio.gather(*(self._part(*_PARTS[name]) for name in names))
        body = overview(dict(zip(names, parts, strict=True)), relative_root(request), self._token(session))
        return self._page(request, session, "Dashboard", body)

    async def show_practices(self, request: Request) -> Response:
        """Return a page of the list of practices. Raises Refusal, SignInNeeded or ApiError."""
        session, query = self.door.require_reader(request), request.query_params
        wanted, number = query.get("q", "")[:_MAX_QUERY], page_number(query.get("page", "1"))
        fields = await self._page_of_practices(wanted, number)
        if number > page_count(fields["found"]):
            number = page_count(fields["found"])
            fields = await self._page_of_practices(wanted, number)
        body = practice_list(fields, relative_root(request), wanted, number)
        return self._page(request, session, "Practices", body)

    async def show_practice(self, request: Request) -> Response:
        """Return the page of a practice. Raises Refusal, SignInNeeded or ApiError."""
        session, site = self.door.require_reader(request), request.path_params["site"]
        status = await self._status_of(site)
        guid = status["site"]
        history = await self.api.get("/admin/history", site=guid)
        today = await self._part("/admin/ledger", {"site": guid_in(guid), "since": self._day_at(status)})
        body = practice(status, history, today, relative_root(request), self._token(session))
        return self._page(request, session, status["name"], body)

    async def show_pauses(self, request: Request) -> Response:
        """Return a page of the list of pauses. Raises Refusal, SignInNeeded or ApiError."""
        session = self.door.require_reader(request)
        number = page_number(request.query_params.get("page", "1"))
        fields = await self.api.get("/admin/pauses", limit=str(number * PAGE_SIZE))
        number = min(number, page_count(pause_count(fields)))
        body = pause_list(fields, number, relative_root(request), self._token(session))
        return self._page(request, session, "Pauses", body)

    async def show_sign_in(self, request: Request) -> Response:
        """Return the form to sign in. Raises Refusal."""
        require_own_page(request)
        return self._sign_in_page(request)

    async def sign_in(self, request: Request) -> Response:
        """Begin a session, or show the form again. Raises Refusal."""
        session = await self.door.sign_in(request)
        if session is None:
            return self._sign_in_page(request, "This is not the admin token.")
        response = _redirect(request, "admin/")
        response.set_cookie(
            COOKIE_NAME,
            cookie_value(session, self.door.key),
            max_age=SESSION_SECONDS,
            path=None,
            secure=request.headers.get("origin", "").startswith("https://"),
            httponly=True,
            samesite="strict",
        )
        return response

    async def sign_out(self, request: Request) -> Response:
        """Delete the cookie. Raises Refusal or SignInNeeded."""
        await self.door.require_change(request)
        response = _redirect(request, "admin/sign-in")
        response.set_cookie(COOKIE_NAME, "", max_age=0, path=None, httponly=True, samesite="strict")
        return response

    async def end_pause(self, request: Request) -> Response:
        """End a pause. Raises Refusal, SignInNeeded or ApiError."""
        session, fields = await self.door.require_change(request)
        result = await self.api.post("/admin/pauses/clear", {"pause": fields.get("pause", "")})
        done = "pause-ended" if result["reset"] else "pause-gone"
        number = page_number(fields["page"]) if "page" in fields else 0
        target = f"pauses/list?page={number}&done={done}" if number else f"?done={done}#pauses"
        return self._answer_to_change(request, session, result, f"admin/{target}")

    async def reset_practice(self, request: Request) -> Response:
        """Close a practice's circuit and end its pauses. Raises Refusal, SignInNeeded or ApiError."""
        session, fields = await self.door.require_change(request)
        result = await self.api.post("/admin/sites/{siteId}/reset", {}, {"siteId": fields.get("site", "")})
        return self._answer_to_change(request, session, result, "admin/?done=reset")

    async def confirm_purge(self, request: Request) -> Response:
        """Return the question before a purge. Raises Refusal, SignInNeeded or ApiError."""
        session, fields = await self.door.require_change(request)
        purge = _purge_of(fields)
        site = await self._status_of(fields.get("site", ""))
        body = purge_confirmation(site, purge, relative_root(request), self._token(session))
        return self._page(request, session, "Purge?", body, refreshes=False)

    async def purge(self, request: Request) -> Response:
        """Purge. Raises Refusal, SignInNeeded or ApiError."""
        session, fields = await self.door.require_change(request)
        wanted = _purge_of(fields) | {"site": fields.get("site", "")}
        result = await self.api.post("/admin/purge", {name: text for name, text in wanted.items() if text})
        body = _PURGED_HTML.format(*_purge_words(result), relative_root(request))
        return self._page(request, session, "Purged", body, refreshes=False)

    def _answer_to_change(self, request: Request, session: Session, result: Fields, target: str) -> Response:
        """Redirect after a change, unless there are replicas that it has not reached."""
        missed = _not_reached(result)
        if not missed:
            return _redirect(request, target)
        body = _CHANGED_HTML.format(missed, relative_root(request))
        return self._page(request, session, "Not everywhere", body, refreshes=False)

    async def _page_of_practices(self, wanted: str, number: int) -> Fields:
        limit, offset = str(PAGE_SIZE), str((number - 1) * PAGE_SIZE)
        return await self.api.get("/admin/sites", view="brief", contains=wanted, limit=limit, offset=offset)

    async def _status_of(self, site: str) -> Fields:
        """Return the status of one practice, of no other if none is named. Raises Refusal or ApiError."""
        if not site:
            raise Refusal(400, "No practice", INVALID_SITE)
        (status,) = (await self.api.get("/admin/sites", site=site))["sites"]
        fields: Fields = status
        return fields

    def _day_at(self, status: Fields) -> str:
        """Return the practice's own day, as the ledger counts it: no row of it has a later one."""
        zone = load_zone(status["dates"]["timeZone"]) if status["dates"] else UTC
        return datetime.fromtimestamp(self.door.now(), zone).date().isoformat()

    async def _part(self, path: str, query: dict[str, str]) -> Fields | str:
        """Return the JSON of an endpoint, or what went wrong with it: the rest of the page is still shown."""
        try:
            return await self.api.get(path, **query)
        except ApiError as error:
            return error.text

    def _token(self, session: Session) -> str:
        return self.door.form_token(session)

    def _page(
        self, request: Request, session: Session, title: str, body: Markup, *, refreshes: bool = True
    ) -> Response:
        token = self._token(session) if self.door.token else ""
        return dashboard_page(
            request, title, body, now=self.door.now(), sign_out_token=token, refreshes=refreshes
        )

    def _sign_in_page(self, request: Request, problem: str = "") -> Response:
        body = sign_in_form(relative_root(request), self.door.form_token(), problem)
        status = HTTPStatus.FORBIDDEN if problem else HTTPStatus.OK
        return dashboard_page(request, "Sign in", body, now=self.door.now(), status=status)


def _purge_of(fields: dict[str, str]) -> dict[str, str]:
    """Return type and patient of a purge. Raises Refusal."""
    type_, patient = fields.get("type", ""), fields.get("patient", "").strip()
    if type_ and type_ not in RESOURCE_TYPES:
        raise Refusal(
            400, "Unknown type", "The type must be a resource type of FHIR R4. Go back and choose one."
        )
    if not _PATIENT.fullmatch(patient):
        text = "The patient's id may have letters, digits, - and . only, at most 64. Go back and correct it."
        raise Refusal(400, "No id", text)
    return {"type": type_, "patient": patient}


def _purge_words(result: Fields) -> tuple[str, Markup]:
    """Return what was purged, and which replicas did not get the message, if the endpoint names them."""
    return f"The responses ({result['purged']}) at site {result['site']} are purged.", _not_reached(result)


def _not_reached(result: Fields) -> Markup:
    """Return which replicas a change has not reached, and what to do; empty if it has reached all."""
    missed = missed_replicas(result)
    if not missed:
        return Markup()
    return _NOT_REACHED_HTML.format(f"Not reached: {'; '.join(missed)}. {advice_after(result)}")


def _redirect(request: Request, target: str) -> Response:
    """Redirect to a page of the dashboard, below any prefix; 303: with GET."""
    headers = {"location": relative_root(request) + target} | default_headers(request)
    return Response(status_code=HTTPStatus.SEE_OTHER, headers=headers)


async def _redirect_to_folder(request: Request) -> Response:
    headers = {"location": "admin/"} | default_headers(request)
    return Response(status_code=HTTPStatus.PERMANENT_REDIRECT, headers=headers)


def _with_pages(endpoint: PageEndpoint) -> PageEndpoint:
    """Return an endpoint whose failures are pages."""

    async def page_endpoint(request: Request) -> Response:
        try:
            return await endpoint(request)
        except SignInNeeded:
            return _redirect(request, "admin/sign-in")
        except Refusal as refusal:
            return _problem_page(request, refusal)
        except ApiError as error:
            return _problem_page(request, Refusal(error.status, "Not done", error.text))
        except Failure as failure:
            return _problem_page(request, Refusal(failure.kind.status, "Not done", failure.text))
        except HTTPException:
            raise
        except Exception as error:  # noqa: BLE001 - a bug must become a page
            bug = internal_error(error)
            text = f"{bug.text} {bug.diagnostics}"
            return _problem_page(request, Refusal(bug.kind.status, "Error", text))

    return page_endpoint


def _problem_page(request: Request, refusal: Refusal) -> Response:
    body = Markup('<h1>{}</h1>\n<p role="alert">{}</p>\n').format(refusal.title, refusal.text)
    extra: dict[str, Any] = {"retry-after": str(refusal.retry_after)} if refusal.retry_after else {}
    return dashboard_page(request, refusal.title, body, status=refusal.status, extra=extra)
