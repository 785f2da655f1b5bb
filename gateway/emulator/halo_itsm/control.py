"""Control endpoints of HaloITSM's emulator, in the form of Halo Connect's."""

import msgspec
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.emulator.errors import json_response
from gateway.emulator.halo_itsm.faults import ItsmFault
from gateway.emulator.halo_itsm.state import ItsmState
from gateway.emulator.settings import apply_merge_patch


class ItsmControlApi:
    """Endpoints for the faults, settings and journal of a running emulator."""

    def __init__(self, state: ItsmState) -> None:
        self.state = state

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
        """Return the faults on demand in force."""
        return json_response([rule.model_dump() for rule in self.state.fault_rules.rules])

    async def add_faults(self, request: Request) -> Response:
        """Add one fault or a list: 201 with all in force, or 400 if one is malformed."""
        try:
            body = msgspec.json.decode(await request.body())
            faults = [ItsmFault.model_validate(each) for each in (body if isinstance(body, list) else [body])]
        except (msgspec.DecodeError, ValidationError) as error:
            return json_response({"detail": str(error)}, 400)
        self.state.fault_rules.rules += faults
        return json_response([rule.model_dump() for rule in self.state.fault_rules.rules], 201)

    async def clear_faults(self, _: Request) -> Response:
        """Delete all faults on demand: 204."""
        self.state.fault_rules.rules.clear()
        return Response(status_code=204)

    async def get_settings(self, _: Request) -> Response:
        """Return the settings in force."""
        return json_response(self.state.settings.model_dump(mode="json"))

    async def patch_settings(self, request: Request) -> Response:
        """Merge a JSON Merge Patch (RFC 7396) into the settings: 200 with all settings, or 400."""
        try:
            changes = msgspec.json.decode(await request.body())
            self.state.settings = apply_merge_patch(self.state.settings, changes)
        except (msgspec.DecodeError, ValidationError) as error:
            return json_response({"detail": str(error)}, 400)
        return json_response(self.state.settings.model_dump(mode="json"))

    async def reset(self, _: Request) -> Response:
        """Restore the state at start: 204."""
        self.state.reset()
        return Response(status_code=204)

    async def get_requests(self, _: Request) -> Response:
        """Return the last requests, oldest first."""
        return json_response(list(self.state.journal))

    async def clear_requests(self, _: Request) -> Response:
        """Clear the journal: 204."""
        self.state.journal.clear()
        return Response(status_code=204)
