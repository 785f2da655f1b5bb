"""Modes of the emulator: the application of each upstream that it can stand in for."""

from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette

from gateway.emulator.app import create_emulator
from gateway.emulator.halo_itsm.app import halo_itsm_from_toml
from gateway.emulator.health_gorilla.app import health_gorilla_from_toml
from gateway.emulator.settings import from_toml


def create_halo_connect(config: Path | None) -> Starlette:
    """Create an emulator of Halo Connect from a TOML file. Raises ValueError or OSError."""
    return create_emulator(from_toml(config))


#: Name of the upstream -> function that creates its emulator from a TOML file.
MODES: dict[str, Callable[[Path | None], Starlette]] = {
    "halo-connect": create_halo_connect,
    "health-gorilla": health_gorilla_from_toml,
    "halo-itsm": halo_itsm_from_toml,
}
