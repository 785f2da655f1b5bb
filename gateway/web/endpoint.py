"""The ASGI endpoint of every upstream path: read the request, have it handled, send the answer."""

from collections.abc import Awaitable, Callable

import structlog
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.http.cache_status import LOCAL
from gateway.web.errors import answer, unexpected
from gateway.web.fast_path import Hits, raw
from gateway.web.request_reader import named

_log = structlog.get_logger()
#: Answers are about patients: nobody on the way may keep them, and each client's own is its own.
_ALWAYS = (
    (b"x-intermediary", b"halo-gateway"),
    (b"cache-control", b"no-store"),
    (b"cache-status", LOCAL.encode()),
    (b"vary", b"accept, accept-encoding, authorization, deviceid, ocp-apim-subscription-key, prefer"),
)

#: Statuses without a body, whose length would be that of another answer (RFC 9110 section 8.6).
_BODILESS = frozenset({204, 304})

Read = Callable[[Request], Awaitable[FhirRequest]]
#: Is told of what was refused before it was read.
Tell = Callable[[Request, Failure], None]


class Endpoint:
    """One way of reading requests, in front of one handler; `hits` keeps what may be given again as it is."""

    def __init__(
        self, read: Read, handler: Handler, tell: Tell = lambda *_: None, hits: Hits | None = None
    ) -> None:
        self._read = read
        self._handler = handler
        self._tell = tell
        self._hits = hits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens."""
        request = Request(scope, receive)
        try:
            read = await self._read(request)
        except Failure as failure:
            await self._refused(failure, request, send)
        except Exception as problem:  # noqa: BLE001 - a bug in reading must become an answer, too
            await self._refused(unexpected(problem), request, send)
        else:
            response = _in_kind(read, await self._handler(read))
            self._keep(request.scope, read, response)
            await sent(response, request, send, read.request_id)

    def _keep(self, scope: Scope, request: FhirRequest, response: FhirResponse) -> None:
        asked = raw(self._hits, scope) if self._hits and response.kept else None
        if self._hits and asked:
            self._hits.keep(asked, request, response, _fields(response))

    async def _refused(self, failure: Failure, request: Request, send: Send) -> None:
        _log.info("refused", code=failure.kind.code, status=failure.kind.status)
        self._tell(request, failure)
        await sent(answer(failure), request, send, named(request))


async def sent(response: FhirResponse, request: Request, send: Send, identifier: str) -> None:
    """Send an answer; to HEAD without its body, with the length that GET would have."""
    headers = fields(response, identifier)
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else response.body})


def fields(response: FhirResponse, identifier: str) -> list[tuple[bytes, bytes]]:
    """The fields of an answer in an exchange of this name."""
    headers = [*_fields(response), (b"x-request-id", identifier.encode())]
    if response.status not in _BODILESS:
        headers.append((b"content-length", b"%d" % len(response.body)))
    return headers


def _fields(response: FhirResponse) -> list[tuple[bytes, bytes]]:
    """The fields of an answer, whichever exchange it is for."""
    given = {name for name, _ in response.headers}
    headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in response.headers]
    headers += [each for each in _ALWAYS if each[0].decode() not in given]
    if response.repairs:
        headers.append((b"gateway-repairs", ", ".join(response.repairs).encode()))
    return headers


def _in_kind(request: FhirRequest, response: FhirResponse) -> FhirResponse:
    """The answer under the media type that was asked for; Halo calls every FHIR answer application/json."""
    plain = request.site is None or request.interaction.code == "other"
    if plain or not response.body or "json" not in response.header("content-type"):
        return response
    return response.with_header("content-type", f"{request.accepted}; charset=utf-8")
