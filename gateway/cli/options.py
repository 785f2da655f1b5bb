"""Options that several commands have, and their errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from gateway import settings as configuration


class CommandWithExamples(click.Command):
    """A command whose help ends with examples, each the arguments of `halo-gateway`."""

    def __init__(self, *args: Any, examples: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, which are not wrapped: operators copy them."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"{'':>{formatter.current_indent}}halo-gateway {example}\n")


def load_settings(config: Path | None) -> configuration.Settings:
    """Read the settings. Raises ClickException with all problems."""
    try:
        return configuration.load(config)
    except configuration.ConfigurationError as error:
        raise click.ClickException(f"the configuration is not valid:\n{error}") from None


config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="HALO_GATEWAY_CONFIG",
    help="TOML file; HALO_GATEWAY_… environment variables override it.",
)


def _require_address(_: click.Context, __: click.Parameter, host: str) -> str:
    if not host.strip():
        raise click.BadParameter("is empty; 0.0.0.0 listens on all addresses")
    return host


def require_site(_: click.Context, __: click.Parameter, name: str | None) -> str:
    """Return the site of an option; empty without the option. Raises BadParameter if it is empty."""
    if name is not None and not name.strip():
        raise click.BadParameter("is empty; write a Halo GUID or an alias, or leave the option out")
    return name or ""


host_option = click.option(
    "--host", default="127.0.0.1", callback=_require_address, help="Address to listen on."
)
PORT_RANGE = click.IntRange(0, 65_535)


@contextmanager
def errors_as_click_exceptions() -> Iterator[None]:
    """Raise ValueError and OSError as an error of the command."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None


workers_option = click.option(
    "--workers",
    type=click.IntRange(1, 64),
    help="Number of processes that serve, one per core. Default: server.workers.",
    show_default=False,
)
