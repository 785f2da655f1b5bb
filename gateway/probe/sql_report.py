"""Report of a probe of SQL Passthrough: what the answers show, and the settings that follow.

TOML that the gateway loads. A setting of the probed site is a line; one for all sites is a comment.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from gateway.probe.sql_questions import (
    PROBED_TEXTS,
    Reading,
    SqlAnswers,
    binary_reading,
    largest_request,
    refused_request,
    takes_parameters,
    value_length,
)
from gateway.probe.sql_run import SqlProbeReport
from gateway.settings import Settings

_READING_TEXTS: Final[Mapping[Reading, str]] = {
    "bytes": "arrives as its bytes, as the gateway assumes",
    "base64": "ARRIVES AS OTHER BYTES: it is read as base64",
    "utf-16": "ARRIVES AS OTHER BYTES: the characters of its text in UTF-16",
    "characters": "ARRIVES AS OTHER BYTES: the characters of its text",
    "other": "ARRIVES AS OTHER BYTES",
    "refused": "is refused",
    "undeclared": "does not arrive: the database does not know the parameter",
    "unclear": "cannot tell, the response has no such row",
    "unasked": "not asked",
}
#: Readings with which a declared value would differ from that of today.
_OTHER_BYTES: Final = frozenset({"base64", "utf-16", "characters", "other"})
_PARAMETER_TEXTS: Final = {
    True: "a command of type text takes parameters, as the gateway assumes",
    False: "A COMMAND OF TYPE TEXT TAKES NO PARAMETERS",
    None: "whether a command of type text takes parameters: cannot tell",
}
_PROCEDURE_NOTES: Final = (
    "stored procedures (sql-parameter-conversion): not asked, because the probe executes none. To check it,",
    "  send a procedure with a VarBinary of more than 8,000 bytes directly to Halo, for a test patient: the",
    '  response 400 "Failed to convert parameter value" is the issue.',
)
_NO_PARAMETERS: Final = "a text command takes no parameters; report it: declaring all of them is not built"
_DIFFERENT_VALUE: Final = "declared in SQL text, a binary value would be stored as other bytes"


def render_sql_report(report: SqlProbeReport, settings: Settings) -> str:
    """Return the report."""
    answers = report.answers
    notes = (
        *_header_notes(report),
        _PARAMETER_TEXTS[takes_parameters(answers)],
        *(
            f"a binary value as {name}: {_READING_TEXTS[binary_reading(answers, form)]}"
            for form, name in (("hex", "0x…"), ("base64", "base64"))
        ),
        *_size_notes(answers, settings.sql.max_body),
        *_conversion_note(answers),
        *_PROCEDURE_NOTES,
    )
    return "\n".join([*(f"# {note}" for note in notes), *_setting_lines(report.guid, answers), ""])


def _header_notes(report: SqlProbeReport) -> Iterator[str]:
    yield f"halo-gateway probe --sql: {report.queries_sent} of at most {report.budget} queries sent"
    yield f"probed {report.started_at:%Y-%m-%d}"
    if report.questions_left:
        budget = report.budget + report.questions_left
        yield f"{report.questions_left} questions were not asked: probe again with --budget {budget}"
    if report.problem:
        yield f"ENDED EARLY: {report.problem} The results below are from before."


def _size_notes(answers: SqlAnswers, max_body: int) -> Iterator[str]:
    largest, refused = largest_request(answers), refused_request(answers)
    if refused:
        size, answer = refused
        yield f"a request of {size:,} bytes: {answer.refusal or 'ITS VALUE DID NOT ARRIVE WHOLE'}"
    if largest:
        value = value_length(largest)
        yield f"a request of {largest:,} bytes arrives whole: binary values of up to {value:,} bytes"
    elif not refused:
        yield "size of a request: not asked"
    if refused and 0 < largest < max_body:
        yield f"  for all sites: sql.max_body = {largest}  # the gateway refuses what would not arrive"


def _conversion_note(answers: SqlAnswers) -> Iterator[str]:
    """Yield the setting for a site that converts no binary value, whatever its size."""
    readings = {binary_reading(answers, form) for form in PROBED_TEXTS}
    if readings == {"refused"} and takes_parameters(answers):
        yield "Halo converts no binary value at this site, small ones included"
        yield '  for all sites: sql.rewrite = "binary-always"'


def _setting_lines(guid: str, answers: SqlAnswers) -> Iterator[str]:
    """Yield the switch of the repair if it would not do what the gateway assumes."""
    has_other_bytes = not _OTHER_BYTES.isdisjoint(binary_reading(answers, form) for form in PROBED_TEXTS)
    reason = _NO_PARAMETERS if takes_parameters(answers) is False else _DIFFERENT_VALUE
    if has_other_bytes or takes_parameters(answers) is False:
        yield ""
        yield f'[sites."{guid}".repairs]'
        yield f"sql-parameter-conversion = false  # {reason}"
