"""Validation of a change against R4 before it is sent, and billed."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import structlog

from gateway.errors.catalog import OVERLOADED, WRITE_INVALID
from gateway.errors.failure import Failure, Issue
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.validation.finding import Finding, Verdict
from gateway.validation.judge import Expected, judged

HEADER = "gateway-validation"

_log = structlog.get_logger()
_JUDGED = frozenset({"create", "update", "transaction"})
#: Bytes of a body that is judged at once, in 5 ms at most: a large one never holds up a booking.
_SMALL = 16_384
#: Larger bodies judged at the same time (threads share a lock with the event loop: more would not be faster),
#: and those that run or wait: 2 MB take half a second, so that none waits longer than seconds.
_AT_ONCE, _QUEUE = 2, 8
_FULL = (
    "The gateway is judging too many large changes, and did not send this one: try again after Retry-After."
)
#: Issues of an outcome, paths in the header, and characters of a path.
_ISSUES, _PATHS, _LONGEST = 15, 5, 200


class WriteValidation:
    """A create, update, batch or transaction whose body is not valid R4: named in a header, or refused.

    A large body is judged in a thread, so that it holds up no other request; of these only a few wait. JSON
    Patch and the Parameters of a patch are no resources to be stored, and pass.
    """

    def __init__(self, inner: Handler, mode: Literal["warn", "refuse"]) -> None:
        self._inner = inner
        self._refuses = mode == "refuse"
        self._threads = ThreadPoolExecutor(_AT_ONCE, "validation")
        self._judging = 0
        judged(b'{"resourceType":"Patient"}')  # loads the definitions before the first change comes

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer, with a header for an invalid body.

        Raises Failure 400 where that is refused, 503 where too many large bodies wait.
        """
        if request.interaction.code not in _JUDGED:
            return await self._inner(request)
        verdict = await self._verdict(request)
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

    async def _verdict(self, request: FhirRequest) -> Verdict:
        if len(request.body) <= _SMALL:
            return judged(request.body, expected(request))
        if self._judging >= _QUEUE:
            raise Failure(OVERLOADED, text=_FULL)
        self._judging += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, judged, request.body, expected(request))
        finally:
            self._judging -= 1

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
    where = path if path == finding.path else f"An element below {path}"
    return Issue(finding.code, f"{where} {finding.message}.", path)


def _path(finding: Finding) -> str:
    """The path of the element, or of the nearest around it whose path is not too long."""
    if len(finding.path) <= _LONGEST:
        return finding.path
    return finding.path[:_LONGEST].rpartition(".")[0]
