"""One row of a dialect: conditions as data, and the kind of failure they mean."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Literal, Self

from gateway.errors.failure import FailureKind

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
_ERROR_SHAPES = frozenset({"outcome", "details", "root", "exception"})
#: Statuses under which an envelope knows better: what went wrong stands inside.
_UNINFORMATIVE_STATUSES = frozenset({*range(200, 300), 400})
_ERROR_STATUSES = frozenset(int(each) for each in HTTPStatus if each >= HTTPStatus.BAD_REQUEST)


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
    def searchable_text(self) -> str:
        """All its words, to look for phrases in."""
        return " ".join(filter(None, (self.exception, self.status_text, self.message)))

    @property
    def is_error(self) -> bool:
        """Whether the body says "error" by itself, whatever HTTP's status says."""
        if self.shape == "result":
            return self.error_code not in {"", "0", "200"}
        return self.shape in _ERROR_SHAPES or self.status in _ERROR_STATUSES

    def with_http_status(self, status: int) -> Self:
        """The error as it counts under an HTTP status: the inner one wins where HTTP's says nothing."""
        inner = self.status if self.status in _ERROR_STATUSES else 0
        return replace(self, status=inner if inner and status in _UNINFORMATIVE_STATUSES else status)


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """All conditions given must hold. `says` is a regular expression, searched without regard to case.

    `own` is the kind instead when the credentials were the gateway's own; `relays` keeps the upstream's issue
    type where it is more specific.
    """

    id: str
    kind: FailureKind
    status: Collection[int] = ()
    types: Collection[str] = ()
    codes: Collection[str] = ()
    shapes: Collection[str] = ()
    message_pattern: str = ""
    own_credentials_kind: FailureKind | None = None
    relays_issue_type: bool = False

    def matches(self, error: UpstreamError) -> bool:
        """Whether an upstream error is this row's."""
        return (
            (not self.status or error.status in self.status)
            and (not self.types or error.error_type in self.types)
            and (not self.codes or error.error_code in self.codes)
            and (not self.shapes or error.shape in self.shapes)
            and (
                not self.message_pattern
                or re.search(self.message_pattern, error.searchable_text, re.IGNORECASE) is not None
            )
        )
