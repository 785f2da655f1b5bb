"""ASGI application of the emulator of Health Gorilla."""

import time
from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Route

from gateway.emulator.app import Emulator
from gateway.emulator.control import ControlApi
from gateway.emulator.health_gorilla.endpoint import METHODS, GorillaEndpoint
from gateway.emulator.health_gorilla.faults import GorillaFault
from gateway.emulator.health_gorilla.settings import HealthGorillaSettings
from gateway.emulator.health_gorilla.state import GorillaState
from gateway.emulator.settings import read_settings


def create_health_gorilla(
    settings: HealthGorillaSettings = HealthGorillaSettings(),  # noqa: B008 - frozen
    clock: Callable[[], float] = time.time,
) -> Starlette:
    """Create an emulator with its own state, stored as `app.state.emulator`; `clock`: seconds since 1970."""
    state = GorillaState(settings, clock)
    endpoint = GorillaEndpoint(state)
    routes = [
        *ControlApi(state, GorillaFault).routes(),
        Route("/{path:path}", endpoint.respond, methods=METHODS),
    ]
    app = Emulator(routes=routes)
    app.state.emulator = state
    return app


def health_gorilla_from_toml(config: Path | None) -> Starlette:
    """Create an emulator of Health Gorilla from a TOML file. Raises ValueError or OSError."""
    return create_health_gorilla(read_settings(HealthGorillaSettings, config))
