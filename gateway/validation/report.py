"""What `halo-gateway validate` prints: one line for each finding, `file: path: message`."""

import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from errno import EBADF
from pathlib import Path
from typing import BinaryIO, NamedTuple

from gateway.validation.finding import Finding, Verdict
from gateway.validation.judge import judged

#: The ending of files with one resource a line (http://ndjson.org).
_LINES = ".ndjson"
#: A name that a terminal shows as it is.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]{0,63}")


class Line(NamedTuple):
    """One line to print: whether it says that something is wrong, and that the file cannot be read."""

    text: str
    wrong: bool = True
    unreadable: bool = False


def printed(file: str, stdin: BinaryIO | None) -> Iterator[Line]:
    """The lines for a file, or for standard input (`-`; None if closed). Raises MissingExtraError."""
    name = _shown(file)
    try:
        with _open(file, stdin) as text:
            verdicts = _each(name, text) if file.lower().endswith(_LINES) else _whole(name, text)
            yield from _lines(name, verdicts)
    except OSError as problem:
        yield Line(f"{name}: cannot be read: {problem.strerror}", unreadable=True)


def _open(file: str, stdin: BinaryIO | None) -> AbstractContextManager[BinaryIO]:
    if file != "-":
        return Path(file).open("rb")
    if stdin is None:
        raise OSError(EBADF, "standard input is closed")
    return nullcontext(stdin)


def _shown(file: str) -> str:
    """A file's name on one line of a terminal."""
    return "".join(each if each.isprintable() else "?" for each in file)


def _whole(file: str, text: BinaryIO) -> Iterator[tuple[str, Verdict]]:
    yield file, judged(text.read())


def _each(file: str, text: BinaryIO) -> Iterator[tuple[str, Verdict]]:
    for number, line in enumerate(text, 1):
        if line.strip():
            yield f"{file}:{number}", judged(line)


def _lines(file: str, verdicts: Iterable[tuple[str, Verdict]]) -> Iterator[Line]:
    """The findings of a file's resources, or one line that says there are none."""
    wrong = unchecked = False
    resources = 0
    for place, verdict in verdicts:
        resources += 1
        wrong |= verdict.total > 0
        unchecked |= len(verdict.findings) > len(verdict.errors)
        yield from (Line(f"{place}: {_words(each)}", each.severity == "error") for each in verdict.findings)
        if verdict.more:
            yield Line(f"{place}: and {verdict.more} more")
    if not resources:
        yield Line(f"{file}: holds no resource")
    elif not wrong:
        yield Line(f"{file}: valid{', but for what is not checked' if unchecked else ''}", wrong=False)


def _words(finding: Finding) -> str:
    name = f": {finding.name}" if _PLAIN.fullmatch(finding.name) else ""
    return f"{finding.path}: {finding.message}{name}"
