"""Invalidation by requests to a mounted upstream beside its cache: jobs, other URLs, other mounts."""

from collections.abc import Callable, Mapping
from http import HTTPStatus

from gateway.cache.freshness import ANY_TYPE, written_types
from gateway.cache.invalidation import InvalidationCounters
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler, may_write
from gateway.http.base_urls import parse_base
from gateway.http.token_requests import is_token_request

#: Operation of the status URL of a job.
_JOB = "RequestResult"
_FINISHED_STATUSES = frozenset(
    {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT, HTTPStatus.SEE_OTHER}
)


def mounts_at_origin(urls_by_mount: Mapping[str, str], url: str) -> tuple[str, ...]:
    """Names of the mounts whose upstream has the host and port of a URL: they serve the same data."""
    host = parse_base(url).host
    return tuple(name for name, other in urls_by_mount.items() if parse_base(other).host == host)


def may_change_mount(request: FhirRequest) -> bool:
    """Whether a request may change what is stored for a mount: a write, or a poll of a job that writes."""
    is_beside = request.interaction.operation == _JOB or request.interaction.code == "other"
    return (is_beside or may_write(request)) and not is_token_request(request)


def ended_types(request: FhirRequest, status: int, *, is_proved: bool) -> tuple[str, ...]:
    """Types whose responses end after a response, whatever its body; a job may write any type.

    The status URL of a job tells that it has ended. Other URLs beside the FHIR base may be such a URL, too:
    there the caller must be one that the upstream has served.
    """
    if may_write(request):
        return (ANY_TYPE,) if status == HTTPStatus.ACCEPTED else written_types(request)
    is_job = is_proved or request.interaction.operation == _JOB
    return (ANY_TYPE,) if is_job and status in _FINISHED_STATUSES else ()


class MountInvalidation:
    """Ends the responses stored for all mounts of one upstream when a request may have changed its data.

    `mounts` are their names; `is_proved` tells whether the upstream has served the caller of a request.
    """

    def __init__(
        self,
        inner: Handler,
        counters: InvalidationCounters,
        mounts: tuple[str, ...],
        is_proved: Callable[[FhirRequest], bool],
    ) -> None:
        self._inner = inner
        self._counters = counters
        self._mounts = mounts
        self._is_proved = is_proved

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the inner response. Raises Failure."""
        if not may_change_mount(request):
            return await self._inner(request)
        types = written_types(request) if may_write(request) else ()
        if self._is_proved(request):
            await self._end(types)
        try:
            response = await self._inner(request)
            types = ended_types(request, response.status, is_proved=self._is_proved(request))
        except Failure as failure:
            types = self._types_after_failure(request, failure)
            raise
        finally:
            await self._end(types)
        return response

    def _types_after_failure(self, request: FhirRequest, failure: Failure) -> tuple[str, ...]:
        """Types that a failed write may have changed, or a job that failed in between."""
        if not failure.kind.may_have_run:
            return ()
        if may_write(request):
            return written_types(request)
        return (ANY_TYPE,) if self._is_proved(request) else ()

    async def _end(self, types: tuple[str, ...]) -> None:
        for mount in self._mounts if types else ():
            await self._counters.increment(mount, types)
