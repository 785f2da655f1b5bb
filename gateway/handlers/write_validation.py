"""Validation of a change against R4 before it is sent, and billed."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import structlog

from gateway.core.exchange import FhirRequest, FhirResponse, Handler
from gateway.core.failure import Failure, Issue
from gateway.core.kinds import WRITE_INVALID
from gateway.validation.finding import Finding, Verdict
from gateway.validation.judge import Expected, judged

HEADER = "gateway-validation"

_log = structlog.get_logger()
_JUDGED = frozenset({"create", "update", "transaction"})
#: Bodies judged at once: threads share one lock with the event loop, so that more would not be faster.
_AT_ONCE = 2
#: Issues of an outcome, paths in the header, and characters of a path.
_ISSUES, _PATHS, _LONGEST = 15, 5, 200


class WriteValidation:
    """A create, update, batch or transaction whose body is not valid R4: named in a header, or refused.

    JSON is judged in threads, so that a large body holds up no other request. JSON Patch and the Parameters
    of a patch are no resources to be stored, and pass.
    """

    def __init__(self, inner: Handler, mode: Literal["warn", "refuse"]) -> None:
        self._inner = inner
        self._refuses = mode == "refuse"
        self._threads = ThreadPoolExecutor(_AT_ONCE, "validation")

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer, with a header for an invalid body. Raises Failure 400 where that is refused."""
        if request.interaction.code not in _JUDGED:
            return await self._inner(request)
        loop = asyncio.get_running_loop()
        verdict = await loop.run_in_executor(self._threads, judged, request.body, expected(request))
        if not verdict.total:
            return await self._inner(request)
        _log.warning(
            "invalid-write",
            request_id=request.request_id,
            site=request.site.name if request.site else "",
            type=request.interaction.type,
            findings=verdict.total,
        )
        if self._refuses:
            raise refusal(verdict)
        return await self._warned(request, (HEADER, paths(verdict)))

    async def _warned(self, request: FhirRequest, header: tuple[str, str]) -> FhirResponse:
        """The answer that names what is wrong, a failure too: it is the likely cause."""
        try:
            response = await self._inner(request)
        except Failure as failure:
            failure.headers = (*failure.headers, header)
            raise
        return response.with_header(*header)


def expected(request: FhirRequest) -> Expected:
    """What the URL says of the body."""
    act = request.interaction
    if act.code == "transaction":
        return Expected("Bundle", carried_out=True)
    return Expected(act.type, act.id)


def refusal(verdict: Verdict) -> Failure:
    """One issue for each finding; the last one counts those that an outcome has no room for."""
    first, *rest = map(_issue, verdict.errors[:_ISSUES] or (_BEYOND,))
    beyond = verdict.total - 1 - len(rest)
    more = (Issue("structure", f"Errors beyond these: {beyond}."),) if beyond else ()
    return Failure(
        WRITE_INVALID,
        text=f"{WRITE_INVALID.text} {first.text}",
        issue=first.code,
        expression=first.expression,
        further=(*rest, *more),
    )


def paths(verdict: Verdict) -> str:
    """The paths of the first elements that are wrong, as a list for a header field."""
    found = dict.fromkeys(_path(each) for each in verdict.errors)
    return ", ".join(list(found)[:_PATHS]) or _BEYOND.path


#: Stands for errors that no finding is left for.
_BEYOND = Finding("Resource", "structure", "is not valid")


def _issue(finding: Finding) -> Issue:
    path = _path(finding)
    return Issue(finding.code, f"{path} {finding.message}.", path)


def _path(finding: Finding) -> str:
    """The path of the element, or of the nearest around it whose path is not too long."""
    if len(finding.path) <= _LONGEST:
        return finding.path
    return finding.path[:_LONGEST].rpartition(".")[0]
