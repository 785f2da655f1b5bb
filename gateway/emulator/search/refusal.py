"""Refusal of a request: an exception that `errors.py` converts into one of Halo's error shapes."""

from typing import Literal

#: Source of the error: Azure API Management, Halo Cloud (wrapped or flat), FHIR engine, query layer.
RefusalSource = Literal["apim", "wrapped", "flat", "engine", "query"]


class Refusal(Exception):  # noqa: N818 - a response, not a program error
    """An error response. `issue_type` is its issue type in an OperationOutcome."""

    def __init__(self, source: RefusalSource, status: int, text: str, issue_type: str = "processing") -> None:
        super().__init__(text)
        self.source: RefusalSource = source
        self.status = status
        self.text = text
        self.issue_type = issue_type
        self.headers: dict[str, str] = {}
        self.error_type = "http"
        self.error_code = status


def bad_argument(text: str) -> Refusal:
    """Build the engine's refusal of an invalid request: 400."""
    return Refusal("engine", 400, text, "invalid")
