"""Execution of a command at a practice; a SELECT that the interpreter leaves out gets a fixed result."""

from typing import Any, Final, NamedTuple

from gateway.emulator.search.refusal import Refusal
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import Site
from gateway.emulator.sql.commands import Submission, bad_body
from gateway.emulator.sql.engine import Execution, ExecutionLog, execute
from gateway.emulator.sql.errors import (
    NotExecuted,
    ParameterConversionError,
    SqlServerError,
    TextParametersRefused,
)
from gateway.emulator.sql.parameter_conversion import CONVERSION_ERROR, ENCODINGS, has_large_value
from gateway.emulator.sql.procedures import Procedures
from gateway.emulator.sql.query_error import EMPTY_TEXT, QueryError

#: What Halo adds to SqlClient's text.
_ADVICE: Final = " Please correct your request and try again."
_CONVERSION_FAILED: Final = QueryError("haloLink", 2, CONVERSION_ERROR)


class SqlContext(NamedTuple):
    """A site with the settings in force and the record of its executions."""

    site: Site
    settings: EmulatorSettings
    log: ExecutionLog


def conversion_error(context: SqlContext, submission: Submission) -> QueryError | None:
    """Return the known issue's error for a command, or None."""
    settings, guid = context.settings, context.site.guid
    encoding = ENCODINGS[settings.variants_at(guid).sql_binary_values]
    is_broken = settings.is_fault_enabled("sql-parameter-conversion", guid)
    return _CONVERSION_FAILED if is_broken and has_large_value(submission.command, encoding) else None


def refuse_at_submission(context: SqlContext, error: QueryError) -> None:
    """Raise the known issue as Halo Cloud's refusal (400), unless the site reports it as a query's state."""
    if context.settings.variants_at(context.site.guid).sql_conversion_error == "at-submission":
        raise Refusal("wrapped", 400, error.errorMessage, "invalid")


def run_command(context: SqlContext, command: dict[str, Any]) -> Execution | QueryError:
    """Execute a command. Raises Refusal (400) where Halo Link fails before it asks the database."""
    variants = context.settings.variants_at(context.site.guid)
    if not command["text"].strip():
        return EMPTY_TEXT
    try:
        return execute(
            command,
            Procedures(context.settings.procedures),
            context.log,
            binary_encoding=ENCODINGS[variants.sql_binary_values],
            refuses_text_parameters=not variants.sql_text_parameters,
        )
    except NotExecuted:
        return Execution([], _fixed_rows(context.site, variants.sql_rows), -1)
    except (ParameterConversionError, TextParametersRefused) as error:
        raise bad_body(f"{error.message}{_ADVICE}") from None
    except SqlServerError as error:
        return QueryError("mssql" if error.number else "haloLink", error.number or 1, error.message)


def _fixed_rows(site: Site, count: int) -> list[dict[str, Any]]:
    return [{"SiteName": site.name, "Answer": number} for number in range(1, count + 1)]
