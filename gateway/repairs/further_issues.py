"""Known issues without a repair in this folder, and their witnesses."""

from collections.abc import Iterator

from gateway.exchange import FhirRequest
from gateway.paging.page_size import TOO_LARGE
from gateway.repairs.repair import KnownIssue
from gateway.repairs.witness import UpstreamAnswer, Witness
from gateway.sites.issue_states import Verdict

#: The largest limit that Halo documents, in bytes.
_DOCUMENTED_LIMIT = 8_000_000


def witness_size_limit(_: FhirRequest, answer: UpstreamAnswer) -> Iterator[tuple[str, Verdict]]:
    """Yield broken for a result that was too large, right for one beyond every documented limit."""
    if answer.failure is not None and answer.failure.kind.code == TOO_LARGE:
        yield "", "broken"
    elif answer.size > _DOCUMENTED_LIMIT:
        yield "", "right"


FURTHER_ISSUES: tuple[tuple[KnownIssue, Witness], ...] = (
    (
        KnownIssue(
            "response-size-limit",
            "Responses beyond a size limit are refused with 413",
            "Halo Connect troubleshooting, FHIR known issues (older page), and errors (newer page)",
            "8 MB instead of 1 MB on newer versions, which are not named",
            "smaller pages",
        ),
        witness_size_limit,
    ),
)
