"""Validation of a change against R4 before it is sent, and billed."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import structlog

from gateway.errors.catalog import GATEWAY_OVERLOADED, WRITE_INVALID
from gateway.errors.failure import Failure, Issue
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.validation.finding import Finding, ValidationResult
from gateway.validation.judge import ExpectedBody, validate_resource

VALIDATION_HEADER = "gateway-validation"

_log = structlog.get_logger()
_VALIDATED_INTERACTIONS = frozenset({"create", "update", "transaction"})
#: Bytes of a body that is judged at once, in 5 ms at most: a large one never holds up a booking.
_MAX_INLINE_BYTES = 16_384
#: Larger bodies judged at the same time (threads share a lock with the event loop: more would not be faster),
#: and those that run or wait: 2 MB take half a second, so that none waits longer than seconds.
_MAX_THREADS, _MAX_QUEUE = 2, 8
_QUEUE_FULL_TEXT = (
    "The gateway is judging too many large changes, and did not send this one: try again after Retry-After."
)
#: Issues of an outcome, paths in the header, and characters of a path.
_MAX_ISSUES, _MAX_PATHS, _MAX_PATH_LENGTH = 15, 5, 200


class WriteValidation:
    """A create, update, batch or transaction whose body is not valid R4: named in a header, or refused.

    A large body is judged in a thread, so that it holds up no other request; of these only a few wait. JSON
    Patch and the Parameters of a patch are no resources to be stored, and pass.
    """

    def __init__(self, inner: Handler, mode: Literal["warn", "refuse"]) -> None:
        self._inner = inner
        self._rejects_invalid = mode == "refuse"
        self._threads = ThreadPoolExecutor(_MAX_THREADS, "validation")
        self._validations_in_flight = 0
        validate_resource(
            b'{"resourceType":"Patient"}'
        )  # loads the definitions before the first change comes

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer, with a header for an invalid body.

        Raises Failure 400 where that is refused, 503 where too many large bodies wait.
        """
        if request.interaction.code not in _VALIDATED_INTERACTIONS:
            return await self._inner(request)
        verdict = await self._validate_body(request)
        if not verdict.error_count:
            return await self._inner(request)
        _log.warning(
            "invalid-write",
            request_id=request.request_id,
            site=request.site.name if request.site else "",
            type=request.interaction.type,
            findings=verdict.error_count,
        )
        if self._rejects_invalid:
            raise validation_failure(verdict)
        return await self._call_with_warning(request, (VALIDATION_HEADER, error_paths(verdict)))

    async def _validate_body(self, request: FhirRequest) -> ValidationResult:
        if len(request.body) <= _MAX_INLINE_BYTES:
            return validate_resource(request.body, expected_body(request))
        if self._validations_in_flight >= _MAX_QUEUE:
            raise Failure(GATEWAY_OVERLOADED, text=_QUEUE_FULL_TEXT)
        self._validations_in_flight += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(
                self._threads, validate_resource, request.body, expected_body(request)
            )
        finally:
            self._validations_in_flight -= 1

    async def _call_with_warning(self, request: FhirRequest, header: tuple[str, str]) -> FhirResponse:
        """The answer that names what is wrong, a failure too: it is the likely cause."""
        try:
            response = await self._inner(request)
        except Failure as failure:
            failure.headers = (*failure.headers, header)
            raise
        return response.with_header(*header)


def expected_body(request: FhirRequest) -> ExpectedBody:
    """What the URL says of the body."""
    act = request.interaction
    if act.code == "transaction":
        return ExpectedBody("Bundle", is_batch_or_transaction=True)
    return ExpectedBody(act.type, act.id)


def validation_failure(result: ValidationResult) -> Failure:
    """One issue for each finding; the last one counts those that an outcome has no room for."""
    first, *rest = map(_finding_issue, result.errors[:_MAX_ISSUES] or (_UNLISTED_FINDING,))
    beyond = result.error_count - 1 - len(rest)
    more = (Issue("structure", f"Errors beyond these: {beyond}."),) if beyond else ()
    return Failure(
        WRITE_INVALID,
        text=f"{WRITE_INVALID.text} {first.text}",
        issue=first.code,
        expression=first.expression,
        more_issues=(*rest, *more),
    )


def error_paths(result: ValidationResult) -> str:
    """The paths of the first elements that are wrong, as a list for a header field."""
    found = dict.fromkeys(_shortened_path(each) for each in result.errors)
    return ", ".join(list(found)[:_MAX_PATHS]) or _UNLISTED_FINDING.path


#: Stands for errors that no finding is left for.
_UNLISTED_FINDING = Finding("Resource", "structure", "is not valid")


def _finding_issue(finding: Finding) -> Issue:
    path = _shortened_path(finding)
    where = path if path == finding.path else f"An element below {path}"
    return Issue(finding.code, f"{where} {finding.message}.", path)


def _shortened_path(finding: Finding) -> str:
    """The path of the element, or of the nearest around it whose path is not too long."""
    if len(finding.path) <= _MAX_PATH_LENGTH:
        return finding.path
    return finding.path[:_MAX_PATH_LENGTH].rpartition(".")[0]
