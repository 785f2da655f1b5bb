"""ASGI application of the emulator."""

from collections.abc import Callable
from datetime import datetime

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from gateway.emulator.broken_responses import TRANSPORT_KEY
from gateway.emulator.control import HaloControlApi
from gateway.emulator.endpoint import METHODS, Endpoint
from gateway.emulator.practice import current_utc_time
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sql.control import SqlControlApi
from gateway.emulator.state import EmulatorState


class Emulator(Starlette):
    """A Starlette application that gives each request its connection's transport, to break it on demand."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI scope; uvicorn's `send` is bound to the request cycle that owns the transport."""
        scope[TRANSPORT_KEY] = getattr(getattr(send, "__self__", None), "transport", None)
        await super().__call__(scope, receive, send)


def create_emulator(
    settings: EmulatorSettings = EmulatorSettings(),  # noqa: B008 - frozen
    clock: Callable[[], datetime] = current_utc_time,
) -> Starlette:
    """Create an emulator with its own state, stored as `app.state.emulator`; `clock` dates written rows."""
    state = EmulatorState(settings, clock)
    endpoint = Endpoint(state)
    controls = [*HaloControlApi(state).routes(), *SqlControlApi(state).routes()]
    routes = [*controls, Route("/{path:path}", endpoint.respond, methods=METHODS)]
    app = Emulator(routes=routes)
    app.state.emulator = state
    return app
