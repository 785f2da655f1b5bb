from structlog.testing import capture_logs
from support.requests import GUID, fhir_request
from support.scripted_upstream import OK, READ, Asking, Clock, Scripted, Step, run

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse
from gateway.sites.relocation import PmsIdentity, SiteRelocation
from gateway.stores.memory import MemoryStore
from gateway.upstreams.halo_failures import NOT_AUTHORITATIVE

NEW = "0a1b2c3d-0000-4000-8000-0000000000ff"
MOVED = Failure(NOT_AUTHORITATIVE)


class Case(Asking):
    """A Relocated whose successor is found by a list."""

    def __init__(
        self,
        *steps: Step,
        follow: bool = True,
        new: str | Failure = NEW,
        store: MemoryStore | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.inner = Scripted(*steps)
        self.looks = 0
        self._new = new
        self.clock = clock = clock or Clock()
        self.handler = SiteRelocation(
            self.inner,
            store or MemoryStore(clock=clock),
            {GUID: PmsIdentity("10001", "Best Practice", follow)}.get,
            self._successor,
            clock,
        )

    async def _successor(self, request: FhirRequest, practice: PmsIdentity) -> str:
        assert request.site is not None
        assert practice.pms_id == "10001"
        self.looks += 1
        if isinstance(self._new, Failure):
            raise self._new
        return self._new

    @property
    def bases(self) -> list[str]:
        return [each.upstream_base.split("/")[5][-2:] for each in self.inner.asked]


def test_a_new_guid_is_looked_up_once_and_followed() -> None:
    async def steps() -> None:
        case = Case(MOVED, OK)
        assert [await case.code() for _ in range(3)] == ["200"] * 3
        assert (case.looks, case.bases) == (1, ["0a", "ff", "ff", "ff"])
        assert await case.handler.known_successor(GUID) == NEW

    run(steps())


def test_the_client_goes_on_seeing_the_guid_it_knows() -> None:
    theirs = f"https://api.haloconnect.io/integrator/sites/{NEW}/fhir/R4/Patient/1"
    answer = FhirResponse(200, (("location", theirs),), f'{{"url":"{theirs}"}}'.encode())

    async def steps() -> None:
        found = await Case(MOVED, answer).handler(READ)
        assert NEW.encode() not in found.body
        assert found.header("location") == theirs.replace(NEW, GUID)

    run(steps())


def test_without_leave_to_follow_it_is_an_alarm_and_an_error() -> None:
    async def steps() -> None:
        case = Case(MOVED, follow=False)
        with capture_logs() as logs:
            assert [await case.code() for _ in range(3)] == ["site-not-authoritative"] * 3
        assert [(each["event"], each["found"], each["followed"]) for each in logs] == [
            ("site-relocated", True, False)
        ]
        assert case.looks == 1
        assert set(case.bases) == {"0a"}

    run(steps())


def test_no_successor_or_no_look_stays_an_error() -> None:
    async def steps() -> None:
        for new in ("", Failure(catalog.UPSTREAM_CONNECT)):
            case = Case(MOVED, new=new)
            assert [await case.code() for _ in range(2)] == ["site-not-authoritative"] * 2
            assert case.looks == 1

    run(steps())


def test_a_look_is_made_again_after_a_quarter_of_an_hour() -> None:
    async def steps() -> None:
        case = Case(MOVED, new="")
        for seconds, looks in ((0, 1), (890, 1), (20, 2), (20, 2)):
            case.clock.now += seconds
            assert await case.code() == "site-not-authoritative"
            assert case.looks == looks

    run(steps())


class Leasing(MemoryStore):
    """A store that remembers what was claimed."""

    claimed: tuple[str, float] = ("", 0)

    async def acquire_lock(self, name: str, holder: str, seconds: float) -> bool:
        self.claimed = name, seconds
        return await super().acquire_lock(name, holder, seconds)


def test_a_replica_killed_while_it_looked_holds_the_others_up_for_seconds_only() -> None:
    async def steps() -> None:
        clock = Clock()
        seen, store = Leasing(clock=clock), MemoryStore(clock=clock)
        await Case(MOVED, OK, store=seen, clock=clock).code()
        name, seconds = seen.claimed
        await store.acquire_lock(name, "killed", seconds)
        case = Case(MOVED, MOVED, OK, store=store, clock=clock)
        assert (await case.code(), case.looks) == ("site-not-authoritative", 0)
        clock.now += 5
        assert (await case.code(), case.looks) == ("200", 1)

    run(steps())


def test_a_change_is_not_sent_twice_but_the_next_one_goes_to_the_new_guid() -> None:
    async def steps() -> None:
        case = Case(MOVED, OK)
        write = fhir_request("Patient", method="POST")
        assert [await case.code(write) for _ in range(2)] == ["site-not-authoritative", "200"]
        assert case.bases == ["0a", "ff"]

    run(steps())


def test_a_successor_that_moved_too_is_forgotten() -> None:
    async def steps() -> None:
        case = Case(MOVED, OK, MOVED)
        assert await case.code() == "200"
        assert await case.code() == "site-not-authoritative"
        assert await case.handler.known_successor(GUID) == ""

    run(steps())


def test_a_site_without_pms_id_and_other_failures_pass() -> None:
    async def steps() -> None:
        case = Case(MOVED)
        case.handler._identity_of = {}.get
        assert await case.code() == "site-not-authoritative"
        other = Case(Failure(catalog.UPSTREAM_RESET))
        assert await other.code() == "upstream-reset"
        assert (case.looks, other.looks) == (0, 0)

    run(steps())
