"""`/admin/…`: what the operator may see and do, behind a bearer token or on a port of its own."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from hmac import compare_digest
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.web.errors import answer, unexpected

Endpoint = Callable[[Request], Awaitable[Response]]
#: Method and path -> what answers.
Pages = Mapping[tuple[str, str], Endpoint]


#: What only browsers send: without a token, any page could have an operator's browser ask here.
_BROWSER = frozenset({"origin", "sec-fetch-site"})


class Desk(Protocol):
    """Pages about one thing."""

    def pages(self) -> Pages:
        """The endpoints; they may raise Failure."""
        ...


@dataclass(frozen=True, slots=True)
class Admin:
    """All desks behind one door, which is `apart` if they have a port of their own."""

    token: str
    desks: Sequence[Desk]
    apart: bool = False

    def routes(self) -> list[Route]:
        """The routes for everybody's port; none without a token or with another port: unknown paths."""
        return self.own_routes() if self.token and not self.apart else []

    def own_routes(self) -> list[Route]:
        """The routes for a port that only operators reach: a token is asked for if there is one."""
        return [
            Route(path, self._guarded(endpoint), methods=[method])
            for desk in self.desks
            for (method, path), endpoint in desk.pages().items()
        ]

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        async def guarded(request: Request) -> Response:
            try:
                self._admitted(request)
                return await endpoint(request)
            except Failure as failure:
                return _refusal(failure)
            except Exception as problem:  # noqa: BLE001 - a bug must become an answer here, too
                return _refusal(unexpected(problem))

        return guarded

    def _admitted(self, request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        same = compare_digest(given.strip().encode(), self.token.encode())
        asks = scheme.lower() == "bearer" if self.token else not _BROWSER.intersection(request.headers)
        if not (asks and (same or not self.token)):
            raise Failure(
                catalog.CREDENTIALS_MISSING,
                text="Send Authorization: Bearer with the token of the setting admin.token.",
                headers=(("www-authenticate", 'Bearer realm="admin"'),),
            )


def _refusal(failure: Failure) -> Response:
    said = answer(failure)
    return Response(said.body, said.status, dict(said.headers))
