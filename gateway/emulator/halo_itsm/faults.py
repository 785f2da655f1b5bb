"""Faults on demand: every error of HaloITSM, any other response, and broken connections."""

import asyncio
from typing import Final, Self

from pydantic import field_validator, model_validator
from starlette.responses import Response

from gateway.emulator.broken_responses import RESPONSE_BREAKERS, HangingResponse, ResetResponse
from gateway.emulator.errors import json_response
from gateway.emulator.halo_itsm.errors import ERRORS
from gateway.emulator.injected_faults import FaultRule

#: Kinds that are no error of the table. `delay` and those of RESPONSE_BREAKERS follow the right response.
_OTHER_KINDS: Final = ("answer", "delay", "reset", "hang", *RESPONSE_BREAKERS)
_FIELDS_OF_HALO_CONNECT: Final = {"site", "per_second", "error_code"}


class ItsmFault(FaultRule):
    """One fault on demand, in the form of Halo Connect's. `key`: the id of an API client."""

    kind: str = "answer"  # type: ignore[assignment] # names of this upstream's errors

    @field_validator("kind")
    @classmethod
    def validate_kind(cls, kind: str) -> str:
        """Return the kind. Raises ValueError for one that is not in the table."""
        if kind not in ERRORS and kind not in _OTHER_KINDS:
            raise ValueError(f"no such kind; known: {', '.join((*_OTHER_KINDS, *ERRORS))}")
        return kind

    @model_validator(mode="after")
    def refuse_fields_of_halo_connect(self) -> Self:
        """Return the fault. Raises ValueError for a field that has no effect here."""
        if foreign := sorted(_FIELDS_OF_HALO_CONNECT & self.model_fields_set):
            raise ValueError(f"{', '.join(foreign)}: has no effect on HaloITSM")
        return self


def injected_response(rule: FaultRule) -> Response | None:
    """Return the response of a rule that replaces the right one, or None."""
    if error := ERRORS.get(rule.kind):
        return error.response()
    if rule.kind == "reset":
        return ResetResponse()
    if rule.kind == "hang":
        return HangingResponse()
    if rule.kind != "answer":
        return None
    if rule.body is None or isinstance(rule.body, str):
        return Response(rule.body, rule.status, rule.headers)
    return json_response(rule.body, rule.status, rule.headers)


def broken_response(rule: FaultRule | None, response: Response) -> Response:
    """Return the response as the rule breaks it, or unchanged."""
    if rule is None or rule.kind not in RESPONSE_BREAKERS:
        return response
    return RESPONSE_BREAKERS[rule.kind](response, rule.delay)


async def wait_for_delay(rule: FaultRule | None) -> None:
    """Wait for the delay of a rule; `drip` spreads its delay over the body."""
    if rule and rule.kind != "drip":
        await asyncio.sleep(rule.delay)
