"""The dashboard's pages without a server, over endpoints that say the same every time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from support.operators import TOKEN
from support.site_json import SINCE, site_json

from gateway.admin.dashboard.door import Door
from gateway.admin.dashboard.operators_api import OperatorsApi
from gateway.admin.dashboard.routes import Dashboard
from gateway.admin.dashboard.sessions import COOKIE_NAME, cookie_value, new_session
from gateway.admin.dashboard.sign_in_attempts import SignInAttempts
from gateway.admin.endpoints import AdminEndpoints, EndpointTable
from gateway.admin.wrong_tokens import WrongTokens

KEY = b"k" * 32
NOW = 1_800_000_000.0
SESSION = new_session("0f" * 16, NOW)
SIGNED_IN = {"cookie": f"{COOKIE_NAME}={cookie_value(SESSION, KEY)}"}
SAME_ORIGIN = {"sec-fetch-site": "same-origin", "origin": "http://gw.example"}


@dataclass
class FixedEndpoints:
    """Endpoints that record what they get."""

    answers: dict[str, Any] = field(default_factory=dict)
    reads: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    writes: list[tuple[str, Any]] = field(default_factory=list)
    missed: list[dict[str, str]] = field(default_factory=list)
    reset: list[str] = field(default_factory=list)
    missing_workers: list[int] = field(default_factory=list)

    def endpoints(self) -> EndpointTable:
        paths = ("sites", "today", "history", "pauses", "failures", "cache", "ledger")
        writes = ("/admin/pauses/clear", "/admin/sites/{siteId}/reset", "/admin/purge")
        return {
            **{("GET", f"/admin/{path}"): self.read for path in paths},
            **{("POST", path): self.write for path in writes},
        }

    async def read(self, request: Request) -> Response:
        self.reads.append((request.url.path, dict(request.query_params)))
        site = site_json(dates=None, retries={"spent": 0, "left": 1}, successor=None, pageSizes=[])
        site["knownIssues"] = {"engine": None, "issues": []}
        answers = {
            "/admin/sites": {"asOf": SINCE, "practices": 1, "found": 1, "sites": [site]},
            "/admin/history": {"asOf": SINCE, "intervals": []},
            "/admin/pauses": {"asOf": SINCE, "found": 0, "pauses": []},
            "/admin/failures": {"asOf": SINCE, "failures": []},
            "/admin/ledger": {"totals": {}, "savedShare": 0.0},
        }
        answer = self.answers.get(request.url.path, answers.get(request.url.path))
        if isinstance(answer, Exception):
            raise answer
        if answer and self.missing_workers:
            answer |= {"missingWorkers": self.missing_workers}
        text = {"issue": [{"details": {"text": "Not today."}}]}
        return JSONResponse(answer or text, 200 if answer else 503)

    async def write(self, request: Request) -> Response:
        self.writes.append((request.url.path, await request.json()))
        fields = {"purged": "site", "site": "harbour", "reset": self.reset, "notReached": self.missed}
        until = {"oldResponsesUntil": SINCE} if self.missed else {}
        return JSONResponse(fields | until, 503 if self.missed else 200)


@dataclass
class DashboardPages:
    """A dashboard; without a token it needs no sign-in."""

    token: str = TOKEN
    group: FixedEndpoints = field(default_factory=FixedEndpoints)

    def __post_init__(self) -> None:
        endpoints = AdminEndpoints(self.token, [self.group])
        self.wrong_tokens = WrongTokens(lambda: 0.0)
        self.door = Door(
            self.token,
            KEY,
            lambda: NOW,
            self.wrong_tokens,
            SignInAttempts(lambda: 0.0),
            lambda _: "192.0.2.1",
        )
        api = OperatorsApi(endpoints.admin_port_routes(), self.token)
        self.app = Starlette(routes=Dashboard(api, self.door).routes())

    async def get(self, path: str, headers: Mapping[str, str] = SIGNED_IN) -> httpx.Response:
        """Get a page, by default as an operator who has signed in."""
        return await self._send("GET", path, headers)

    async def post(
        self, path: str, headers: Mapping[str, str] = SIGNED_IN | SAME_ORIGIN, **fields: str
    ) -> httpx.Response:
        """Send a form, by default one of the session's own pages."""
        token = {"form-token": self.door.form_token(SESSION if self.token else new_session("", -28_800))}
        content = urlencode(token | {name.replace("_", "-"): text for name, text in fields.items()})
        form = {"content-type": "application/x-www-form-urlencoded"} | dict(headers)
        return await self._send("POST", path, form, content)

    async def _send(
        self, method: str, path: str, headers: Mapping[str, str], content: str = ""
    ) -> httpx.Response:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gw.example") as client:
            return await client.request(method, path, headers=headers, content=content)
