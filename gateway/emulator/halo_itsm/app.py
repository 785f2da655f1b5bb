"""ASGI application of HaloITSM's emulator."""

import time
from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Route

from gateway.emulator.app import Emulator
from gateway.emulator.control import ControlApi
from gateway.emulator.halo_itsm.endpoint import METHODS, ItsmEndpoint
from gateway.emulator.halo_itsm.faults import ItsmFault
from gateway.emulator.halo_itsm.settings import HaloItsmSettings
from gateway.emulator.halo_itsm.state import ItsmState
from gateway.emulator.settings import read_settings


def create_halo_itsm(
    settings: HaloItsmSettings = HaloItsmSettings(),  # noqa: B008 - frozen
    clock: Callable[[], float] = time.monotonic,
) -> Starlette:
    """Create an emulator with its own state, stored as `app.state.emulator`; `clock`: seconds."""
    state = ItsmState(settings, clock)
    endpoint = Route("/{path:path}", ItsmEndpoint(state).respond, methods=METHODS)
    app = Emulator(routes=[*ControlApi(state, ItsmFault).routes(), endpoint])
    app.state.emulator = state
    return app


def halo_itsm_from_toml(config: Path | None) -> Starlette:
    """Create an emulator of HaloITSM from a TOML file. Raises ValueError or OSError."""
    return create_halo_itsm(read_settings(HaloItsmSettings, config))
