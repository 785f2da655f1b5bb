"""Command that runs a server: all that it writes to stderr is a line of the log, also its own errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

from gateway.cli.options import CommandWithExamples


class ServerCommand(CommandWithExamples):
    """A command whose errors are log lines."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Parse the arguments."""
        with _logged_errors():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _logged_errors():
            return super().invoke(ctx)


def start_log() -> None:
    """Log from level info until the settings are read."""
    from gateway.telemetry.log_config import configure_logging
    from gateway.telemetry.process_log import capture_process_output

    configure_logging("info")
    capture_process_output()


class _LoggedError(click.ClickException):
    """An error that is shown as log lines, one per line of its text."""

    def __init__(self, error: click.ClickException) -> None:
        super().__init__(error.format_message())
        self.exit_code = error.exit_code  # type: ignore[misc] # click declares it for the class

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the log lines."""
        from gateway.telemetry.log_config import format_line

        for problem in filter(None, map(str.strip, self.message.splitlines())):
            click.echo(format_line("error", "start-failed", problem=problem), file=file, err=file is None)


@contextmanager
def _logged_errors() -> Iterator[None]:
    try:
        yield
    except click.ClickException as error:
        raise _LoggedError(error) from None
    except KeyboardInterrupt:
        raise _LoggedError(click.ClickException("interrupted")) from None
