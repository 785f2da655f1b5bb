"""Report of `halo-gateway validate`: one line per finding, `file: path: message`."""

import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from errno import EBADF
from pathlib import Path
from typing import BinaryIO, NamedTuple

from gateway.validation.finding import Finding, ValidationResult
from gateway.validation.judge import validate_resource

#: Suffix of files with one resource per line (http://ndjson.org).
_NDJSON_SUFFIX = ".ndjson"
#: Element names that are safe to print: a terminal interprets no character of them.
_PRINTABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]{0,63}")


class ReportLine(NamedTuple):
    """One line to print, whether it reports an error, and whether it reports an unreadable file."""

    text: str
    is_error: bool = True
    is_unreadable: bool = False


def report_lines(file: str, stdin: BinaryIO | None) -> Iterator[ReportLine]:
    """Report lines of a file, or of standard input (`-`; None if closed). Raises MissingExtraError."""
    name = _printable_name(file)
    try:
        with _open_input(file, stdin) as text:
            results = (
                _validate_lines(name, text)
                if file.lower().endswith(_NDJSON_SUFFIX)
                else _validate_file(name, text)
            )
            yield from _finding_lines(name, results)
    except OSError as error:
        yield ReportLine(f"{name}: cannot be read: {error.strerror}", is_unreadable=True)


def _open_input(file: str, stdin: BinaryIO | None) -> AbstractContextManager[BinaryIO]:
    if file != "-":
        return Path(file).open("rb")
    if stdin is None:
        raise OSError(EBADF, "standard input is closed")
    return nullcontext(stdin)


def _printable_name(file: str) -> str:
    """File name without characters that break a line of a terminal."""
    return "".join(char if char.isprintable() else "?" for char in file)


def _validate_file(file: str, text: BinaryIO) -> Iterator[tuple[str, ValidationResult]]:
    yield file, validate_resource(text.read())


def _validate_lines(file: str, text: BinaryIO) -> Iterator[tuple[str, ValidationResult]]:
    for number, line in enumerate(text, 1):
        if line.strip():
            yield f"{file}:{number}", validate_resource(line)


def _finding_lines(file: str, results: Iterable[tuple[str, ValidationResult]]) -> Iterator[ReportLine]:
    """Report lines of a file's findings, and one line if it has no error or no resource."""
    has_errors = has_unchecked = False
    resources = 0
    for location, result in results:
        resources += 1
        has_errors |= result.error_count > 0
        has_unchecked |= len(result.findings) > len(result.errors)
        yield from (
            ReportLine(f"{location}: {_finding_text(finding)}", finding.severity == "error")
            for finding in result.findings
        )
        if result.unlisted_errors:
            yield ReportLine(f"{location}: and {result.unlisted_errors} more")
    if not resources:
        yield ReportLine(f"{file}: contains no resource")
    elif not has_errors:
        exception = ", except for the unchecked parts" if has_unchecked else ""
        yield ReportLine(f"{file}: valid{exception}", is_error=False)


def _finding_text(finding: Finding) -> str:
    name = f": {finding.name}" if _PRINTABLE_NAME.fullmatch(finding.name) else ""
    return f"{finding.path}: {finding.message}{name}"
