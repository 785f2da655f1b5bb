"""Control endpoints under `/_emulator`, which no upstream has."""

from collections import deque
from typing import Any, Protocol

import msgspec
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.emulator.errors import json_response
from gateway.emulator.injected_faults import FaultRule
from gateway.emulator.settings import apply_merge_patch
from gateway.emulator.sites import SITES
from gateway.emulator.state import EmulatorState


class _Faults(Protocol):
    rules: list[Any]


class ControlledState(Protocol):
    """State of a running emulator, as the control endpoints read and change it."""

    settings: Any
    journal: deque[dict[str, Any]]

    @property
    def fault_rules(self) -> _Faults:
        """The faults in force."""
        ...

    def reset(self) -> None:
        """Restore the state at start."""


class ControlApi:
    """Endpoints for the faults, settings and journal of a running emulator."""

    def __init__(self, state: ControlledState, fault_type: type[BaseModel]) -> None:
        self._state = state
        self._fault_type = fault_type

    def routes(self) -> list[Route]:
        """Return the routes of the control endpoints."""
        return [
            Route("/_emulator/faults", self.get_faults),
            Route("/_emulator/faults", self.add_faults, methods=["POST"]),
            Route("/_emulator/faults", self.clear_faults, methods=["DELETE"]),
            Route("/_emulator/settings", self.get_settings),
            Route("/_emulator/settings", self.patch_settings, methods=["PATCH"]),
            Route("/_emulator/reset", self.reset, methods=["POST"]),
            Route("/_emulator/requests", self.get_requests),
            Route("/_emulator/requests", self.clear_requests, methods=["DELETE"]),
        ]

    async def get_faults(self, _: Request) -> Response:
        """Return the fault rules in force."""
        return json_response([rule.model_dump() for rule in self._state.fault_rules.rules])

    async def add_faults(self, request: Request) -> Response:
        """Add one rule or a list of rules: 201 with all rules in force, or 400 if a rule is malformed."""
        try:
            body = msgspec.json.decode(await request.body())
            rules = [
                self._fault_type.model_validate(rule) for rule in (body if isinstance(body, list) else [body])
            ]
        except (msgspec.DecodeError, ValidationError) as error:
            return _bad_request(error)
        self._state.fault_rules.rules += rules
        return json_response([rule.model_dump() for rule in self._state.fault_rules.rules], 201)

    async def clear_faults(self, _: Request) -> Response:
        """Delete all fault rules: 204."""
        self._state.fault_rules.rules.clear()
        return Response(status_code=204)

    async def get_settings(self, _: Request) -> Response:
        """Return the settings in force."""
        return json_response(self._state.settings.model_dump(mode="json"))

    async def patch_settings(self, request: Request) -> Response:
        """Merge a JSON Merge Patch (RFC 7396) into the settings: 200 with all settings, or 400."""
        try:
            self._state.settings = apply_merge_patch(
                self._state.settings, msgspec.json.decode(await request.body())
            )
        except (msgspec.DecodeError, ValidationError) as error:
            return _bad_request(error)
        return json_response(self._state.settings.model_dump(mode="json"))

    async def reset(self, _: Request) -> Response:
        """Restore the state at start: 204."""
        self._state.reset()
        return Response(status_code=204)

    async def get_requests(self, _: Request) -> Response:
        """Return the last requests, oldest first."""
        return json_response(list(self._state.journal))

    async def clear_requests(self, _: Request) -> Response:
        """Clear the journal: 204."""
        self._state.journal.clear()
        return Response(status_code=204)


class HaloControlApi(ControlApi):
    """The same for Halo Connect, with its bill, sites and truth."""

    def __init__(self, state: EmulatorState) -> None:
        super().__init__(state, FaultRule)
        self.state = state

    def routes(self) -> list[Route]:
        """Return the routes of the control endpoints."""
        return [
            *super().routes(),
            Route("/_emulator/bill", self.get_bill),
            Route("/_emulator/bill", self.clear_bill, methods=["DELETE"]),
            Route("/_emulator/sites", self.get_sites),
            Route("/_emulator/truth/{guid}/{resource_type}", self.get_truth),
        ]

    async def get_bill(self, _: Request) -> Response:
        """Return the bill since the start or the last clearing."""
        return json_response(self.state.bill.as_json())

    async def clear_bill(self, _: Request) -> Response:
        """Clear the bill: 204."""
        self.state.bill.clear()
        return Response(status_code=204)

    async def get_sites(self, _: Request) -> Response:
        """Return the sites with their time zones, which Halo's API does not contain."""
        fields = ("guid", "name", "zone_name", "pms_id", "pairing_code", "halo_link_version", "size_limit")
        return json_response([{name: getattr(site, name) for name in fields} for site in SITES.values()])

    async def get_truth(self, request: Request) -> Response:
        """All rows of a type with R4-correct values, as `{active, resource}`; 404 for an unknown site."""
        practice = self.state.practices.get(request.path_params["guid"].lower())
        if practice is None:
            return json_response({"detail": "no such site; see /_emulator/sites"}, 404)
        rows = practice.records(request.path_params["resource_type"], active_only=False)
        return json_response([{"active": row.active, "resource": row.resource} for row in rows])


def _bad_request(error: msgspec.DecodeError | ValidationError) -> Response:
    details: Any = str(error)
    return json_response({"detail": details}, 400)
