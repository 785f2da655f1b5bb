"""Faults on demand: every row of the error table, and broken connections."""

import re
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator
from starlette.responses import Response

from gateway.emulator.broken_responses import RESPONSE_BREAKERS, HangingResponse, ResetResponse
from gateway.emulator.errors import json_response
from gateway.emulator.health_gorilla.errors import ERRORS, error_response

#: Kinds that do not replace the response: it is late, or broken.
_LATER_KINDS: Final = ("delay", *RESPONSE_BREAKERS)
KINDS: Final = ("answer", "reset", "hang", *_LATER_KINDS, *ERRORS)


class GorillaFault(BaseModel):
    """One fault on demand. `times` None: until cleared. `path`: a regular expression, searched for.

    `every` 3: two matching requests succeed, the third fails. `delay`: seconds. `key`: an access token.
    """

    model_config = ConfigDict(extra="forbid")

    kind: str = "answer"
    path: str = ""
    method: str | None = None
    key: str | None = None
    times: int | None = Field(default=None, ge=1)
    status: int = Field(default=500, ge=200, le=599)
    body: Any = None
    headers: dict[str, str] = Field(default_factory=dict)
    delay: float = Field(default=0, ge=0)
    every: int = Field(default=1, ge=1)
    _match_count: int = PrivateAttr(default=0)

    @field_validator("kind")
    @classmethod
    def validate_kind(cls, kind: str) -> str:
        """Return the kind. Raises ValueError for an unknown one."""
        if kind not in KINDS:
            raise ValueError(f"no such kind: {kind}; known: {', '.join(KINDS)}")
        return kind

    @field_validator("path")
    @classmethod
    def validate_path(cls, path: str) -> str:
        """Return the path. Raises ValueError unless it is a regular expression."""
        try:
            re.compile(path)
        except re.error as error:
            raise ValueError(f"path is not a regular expression: {error}") from None
        return path

    def is_due(self, method: str, path: str, key: str) -> bool:
        """Count a matching request and return whether it fails; `path` includes the query."""
        if self.method not in {None, method} or self.key not in {None, key} or not re.search(self.path, path):
            return False
        self._match_count += 1
        return self._match_count % self.every == 0

    @property
    def replaces_response(self) -> bool:
        """Whether the request is not executed."""
        return self.kind not in _LATER_KINDS

    def response(self) -> Response:
        """Build the response of a kind that replaces the right one."""
        if self.kind == "reset":
            return ResetResponse()
        if self.kind == "hang":
            return HangingResponse()
        if self.kind in ERRORS:
            response = error_response(ERRORS[self.kind])
            response.headers.update(self.headers)
            return response
        if self.body is None or isinstance(self.body, str):
            return Response(self.body, self.status, self.headers)
        return json_response(self.body, self.status, self.headers)

    def broken_response(self, response: Response) -> Response:
        """Return the right response, broken if the kind says so."""
        breaker = RESPONSE_BREAKERS.get(self.kind)
        return breaker(response, self.delay) if breaker else response


class GorillaFaults:
    """The faults in force, oldest first."""

    def __init__(self) -> None:
        self.rules: list[GorillaFault] = []

    def take_matching(self, method: str, path: str, key: str) -> GorillaFault | None:
        """Return the oldest fault that is due, with its `times` decremented; or None."""
        rule = next((rule for rule in self.rules if rule.is_due(method, path, key)), None)
        if rule and rule.times is not None:
            rule.times -= 1
            if not rule.times:
                self.rules.remove(rule)
        return rule
