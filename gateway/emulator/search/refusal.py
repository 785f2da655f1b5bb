"""Why the emulator says no: one exception, which `errors.py` turns into one of Halo's shapes."""

from typing import Literal

RefusalSource = Literal["apim", "wrapped", "flat", "engine", "query"]
"""Who answers: Azure API Management, Halo Cloud (wrapped or flat), the FHIR engine, the query layer."""


class Refusal(Exception):  # noqa: N818 - an answer, not a program error
    """An answer other than success. `issue` is the OperationOutcome issue type of the same meaning."""

    def __init__(self, source: RefusalSource, status: int, text: str, issue_type: str = "processing") -> None:
        super().__init__(text)
        self.source: RefusalSource = source
        self.status = status
        self.text = text
        self.issue_type = issue_type
        self.headers: dict[str, str] = {}


def bad_argument(text: str) -> Refusal:
    """The engine's refusal of something in the request: 400."""
    return Refusal("engine", 400, text, "invalid")
