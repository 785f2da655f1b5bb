"""Execution of a command at a practice: the interpreter, and a fixed result for a plain SELECT."""

import re
from typing import Any, Final, NamedTuple

from gateway.emulator.search.refusal import Refusal
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import Site
from gateway.emulator.sql.commands import Submission
from gateway.emulator.sql.engine_stub import Execution, ExecutionLog, SqlServerError, execute
from gateway.emulator.sql.parameter_conversion import (
    CONVERSION_ERROR,
    has_inconvertible_value,
    with_base64_values,
)
from gateway.emulator.sql.query_error import EMPTY_TEXT, QueryError

_PLAIN_SELECT: Final = re.compile(r"\s*select\b(?!\s*@)", re.IGNORECASE)


class Practice(NamedTuple):
    """A site with the settings in force and the record of its executions."""

    site: Site
    settings: EmulatorSettings
    log: ExecutionLog


def conversion_error(practice: Practice, submission: Submission) -> QueryError | None:
    """Return the known issue's error for a command, or None. Raises Refusal for a malformed binary value."""
    settings, guid = practice.settings, practice.site.guid
    encoding = settings.variants_at(guid).sql_binary_values
    if not settings.is_fault_enabled("sql-parameter-conversion", guid):
        return None
    if not has_inconvertible_value(submission.command, encoding):
        return None
    return QueryError("haloLink", 2, CONVERSION_ERROR)


def refuse_at_submission(practice: Practice, error: QueryError) -> None:
    """Raise the known issue as Halo Cloud's refusal (400), unless the site reports it as a query's state."""
    if practice.settings.variants_at(practice.site.guid).sql_conversion_error == "at-submission":
        raise Refusal("wrapped", 400, error.errorMessage, "invalid")


def run_command(practice: Practice, command: dict[str, Any]) -> Execution | QueryError:
    """Execute a command whose values Halo Link has converted. Raises Refusal for a malformed binary value."""
    variants = practice.settings.variants_at(practice.site.guid)
    if not command["text"].strip():
        return EMPTY_TEXT
    if command.get("type", "text") == "text" and _PLAIN_SELECT.match(command["text"]):
        return Execution([], _fixed_rows(practice.site, variants.sql_rows), -1)
    converted = with_base64_values(command, variants.sql_binary_values)
    if command.get("type", "text") == "text" and not variants.sql_text_parameters:
        converted["parameters"] = []
    try:
        return execute(converted, None, practice.log)
    except SqlServerError as error:
        return QueryError("mssql", error.number, error.message)


def _fixed_rows(site: Site, count: int) -> list[dict[str, Any]]:
    return [{"SiteName": site.name, "Answer": number} for number in range(1, count + 1)]
