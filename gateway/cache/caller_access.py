"""Access of callers to their stored responses: a refusal of the upstream ends what was stored before it."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from math import inf
from typing import Final, NamedTuple

from gateway.cache.freshness import ANY_TYPE
from gateway.cache.invalidation import InvalidationCounters
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.http.callers import fingerprint, keyed_hash
from gateway.stores.base import Store
from gateway.stores.replicated import ReplicatedValues

#: Seconds for which a response of the upstream makes a caller a member of its group.
MEMBERSHIP_SECONDS: Final = 3_600.0
#: Seconds after which a member's response is noted again.
_RENEWAL_SECONDS: Final = 300.0
#: Seconds that a refusal is remembered: longer than any response is stored.
_REFUSAL_SECONDS: Final = 172_800.0
#: Sites of one caller whose refusals are remembered; more end all that is stored for the caller.
_MAX_SITES: Final = 100
_ANY_SITE: Final = "*"
_REFUSAL_STATUSES: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class Access(NamedTuple):
    """Access of one caller at one site; times in seconds since 1970.

    Responses that were requested at or before `refused_at` are not served; it is infinite for a caller of a
    group that the upstream has not served within the hour. `ends_at`: end of the membership in a group.
    `is_unchanged`: whether this process knows of no refusal of the caller and no write at the site since this
    was read.
    """

    refused_at: float = 0.0
    ends_at: float = inf
    is_unchanged: Callable[[], bool] = lambda: True


class CallerAccess:
    """Refusals of callers and responses to members of groups, shared through the store.

    `shared_callers` maps a caller's fingerprint to its group. `counters` tell the fast path of a refusal, and
    other processes that their copies of it are out of date.
    """

    def __init__(
        self,
        store: Store,
        counters: InvalidationCounters,
        shared_callers: Mapping[str, str],
        secret: bytes,
        now: Callable[[], float],
    ) -> None:
        self._refusals = ReplicatedValues(
            store,
            dict[str, float],
            "refused:",
            now,
            lifetime=_REFUSAL_SECONDS,
            max_local_age=5.0,
            version_of=lambda caller: counters.local_marks(_counter_name(caller), (ANY_TYPE,)),
        )
        self._responses = ReplicatedValues(
            store, float, "served:", now, lifetime=MEMBERSHIP_SECONDS, max_local_age=5.0
        )
        self._counters = counters
        self._shared_callers = shared_callers
        self._secret = secret
        self._now = now

    async def access_of(self, request: FhirRequest, site: str) -> Access:
        """Return the access of the request's caller at a site (Halo GUID)."""
        caller = self._caller_of(request)
        is_unchanged = self._change_check(caller, site)  # before anything is read that a change may follow
        refusals = await self._refusals.get(caller) or {}
        uncounted_until = self._counters.uncounted_until(_counter_name(caller), (ANY_TYPE, site))
        refused_at = max(refusals.get(site, 0.0), refusals.get(_ANY_SITE, 0.0), uncounted_until)
        if not self._is_in_group(request):
            return Access(refused_at, is_unchanged=is_unchanged)
        served_at = await self._responses.get(caller) or -inf
        is_member = self._now() < served_at + MEMBERSHIP_SECONDS and served_at > refused_at
        return Access(refused_at if is_member else inf, served_at + MEMBERSHIP_SECONDS, is_unchanged)

    async def record_refusal(self, request: FhirRequest, failure: Failure) -> None:
        """Note that the upstream refused the caller, by its status: here, or at all sites for its key."""
        response = failure.upstream_response
        if response is None or response.status not in _REFUSAL_STATUSES:
            return
        is_key_refused = failure.kind.status == HTTPStatus.UNAUTHORIZED
        scope = _ANY_SITE if is_key_refused or request.site is None else request.site.guid
        caller, now = self._caller_of(request), self._now()
        await self._refusals.update(caller, lambda refusals: _with_refusal(refusals or {}, scope, now))
        await self._counters.increment(_counter_name(caller), (scope,))

    async def record_response(self, request: FhirRequest) -> None:
        """Note a response to a member of a group: seldom, and each that makes one a member again."""
        if not self._is_in_group(request):
            return
        caller, now = self._caller_of(request), self._now()
        is_member = (
            await self.access_of(request, request.site.guid if request.site else "")
        ).refused_at < inf
        if not is_member or now - (await self._responses.get(caller) or -inf) > _RENEWAL_SECONDS:
            await self._responses.set(caller, now)

    def _change_check(self, caller: str, site: str) -> Callable[[], bool]:
        checks = [self._counters.local_change_check(name) for name in (_counter_name(caller), site)]
        return lambda: checks[0]() and checks[1]()

    def _is_in_group(self, request: FhirRequest) -> bool:
        return bool(self._shared_callers) and fingerprint(request.headers) in self._shared_callers

    def _caller_of(self, request: FhirRequest) -> str:
        """Keyed hash of the caller at its API of the upstream."""
        api = request.upstream_base.partition("/sites/")[0]
        return keyed_hash(f"{api} {fingerprint(request.headers)}", self._secret)


class AccessRecorder:
    """Notes which callers the upstream serves or refuses."""

    def __init__(self, inner: Handler, access: CallerAccess) -> None:
        self._inner = inner
        self._access = access

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the inner response, unchanged. Raises Failure."""
        try:
            response = await self._inner(request)
        except Failure as failure:
            await self._access.record_refusal(request, failure)
            raise
        if request.plan.split_searches != ():  # else the upstream was not asked
            await self._access.record_response(request)
        return response


def _counter_name(caller: str) -> str:
    return f"caller/{caller}"


def _with_refusal(refusals: Mapping[str, float], scope: str, now: float) -> dict[str, float]:
    return {**refusals, (scope if len(refusals) < _MAX_SITES else _ANY_SITE): now}
