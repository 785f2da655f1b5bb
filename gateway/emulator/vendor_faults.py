"""Faults on demand of an upstream that is no Halo Connect: its own errors, and broken connections."""

from collections.abc import Collection
from typing import ClassVar, Final, Self

from pydantic import field_validator, model_validator
from starlette.responses import Response

from gateway.emulator.broken_responses import RESPONSE_BREAKERS, HangingResponse, ResetResponse
from gateway.emulator.errors import json_response
from gateway.emulator.injected_faults import FaultRule

#: Kinds that are no error of a table. `delay` and those of RESPONSE_BREAKERS follow the right response.
_OTHER_KINDS: Final = ("answer", "delay", "reset", "hang", *RESPONSE_BREAKERS)
_FIELDS_OF_HALO_CONNECT: Final = {"site", "per_second", "error_code"}


class VendorFault(FaultRule):
    """One fault on demand, in the form of Halo Connect's. `errors`: names of the vendor's errors."""

    errors: ClassVar[Collection[str]] = ()
    kind: str = "answer"  # type: ignore[assignment] # names of this upstream's errors

    @field_validator("kind")
    @classmethod
    def validate_kind(cls, kind: str) -> str:
        """Return the kind. Raises ValueError for one that is not in the table."""
        if kind not in cls.errors and kind not in _OTHER_KINDS:
            raise ValueError(f"no such kind: {kind}; known: {', '.join((*_OTHER_KINDS, *cls.errors))}")
        return kind

    @model_validator(mode="after")
    def refuse_fields_of_halo_connect(self) -> Self:
        """Return the fault. Raises ValueError for a field that has no effect here."""
        if foreign := sorted(_FIELDS_OF_HALO_CONNECT & self.model_fields_set):
            raise ValueError(f"{', '.join(foreign)}: has no effect on this upstream")
        return self

    def is_over_rate_limit(self, key: str) -> bool:
        """Return True: an error of the table called `rate-limit` is no rate of Halo Connect's."""
        del key
        return True

    def error_response(self) -> Response:
        """Return the response of the vendor's error that the fault orders."""
        raise NotImplementedError

    def injected_response(self) -> Response | None:
        """Return the response that replaces the right one; None if the kind follows that."""
        if self.kind in self.errors:
            return self.error_response()
        if self.kind == "reset":
            return ResetResponse()
        if self.kind == "hang":
            return HangingResponse()
        if self.kind != "answer":
            return None
        if self.body is None or isinstance(self.body, str):
            return Response(self.body, self.status, self.headers)
        return json_response(self.body, self.status, self.headers)

    def broken_response(self, response: Response) -> Response:
        """Return the right response, broken if the kind says so."""
        breaker = RESPONSE_BREAKERS.get(self.kind)
        return breaker(response, self.delay) if breaker else response
