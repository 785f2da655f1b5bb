"""Validation of writes against R4 before they are sent and billed."""

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
#: Maximum bytes of a body that the event loop validates itself: at most 5 ms, so that no booking waits.
_MAX_INLINE_BYTES = 16_384
#: Larger bodies validated concurrently (threads share a lock with the event loop: more are not faster), and
#: those that run or wait: 2 MB take half a second, so that a request waits a few seconds at most.
_MAX_THREADS, _MAX_QUEUE = 2, 8
_QUEUE_FULL_TEXT = (
    "Too many large changes wait for validation. This request was not sent."
    " Retry after the time in Retry-After."
)
#: Maximum issues of an OperationOutcome, paths in the header, and characters of a path: limits on size.
_MAX_ISSUES, _MAX_PATHS, _MAX_PATH_LENGTH = 15, 5, 200


class WriteValidation:
    """Warns of, or rejects, a create, update or transaction whose body is not valid R4.

    A thread validates a large body, so that it delays no other request; few may wait. JSON Patch and the
    Parameters of a patch pass: they are not resources to be stored.
    """

    def __init__(self, inner: Handler, mode: Literal["warn", "refuse"]) -> None:
        self._inner = inner
        self._rejects_invalid = mode == "refuse"
        self._threads = ThreadPoolExecutor(_MAX_THREADS, "validation")
        self._validations_in_flight = 0
        validate_resource(b'{"resourceType":"Patient"}')  # loads the definitions before the first write

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the inner response, with a header for an invalid body.

        Raises Failure 400 if invalid bodies are rejected, 503 if too many large bodies wait.
        """
        if request.interaction.code not in _VALIDATED_INTERACTIONS:
            return await self._inner(request)
        result = await self._validate_body(request)
        if not result.error_count:
            return await self._inner(request)
        _log.warning(
            "invalid-write",
            request_id=request.request_id,
            site=request.site.name if request.site else "",
            type=request.interaction.type,
            findings=result.error_count,
        )
        if self._rejects_invalid:
            raise validation_failure(result)
        return await self._call_with_warning(request, (VALIDATION_HEADER, error_paths(result)))

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
        """Add the header to the response or failure: the invalid body is its likely cause."""
        try:
            response = await self._inner(request)
        except Failure as failure:
            raise failure.with_headers(header) from failure.__cause__
        return response.with_header(*header)


def expected_body(request: FhirRequest) -> ExpectedBody:
    """Return the body that the request's URL expects."""
    interaction = request.interaction
    if interaction.code == "transaction":
        return ExpectedBody("Bundle", is_batch_or_transaction=True)
    return ExpectedBody(interaction.type, interaction.id)


def validation_failure(result: ValidationResult) -> Failure:
    """Return a failure with one issue per finding; the last issue counts the errors beyond the limit."""
    first, *rest = map(_finding_issue, result.errors[:_MAX_ISSUES] or (_UNLISTED_FINDING,))
    unlisted = result.error_count - 1 - len(rest)
    more = (Issue("structure", f"Further errors: {unlisted}."),) if unlisted else ()
    return Failure(
        WRITE_INVALID,
        text=f"{WRITE_INVALID.text} {first.text}",
        issue=first.code,
        expression=first.expression,
        more_issues=(*rest, *more),
    )


def error_paths(result: ValidationResult) -> str:
    """Paths of the first invalid elements, as the value of a header."""
    paths = dict.fromkeys(_shortened_path(finding) for finding in result.errors)
    return ", ".join(list(paths)[:_MAX_PATHS]) or _UNLISTED_FINDING.path


#: Finding for errors that are counted but not listed.
_UNLISTED_FINDING = Finding("Resource", "structure", "is not valid")


def _finding_issue(finding: Finding) -> Issue:
    path = _shortened_path(finding)
    subject = path if path == finding.path else f"An element below {path}"
    return Issue(finding.code, f"{subject} {finding.message}.", path)


def _shortened_path(finding: Finding) -> str:
    """Path of the element, or of its nearest ancestor with a path of at most _MAX_PATH_LENGTH characters."""
    if len(finding.path) <= _MAX_PATH_LENGTH:
        return finding.path
    return finding.path[:_MAX_PATH_LENGTH].rpartition(".")[0]
