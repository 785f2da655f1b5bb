"""What an upstream said when it failed, whatever shape it chose for it."""

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Literal, Self

Shape = Literal[
    "outcome",  # FHIR OperationOutcome
    "details",  # {"errorDetails": {...}}
    "root",  # {"errorCode", "errorMessage"}
    "wrapped",  # {"error": {"status", "statusText", "message"}}
    "flat",  # {"status", "statusText", "message"}
    "apim",  # {"statusCode", "message"}, Azure API Management
    "result",  # {"resultCode", "errorMessage"}
    "exception",  # {"ClassName", "Message"}
    "message",  # {"Message"} or {"message"}
    "oauth",  # {"error": "invalid_client"}
    "problem",  # {"type", "title", "status", "detail"}, RFC 9457
    "resource",  # a FHIR resource that is not an OperationOutcome
    "html",
    "text",
    "empty",
    "truncated",  # JSON that ends early
    "unknown",
]

_ALWAYS_ERRORS = frozenset({"outcome", "details", "root", "exception"})

#: Statuses under which an envelope knows better: what went wrong stands inside.
_UNTELLING = frozenset({*range(200, 300), 400})
_STATUSES = frozenset(int(each) for each in HTTPStatus if each >= HTTPStatus.BAD_REQUEST)


@dataclass(frozen=True, slots=True)
class UpstreamError:
    """One upstream error: its shape, the status that counts, and its own words (never for the client as is).

    `message` has at most 1,000 characters. `issue` is the R4 issue type of its gravest issue, `codings` are
    (system, code) pairs that may be relayed, `expression` is FHIRPath that names elements only.
    """

    shape: Shape
    status: int = 0
    error_type: str = ""
    error_code: str = ""
    exception: str = ""
    status_text: str = ""
    message: str = ""
    issue: str = ""
    expression: str = ""
    codings: tuple[tuple[str, str], ...] = ()

    @property
    def said(self) -> str:
        """All its words, to look for phrases in."""
        return " ".join(filter(None, (self.exception, self.status_text, self.message)))

    @property
    def speaks(self) -> bool:
        """Whether the body says "error" by itself, whatever HTTP's status says."""
        if self.shape == "result":
            return self.error_code not in {"", "0", "200"}
        return self.shape in _ALWAYS_ERRORS or self.status in _STATUSES

    def under(self, status: int) -> Self:
        """The error as it counts under an HTTP status: the inner one wins where HTTP's says nothing."""
        inner = self.status if self.status in _STATUSES else 0
        return replace(self, status=inner if inner and status in _UNTELLING else status)
