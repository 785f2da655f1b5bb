"""Finding and Verdict: what a judgement of a resource says."""

from typing import Literal, NamedTuple

Severity = Literal["error", "information"]


class Finding(NamedTuple):
    """One thing that is wrong in a resource, or that is not checked (`information`).

    `path` is FHIRPath from the resource's type (`Patient.contact[0].gender`), `code` an R4 issue type.
    `message` says what is wrong and what to change, without a word of what the client wrote; `name` is the
    client's own name of an element that R4 does not know, for a reader who owns the text, and for no log.
    """

    path: str
    code: str
    message: str
    severity: Severity = "error"
    name: str = ""


class ValidationResult(NamedTuple):
    """The findings of a judgement in the text's order, and how many errors there are beyond them."""

    findings: tuple[Finding, ...] = ()
    unlisted_errors: int = 0

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that make the text invalid."""
        return tuple(each for each in self.findings if each.severity == "error")

    @property
    def error_count(self) -> int:
        """How many errors there are in all."""
        return len(self.errors) + self.unlisted_errors
