"""Environments of the processes that a test starts."""

import os


def environment_with(**settings: str) -> dict[str, str]:
    """This environment with settings by name without HALO_GATEWAY_, and without those of the developer."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HALO_GATEWAY_")}
    return inherited | {f"HALO_GATEWAY_{name}": value for name, value in settings.items()}
