"""States of the upstream's known issues by site and engine version, shared by replicas.

An issue is observed by facet, such as the resource type: it is there while one facet shows it. What traffic
and the last probe say is kept apart; the later one counts. Another engine version has states of its own.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import Literal, NamedTuple

import msgspec
from cachetools import LRUCache

from gateway.stores.base import Store
from gateway.stores.replicated import ReplicatedValues

#: What one answer says. `seen`: what the issue hides was there, which proves nothing about a search for it.
Verdict = Literal["broken", "right", "seen"]
StateName = Literal["broken", "right", "unknown"]
STATE_NAMES: tuple[StateName, ...] = ("broken", "right", "unknown")
#: Seconds until the states of an engine without traffic are deleted, and until a replica reads another's.
_LIFETIME, _MAX_LOCAL_AGE = 30 * 86_400.0, 60.0
#: Seconds without a broken answer before a right one counts, and after which a sighting is stored again.
QUIET_SECONDS, _REFRESH_SECONDS = 600.0, 21_600.0
#: Seconds after a failed trial until a sighting permits another.
_TRIAL_SECONDS = 86_400.0
#: Maximum facets of one site and engine, broken facets in this process, and sites in this process.
MAX_FACETS, _MAX_BROKEN, _MAX_LOCAL_SITES = 200, 20_000, 5_000


class Observation(NamedTuple):
    """What one answer of an upstream says about a known issue; `facet` is a type, a status, or empty."""

    issue: str
    facet: str
    verdict: Verdict

    @property
    def key(self) -> str:
        """Key of the issue's facet."""
        return f"{self.issue} {self.facet}"


class Sighting(msgspec.Struct, frozen=True):
    """Last verdict on one facet, since when, and when it was last stored; seconds since 1970."""

    verdict: Verdict
    since: float
    seen: float


class IssueRecord(msgspec.Struct, frozen=True):
    """Sightings of one site and engine version, by key of a facet."""

    sightings: dict[str, Sighting] = {}

    def with_observations(self, observations: Iterable[Observation], now: float) -> "IssueRecord":
        """Return the record after some observations; itself if none is worth storing."""
        new = dict(self.sightings)
        for observation in observations:
            sighting = _next_sighting(new.get(observation.key), observation.verdict, now)
            if sighting is not None and (observation.key in new or len(new) < MAX_FACETS):
                new[observation.key] = sighting
        return self if new == self.sightings else IssueRecord(new)


def _next_sighting(old: Sighting | None, verdict: Verdict, now: float) -> Sighting | None:
    """Sighting to store; None if the stored one still says it."""
    if old is not None and verdict in {old.verdict, "seen" if old.verdict == "right" else ""}:
        is_due = verdict == old.verdict and now - old.seen >= _REFRESH_SECONDS
        return Sighting(verdict, old.since, now) if is_due else None
    if old is not None and old.verdict == "broken" and verdict == "seen":
        return Sighting(verdict, now, now) if now - old.seen >= _TRIAL_SECONDS else None
    return Sighting(verdict, now, now)


NO_RECORD = IssueRecord()


class SiteFindings(NamedTuple):
    """What the last probe of a site found: engine version, time in seconds since 1970, verdicts by issue."""

    engine: str
    found_at: float
    verdicts: Mapping[str, Verdict]


class IssueState(NamedTuple):
    """State of one known issue at a site; `since` in seconds since 1970, 0 if unknown."""

    issue: str
    state: StateName = "unknown"
    since: float = 0.0
    source: Literal["traffic", "probe", ""] = ""


class SiteIssues(NamedTuple):
    """States of all known issues at a site with this engine version; empty if unknown."""

    engine: str
    states: tuple[IssueState, ...]

    @property
    def is_any_known(self) -> bool:
        """Whether the state of an issue is known."""
        return any(state.state != "unknown" for state in self.states)


def issue_state(issue: str, record: IssueRecord, findings: SiteFindings | None) -> IssueState:
    """State of an issue by traffic and probe, of which the later one counts."""
    sightings = [each for key, each in record.sightings.items() if key.partition(" ")[0] == issue]
    broken = [each for each in sightings if each.verdict == "broken"]
    right = [each for each in sightings if each.verdict == "right"]
    found = findings.verdicts.get(issue) if findings else None
    last_seen = max((each.seen for each in broken + right), default=-inf)
    if findings and found in {"broken", "right"} and findings.found_at > last_seen:
        return IssueState(issue, "broken" if found == "broken" else "right", findings.found_at, "probe")
    if broken:
        return IssueState(issue, "broken", min(each.since for each in broken), "traffic")
    if right:
        return IssueState(issue, "right", max(each.since for each in right), "traffic")
    return IssueState(issue)


