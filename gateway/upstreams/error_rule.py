"""Error rule of a dialect: conditions as data, and the kind of failure of an error that meets them."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Literal, Self

from gateway.errors.failure import FailureKind
from gateway.exchange import FhirRequest
from gateway.upstreams.own_words import OwnWords

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
    "state",  # {"status": "uploadFailed"}, a SQL query that failed
    "resource",  # a FHIR resource that is not an OperationOutcome
    "json",  # any other JSON, as text
    "html",
    "text",
    "empty",
    "truncated",  # JSON that ends early
    "unknown",
]
_ERROR_SHAPES = frozenset({"outcome", "details", "root", "exception", "state"})
#: HTTP statuses that an error status inside the body replaces, because it is more specific.
_UNINFORMATIVE_STATUSES = frozenset({*range(200, 300), 400})
_ERROR_STATUSES = frozenset(int(status) for status in HTTPStatus if status >= HTTPStatus.BAD_REQUEST)


@dataclass(frozen=True, slots=True)
class UpstreamError:
    """One upstream error: its shape, the status that counts, and its text (not redacted).

    `message` has at most 1,000 characters. `issue` is the R4 issue type of its most severe issue, `codings`
    are (system, code) pairs that may be relayed, `expression` is FHIRPath that names elements only. `values`
    are those of the body at the paths that rules name (`body_values.py`).
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
    values: tuple[tuple[str, str], ...] = ()

    @property
    def searchable_text(self) -> str:
        """Exception, status text and message, for a search by pattern."""
        return " ".join(filter(None, (self.exception, self.status_text, self.message)))

    @property
    def is_error(self) -> bool:
        """Whether the body reports an error by itself, independently of the HTTP status."""
        if self.shape == "result":
            return self.error_code not in {"", "0", "200"}
        return self.shape in _ERROR_SHAPES or self.status in _ERROR_STATUSES

    def with_own_words(self, request: FhirRequest) -> Self:
        """Return the error without the words of the request, for a search by pattern."""
        texts = (self.exception, self.status_text, self.message)
        exception, status_text, message = map(OwnWords(request).of, texts)
        return replace(self, exception=exception, status_text=status_text, message=message)

    def with_http_status(self, status: int) -> Self:
        """Return the error under an HTTP status; its own status wins if HTTP's is uninformative."""
        own = self.status if self.status in _ERROR_STATUSES else 0
        return replace(self, status=own if own and status in _UNINFORMATIVE_STATUSES else status)


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """Conditions on an upstream error, and the kind of failure of an error that meets all of them.

    `message_pattern` is a regular expression that ignores case. `own_credentials_kind` replaces `kind` if the
    credentials were the gateway's own; `relays_issue_type` keeps an upstream's more specific issue type.
    `body_path` (`error.code`): names of JSON objects from the root of the body to a value that must be there
    and be more than nothing (`body_values.py`), or one of `body_values` as text. Such a rule also finds an
    error under a success status. `reads_all_text`: the pattern is searched in all of the text, also in words
    that the request contains; only for kinds that concern their caller alone.
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
    body_path: str = ""
    body_values: Collection[str] = ()
    reads_all_text: bool = False

    def matches(self, error: UpstreamError) -> bool:
        """Whether an upstream error meets all conditions."""
        return (
            (not self.status or error.status in self.status)
            and (not self.types or error.error_type in self.types)
            and (not self.codes or error.error_code in self.codes)
            and (not self.shapes or error.shape in self.shapes)
            and (not self.body_path or self._matches_value(dict(error.values).get(self.body_path)))
            and (
                not self.message_pattern
                or re.search(self.message_pattern, error.searchable_text, re.IGNORECASE) is not None
            )
        )

    def _matches_value(self, value: str | None) -> bool:
        return value is not None and (not self.body_values or value in self.body_values)
