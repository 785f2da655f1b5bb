"""Finding and ValidationResult of a resource."""

from typing import Literal, NamedTuple

Severity = Literal["error", "information"]


class Finding(NamedTuple):
    """An error in a resource, or a part that is not checked (`information`).

    `path` is FHIRPath from the resource's type (`Patient.contact[0].gender`), `code` an R4 issue type.
    `message` names the error and the change, without words of the client; `name` is the client's name of an
    element that R4 does not define, only for the author of the resource, never for a log.
    """

    path: str
    code: str
    message: str
    severity: Severity = "error"
    name: str = ""


class ValidationResult(NamedTuple):
    """Findings in the order of the text, and the number of errors that are not listed."""

    findings: tuple[Finding, ...] = ()
    unlisted_errors: int = 0

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that make the resource invalid."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def error_count(self) -> int:
        """Number of all errors, listed or not."""
        return len(self.errors) + self.unlisted_errors
