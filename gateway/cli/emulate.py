"""Command that runs an emulator."""

from pathlib import Path

import click

from gateway.cli.options import PORT_RANGE, errors_as_click_exceptions, host_option
from gateway.cli.server_command import ServerCommand, start_log
from gateway.extras import require_extra


@click.command(cls=ServerCommand, examples=("emulate", "emulate --upstream halo-itsm --port 8091"))
@host_option
@click.option("--port", type=PORT_RANGE, default=8090, help="Port to listen on; 0 picks a free port.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="TOML file with the emulator's settings.",
)
@click.option(
    "--upstream",
    type=click.Choice(["halo-connect", "health-gorilla", "halo-itsm"]),
    default="halo-connect",
    help="API to emulate.",
)
def emulate(host: str, port: int, config: Path | None, upstream: str) -> None:
    """Run an emulator of an upstream, with synthetic data.

    It has the faults that Halo documents as known issues.
    """
    start_log()
    with errors_as_click_exceptions():
        require_extra("emulator")
        from gateway.emulator.modes import MODES
        from gateway.emulator.serve import serve

        serve(MODES[upstream](config), host, port)
