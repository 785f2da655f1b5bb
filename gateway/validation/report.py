"""What `halo-gateway validate` prints: one line for each finding, `file: path: message`."""

import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from errno import EBADF
from pathlib import Path
from typing import BinaryIO, NamedTuple

from gateway.validation.finding import Finding, ValidationResult
from gateway.validation.judge import validate_resource

#: The ending of files with one resource a line (http://ndjson.org).
_NDJSON_SUFFIX = ".ndjson"
#: A name that a terminal shows as it is.
_PRINTABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]{0,63}")


class ReportLine(NamedTuple):
    """One line to print: whether it says that something is wrong, and that the file cannot be read."""

    text: str
    is_error: bool = True
    is_unreadable: bool = False


def report_lines(file: str, stdin: BinaryIO | None) -> Iterator[ReportLine]:
    """The lines for a file, or for standard input (`-`; None if closed). Raises MissingExtraError."""
    name = _printable_name(file)
    try:
        with _open_input(file, stdin) as text:
            verdicts = (
                _validate_lines(name, text)
                if file.lower().endswith(_NDJSON_SUFFIX)
                else _validate_file(name, text)
            )
            yield from _finding_lines(name, verdicts)
    except OSError as problem:
        yield ReportLine(f"{name}: cannot be read: {problem.strerror}", is_unreadable=True)


def _open_input(file: str, stdin: BinaryIO | None) -> AbstractContextManager[BinaryIO]:
    if file != "-":
        return Path(file).open("rb")
    if stdin is None:
        raise OSError(EBADF, "standard input is closed")
    return nullcontext(stdin)


def _printable_name(file: str) -> str:
    """A file's name on one line of a terminal."""
    return "".join(each if each.isprintable() else "?" for each in file)


def _validate_file(file: str, text: BinaryIO) -> Iterator[tuple[str, ValidationResult]]:
    yield file, validate_resource(text.read())


def _validate_lines(file: str, text: BinaryIO) -> Iterator[tuple[str, ValidationResult]]:
    for number, line in enumerate(text, 1):
        if line.strip():
            yield f"{file}:{number}", validate_resource(line)


def _finding_lines(file: str, verdicts: Iterable[tuple[str, ValidationResult]]) -> Iterator[ReportLine]:
    """The findings of a file's resources, or one line that says there are none."""
    wrong = unchecked = False
    resources = 0
    for place, verdict in verdicts:
        resources += 1
        wrong |= verdict.error_count > 0
        unchecked |= len(verdict.findings) > len(verdict.errors)
        yield from (
            ReportLine(f"{place}: {_finding_text(each)}", each.severity == "error")
            for each in verdict.findings
        )
        if verdict.unlisted_errors:
            yield ReportLine(f"{place}: and {verdict.unlisted_errors} more")
    if not resources:
        yield ReportLine(f"{file}: holds no resource")
    elif not wrong:
        yield ReportLine(
            f"{file}: valid{', but for what is not checked' if unchecked else ''}", is_error=False
        )


def _finding_text(finding: Finding) -> str:
    name = f": {finding.name}" if _PRINTABLE_NAME.fullmatch(finding.name) else ""
    return f"{finding.path}: {finding.message}{name}"