class IssueStates:
    """States of known issues at one upstream's sites.

    `shared_version` and `local_version` give a site's engine version, as the replicas and this process know
    it; `findings_of` what the last probe of a site found.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float],
        shared_version: Callable[[str], Awaitable[str]],
        local_version: Callable[[str], str] = lambda _: "",
        findings_of: Callable[[str], SiteFindings | None] = lambda _: None,
    ) -> None:
        self._values = ReplicatedValues(
            store,
            IssueRecord,
            "known-issues/",
            clock,
            lifetime=_LIFETIME,
            max_local_age=_MAX_LOCAL_AGE,
        )
        self._clock = clock
        self._shared_version = shared_version
        #: Engine version of a site as this process knows it; empty if unknown.
        self.local_version = local_version
        self._findings_of = findings_of
        self._broken_at: LRUCache[tuple[str, str], float] = LRUCache(_MAX_BROKEN)
        self._local_records: LRUCache[str, tuple[str, IssueRecord]] = LRUCache(_MAX_LOCAL_SITES)

    async def observe(self, guid: str, observations: Sequence[Observation]) -> None:
        """Remember what an answer of a site says.

        The client waits for it, so no lock is held: of two changes at once by replicas, one may be lost, and
        is made again by a later answer.
        """
        engine, now = await self._shared_version(guid), self._clock()
        name = f"{guid} {engine}"
        counted = [each for each in observations if self._counts(name, each, now)]
        record = await self._values.get(name) or NO_RECORD
        if record.with_observations(counted, now) is not record:
            stored = await self._values.get(name, skip_local_copy=True) or NO_RECORD
            record = stored.with_observations(counted, now)
            if record is not stored:
                await self._values.set(name, record)
        self._local_records[guid] = engine, record

    async def verdict_on(self, guid: str, issue: str, facet: str) -> Verdict | None:
        """Verdict on one facet of an issue that may decide about requests; None if there is none.

        There is none while the engine version is unknown, because another engine would not be noticed. The
        later one of probe and traffic counts.
        """
        engine = await self._shared_version(guid)
        if not engine:
            return None
        record = await self._values.get(f"{guid} {engine}") or NO_RECORD
        sighting = record.sightings.get(f"{issue} {facet}")
        findings = self._findings_for(guid, engine)
        found = findings.verdicts.get(f"{issue} {facet}") if findings else None
        if findings and found and (sighting is None or findings.found_at > sighting.seen):
            return found
        return sighting.verdict if sighting else None

    async def site_issues(self, guid: str, issues: Iterable[str]) -> SiteIssues:
        """States of these issues at a site, as all replicas know them."""
        engine = await self._shared_version(guid)
        record = await self._values.get(f"{guid} {engine}") or NO_RECORD
        return self._states(guid, engine, record, issues)

    def local_site_issues(self, guids: Iterable[str], issues: Sequence[str]) -> Iterator[SiteIssues]:
        """States as this process knows them, of these sites and of those that it has observed."""
        for guid in {*guids, *self._local_records}:
            observed_engine, record = self._local_records.get(guid, ("", NO_RECORD))
            engine = self.local_version(guid)
            yield self._states(guid, engine, record if engine == observed_engine else NO_RECORD, issues)

    def local_engine(self, guid: str) -> tuple[str, int]:
        """Return a site's engine version and the number of issues that this process knows to be there."""
        engine = self.local_version(guid)
        return engine, self._local_broken_count(guid, engine)

    def _local_broken_count(self, guid: str, engine: str) -> int:
        observed_engine, record = self._local_records.get(guid, ("", NO_RECORD))
        counted = record if engine == observed_engine else NO_RECORD
        findings = self._findings_for(guid, engine)
        if not counted.sightings and findings is None:
            return 0
        issues = {
            key.partition(" ")[0] for key in (*counted.sightings, *(findings.verdicts if findings else ()))
        }
        return sum(issue_state(issue, counted, findings).state == "broken" for issue in issues)

    def _states(self, guid: str, engine: str, record: IssueRecord, issues: Iterable[str]) -> SiteIssues:
        findings = self._findings_for(guid, engine)
        return SiteIssues(engine, tuple(issue_state(issue, record, findings) for issue in issues))

    def _findings_for(self, guid: str, engine: str) -> SiteFindings | None:
        """Return the findings of a probe of the engine that the site has now."""
        findings = self._findings_of(guid)
        return findings if findings and engine and findings.engine == engine else None

    def _counts(self, name: str, observation: Observation, now: float) -> bool:
        """Whether an observation counts: anything but broken only some time after the last broken one."""
        place = name, observation.key
        if observation.verdict == "broken":
            self._broken_at[place] = now
            return True
        return not 0 <= now - self._broken_at.get(place, -inf) < QUIET_SECONDS
