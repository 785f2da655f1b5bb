"""States of known issues: traffic and probe, replicas, engine versions, bounds."""

import pytest
from anyio import fail_after
from support.requests import GUID
from support.scripted_upstream import Clock

from gateway.sites.issue_states import (
    MAX_FACETS,
    QUIET_SECONDS,
    IssueRecord,
    IssueState,
    IssueStates,
    Observation,
    SiteFindings,
    Verdict,
)
from gateway.stores.memory import MemoryStore

pytestmark = pytest.mark.anyio

DAY = 86_400.0


class Practice:
    """One practice with an engine, seen by replicas on one store."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(clock=self.clock)
        self.engine = "26.619"
        self.findings: SiteFindings | None = None
        self.replica = self.new_replica()

    def new_replica(self) -> IssueStates:
        return IssueStates(
            self.store, self.clock, self._version, lambda _: self.engine, lambda _: self.findings
        )

    async def observe(self, verdict: Verdict, facet: str = "") -> None:
        await self.replica.observe(GUID, [Observation("links", facet, verdict)])

    async def state(self) -> IssueState:
        (state,) = (await self.replica.site_issues(GUID, ["links"])).states
        return state

    async def _version(self, _: str) -> str:
        return self.engine


async def test_unobserved_issue_is_unknown() -> None:
    assert await Practice().state() == IssueState("links")


async def test_state_keeps_the_time_of_its_first_observation() -> None:
    practice = Practice()
    start = practice.clock.now
    for _ in range(3):
        await practice.observe("broken")
        practice.clock.now += DAY
    assert await practice.state() == IssueState("links", "broken", start, "traffic")


async def test_right_answer_counts_only_after_quiet_time() -> None:
    practice = Practice()
    await practice.observe("broken")
    practice.clock.now += QUIET_SECONDS - 1
    await practice.observe("right")
    assert (await practice.state()).state == "broken"
    practice.clock.now += 1
    await practice.observe("right")
    assert await practice.state() == IssueState("links", "right", practice.clock.now, "traffic")
    await practice.observe("broken")
    assert (await practice.state()).state == "broken"


async def test_issue_is_right_only_if_every_facet_is() -> None:
    practice = Practice()
    await practice.observe("broken", "Patient")
    practice.clock.now += DAY
    await practice.observe("right", "Slot")
    assert (await practice.state()).state == "broken"
    await practice.observe("right", "Patient")
    assert (await practice.state()).state == "right"


async def test_another_engine_version_has_states_of_its_own() -> None:
    practice = Practice()
    await practice.observe("broken")
    practice.engine = "27.101"
    assert (await practice.state()).state == "unknown"
    assert [site.states[0].state for site in practice.replica.local_site_issues((), ["links"])] == ["unknown"]
    practice.engine = "26.619"
    assert (await practice.state()).state == "broken"


async def test_replicas_share_states() -> None:
    practice = Practice()
    other = practice.new_replica()
    assert (await other.site_issues(GUID, ["links"])).states[0].state == "unknown"
    await practice.observe("broken", "Patient")
    await other.observe(GUID, [Observation("links", "Slot", "right")])
    assert (await other.site_issues(GUID, ["links"])).states[0].state == "broken"
    practice.clock.now += 60
    assert (await practice.state()).state == "broken"


async def test_lock_of_a_crashed_replica_delays_no_observation() -> None:
    practice = Practice()
    await practice.store.acquire_lock(f"changing:known-issues/{GUID} 26.619", "crashed", 3_600.0)
    with fail_after(1):
        await practice.observe("broken")
    assert (await practice.state()).state == "broken"


async def test_later_one_of_probe_and_traffic_counts() -> None:
    practice = Practice()
    await practice.observe("broken")
    practice.findings = SiteFindings(
        "26.619", practice.clock.now + DAY, {"links": "right", "links ": "right"}
    )
    assert await practice.state() == IssueState("links", "right", practice.clock.now + DAY, "probe")
    assert await practice.replica.verdict_on(GUID, "links", "") == "right"
    practice.clock.now += 2 * DAY
    await practice.observe("broken")
    assert (await practice.state()).source == "traffic"
    assert await practice.replica.verdict_on(GUID, "links", "") == "broken"


async def test_probe_of_another_engine_does_not_count() -> None:
    practice = Practice()
    practice.findings = SiteFindings("25.1", practice.clock.now, {"links": "right", "links ": "right"})
    assert (await practice.state()).state == "unknown"
    assert await practice.replica.verdict_on(GUID, "links", "") is None


async def test_unknown_engine_version_gives_no_verdict() -> None:
    practice = Practice()
    await practice.observe("right")
    assert await practice.replica.verdict_on(GUID, "links", "") == "right"
    practice.engine = ""
    await practice.observe("right")
    assert await practice.replica.verdict_on(GUID, "links", "") is None


async def test_sighting_permits_a_new_trial_after_a_day() -> None:
    practice = Practice()
    await practice.observe("seen")
    await practice.observe("broken")
    practice.clock.now += DAY - 1
    await practice.observe("seen")
    assert await practice.replica.verdict_on(GUID, "links", "") == "broken"
    practice.clock.now += 1
    await practice.observe("seen")
    assert await practice.replica.verdict_on(GUID, "links", "") == "seen"


async def test_sighting_does_not_end_a_proof() -> None:
    practice = Practice()
    await practice.observe("right")
    await practice.observe("seen")
    assert await practice.replica.verdict_on(GUID, "links", "") == "right"


def test_same_verdict_is_stored_again_only_after_hours() -> None:
    observation = [Observation("links", "", "broken")]
    record = IssueRecord().with_observations(observation, 0.0)
    assert record.with_observations(observation, 3_600.0) is record
    assert record.with_observations(observation, 21_600.0) is not record


def test_facets_of_a_site_are_bounded() -> None:
    many = [Observation("links", str(number), "broken") for number in range(MAX_FACETS + 50)]
    assert len(IssueRecord().with_observations(many, 0.0).sightings) == MAX_FACETS
