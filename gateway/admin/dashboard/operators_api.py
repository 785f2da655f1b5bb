"""Requests of the dashboard to the operators' endpoints of this process, which respond for all workers."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message

#: JSON object of an endpoint.
Fields = dict[str, Any]
_OK = 200


class ApiError(Exception):
    """An endpoint refused a request: its status, and a text for the operator."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(str(status))
        self.status = status
        self.text = text


class OperatorsApi:
    """The operators' endpoints; `token` is the value of admin.token, empty if there is none."""

    def __init__(self, routes: Iterable[Route], token: str) -> None:
        self._endpoints: dict[tuple[str, str], Callable[[Request], Awaitable[Response]]] = {
            (method, route.path_format): route.endpoint for route in routes for method in route.methods or ()
        }
        self._token = token

    async def get(self, path: str, **query: str) -> Fields:
        """Return the JSON of an endpoint. Raises ApiError."""
        return await self._call("GET", path, query=query)

    async def post(
        self, path: str, content: Mapping[str, str], params: Mapping[str, str] | None = None
    ) -> Fields:
        """Send JSON to an endpoint; `params` are those of its path. Raises ApiError."""
        return await self._call("POST", path, content=content, params=params)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        content: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Fields:
        body = b"" if content is None else msgspec.json.encode(content)
        scope = {
            "type": "http",
            "method": method,
            "scheme": "http",
            "path": path.format_map(params or {}),
            "raw_path": path.format_map(params or {}).encode(),
            "query_string": urlencode(query or {}).encode(),
            "headers": self._headers(body),
            "path_params": dict(params or {}),
        }
        response = await self._endpoints[method, path](Request(scope, _body_source(body)))
        return _read_response(response)

    def _headers(self, body: bytes) -> list[tuple[bytes, bytes]]:
        authorization = [(b"authorization", b"Bearer " + self._token.encode())] if self._token else []
        content = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        return [(b"host", b"localhost"), *authorization, *(content if body else [])]


def _body_source(body: bytes) -> Callable[[], Awaitable[Message]]:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _read_response(response: Response) -> Fields:
    """Return the JSON object of a response. Raises ApiError with the text of an OperationOutcome.

    A change that has not reached all replicas is one, with status 503: `notReached` names them.
    """
    fields: Fields = msgspec.json.decode(response.body)
    if response.status_code != _OK and "notReached" not in fields:
        raise ApiError(response.status_code, str(fields["issue"][0]["details"]["text"]))
    return fields
