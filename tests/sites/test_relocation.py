import pytest
from structlog.testing import capture_logs
from support.requests import GUID, fhir_request, sql_request
from support.scripted_upstream import OK, READ, Clock, HandlerCase, ScriptedUpstream, Step

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse, SendPermit, UpstreamUse
from gateway.sites.directory import PmsIdentity
from gateway.sites.relocation import SiteRelocation
from gateway.stores.memory import MemoryStore
from gateway.upstreams.halo_failures import NOT_AUTHORITATIVE

pytestmark = pytest.mark.anyio

NEW = "0a1b2c3d-0000-4000-8000-0000000000ff"
RELOCATED = Failure(NOT_AUTHORITATIVE)


class Case(HandlerCase):
    """A SiteRelocation with a given successor; counts its lookups."""

    def __init__(
        self,
        *steps: Step,
        follow_relocation: bool = True,
        successor: str | Failure = NEW,
        store: MemoryStore | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.inner = ScriptedUpstream(*steps)
        self.lookups = 0
        self._successor = successor
        self.clock = clock = clock or Clock()
        self.handler = SiteRelocation(
            self.inner,
            store or MemoryStore(clock=clock),
            {GUID: PmsIdentity("10001", "Best Practice", follow_relocation)}.get,
            self._find_successor,
            clock,
        )

    async def _find_successor(self, request: FhirRequest, identity: PmsIdentity) -> str:
        assert request.site is not None
        assert identity.pms_id == "10001"
        self.lookups += 1
        if isinstance(self._successor, Failure):
            raise self._successor
        return self._successor

    @property
    def guid_endings(self) -> list[str]:
        return [request.upstream_base.split("/")[5][-2:] for request in self.inner.requests]


async def test_new_guid_is_looked_up_once_and_used() -> None:
    case = Case(RELOCATED, OK)
    assert [await case.code() for _ in range(3)] == ["200"] * 3
    assert (case.lookups, case.guid_endings) == (1, ["0a", "ff", "ff", "ff"])
    assert await case.handler.known_successor(GUID) == NEW


async def test_response_contains_client_guid_after_relocation() -> None:
    url = f"https://api.haloconnect.io/integrator/sites/{NEW}/fhir/R4/Patient/1"
    upstream_response = FhirResponse(200, (("location", url),), f'{{"reference":"{url}"}}'.encode())
    response = await Case(RELOCATED, upstream_response).handler(READ)
    assert NEW.encode() not in response.body
    assert response.header("location") == url.replace(NEW, GUID)


async def test_relocation_without_follow_setting_is_logged_and_fails() -> None:
    case = Case(RELOCATED, follow_relocation=False)
    with capture_logs() as logs:
        assert [await case.code() for _ in range(3)] == ["site-not-authoritative"] * 3
    assert [(line["event"], line["found"], line["followed"]) for line in logs] == [
        ("site-relocated", True, False)
    ]
    assert case.lookups == 1
    assert set(case.guid_endings) == {"0a"}


async def test_missing_successor_or_failed_lookup_is_an_error() -> None:
    for successor, lookups in (("", 1), (Failure(catalog.UPSTREAM_CONNECT), 2)):
        case = Case(RELOCATED, successor=successor)
        with capture_logs() as logs:
            assert [await case.code() for _ in range(2)] == ["site-not-authoritative"] * 2
        assert case.lookups == len(logs) == lookups


async def test_lookup_is_repeated_after_fifteen_minutes() -> None:
    case = Case(RELOCATED, successor="")
    for seconds, lookups in ((0, 1), (890, 1), (20, 2), (20, 2)):
        case.clock.now += seconds
        assert await case.code() == "site-not-authoritative"
        assert case.lookups == lookups


class LockRecorder(MemoryStore):
    """A store that records the last lock."""

    last_lock: tuple[str, float] = ("", 0)

    async def acquire_lock(self, name: str, holder: str, seconds: float) -> bool:
        self.last_lock = name, seconds
        return await super().acquire_lock(name, holder, seconds)


async def test_lock_of_crashed_replica_expires_within_seconds() -> None:
    clock = Clock()
    recorder, store = LockRecorder(clock=clock), MemoryStore(clock=clock)
    await Case(RELOCATED, OK, store=recorder, clock=clock).code()
    name, seconds = recorder.last_lock
    await store.acquire_lock(name, "crashed", seconds)
    case = Case(RELOCATED, RELOCATED, OK, store=store, clock=clock)
    assert (await case.code(), case.lookups) == ("site-not-authoritative", 0)
    clock.now += 5
    assert (await case.code(), case.lookups) == ("200", 1)


async def test_failed_write_is_not_repeated_but_next_uses_new_guid() -> None:
    case = Case(RELOCATED, OK)
    write = fhir_request("Patient", method="POST")
    assert [await case.code(write) for _ in range(2)] == ["site-not-authoritative", "200"]
    assert case.guid_endings == ["0a", "ff"]


async def test_successor_that_is_not_authoritative_is_deleted() -> None:
    case = Case(RELOCATED, OK, RELOCATED)
    assert await case.code() == "200"
    assert await case.code() == "site-not-authoritative"
    assert await case.handler.known_successor(GUID) == ""


def of_key(key: str) -> FhirRequest:
    return READ.replace(headers=(("ocp-apim-subscription-key", key),))


async def test_refusal_of_a_stranger_leaves_the_successor() -> None:
    case = Case(RELOCATED, OK, RELOCATED, OK)
    codes = [await case.code(of_key(key)) for key in ("a", "stranger", "a")]
    assert codes == ["200", "site-not-authoritative", "200"]
    assert case.guid_endings == ["0a", "ff", "ff", "ff"]


async def test_caller_who_finds_no_successor_stops_no_other_lookup() -> None:
    case = Case(RELOCATED, RELOCATED, OK, successor="")
    assert await case.code(of_key("stranger")) == "site-not-authoritative"
    case._successor = NEW
    assert await case.code(of_key("a")) == "200"


async def test_failure_without_pms_id_or_of_other_kind_passes() -> None:
    case = Case(RELOCATED)
    case.handler._identity_of = {}.get
    assert await case.code() == "site-not-authoritative"
    reset = Case(Failure(catalog.UPSTREAM_RESET))
    assert await reset.code() == "upstream-reset"
    assert (case.lookups, reset.lookups) == (0, 0)


REPEATED = READ.replace(deadline=100.0, send_permit=SendPermit("key", 5.0))
RELOCATED_AFTER_TWO_SECONDS = RELOCATED.with_upstream_use(UpstreamUse(1, 2.0))


async def test_request_to_new_guid_has_used_permit_and_later_deadline() -> None:
    case = Case(RELOCATED_AFTER_TWO_SECONDS, OK)
    await case.code(REPEATED)
    old, new = case.inner.requests
    assert (old.deadline, old.send_permit) == (100.0, SendPermit("key", 5.0))
    assert (new.deadline, new.send_permit) == (102.0, SendPermit("key", None))


@pytest.mark.parametrize("last", [OK, Failure(catalog.UPSTREAM_RESET)], ids=["response", "failure"])
async def test_result_of_new_guid_names_both_requests(last: Step) -> None:
    case = Case(RELOCATED_AFTER_TWO_SECONDS, last.with_upstream_use(UpstreamUse(1, 0.5)))
    try:
        use = (await case.handler(REPEATED)).upstream_use
    except Failure as failure:
        use = failure.upstream_use
    assert (use, len(case.inner.requests)) == (UpstreamUse(2, 2.5), 2)


async def test_sql_query_after_a_refused_one_uses_the_new_guid() -> None:
    case = Case(RELOCATED, OK)
    assert await case.code(sql_request()) == "site-not-authoritative"
    assert (case.last_failure.retry_after, "new Halo GUID" in case.last_failure.text) == (1, True)
    upper = sql_request().replace(path=f"integrator/sites/{GUID.upper()}/queries/immediate")
    assert [await case.code(sql_request()), await case.code(upper)] == ["200", "200"]
    paths = [request.path for request in case.inner.requests]
    assert paths == [f"integrator/sites/{guid}/queries/immediate" for guid in (GUID, NEW, NEW)]


async def test_body_of_a_sql_result_keeps_each_byte() -> None:
    body = b'{"reference" : "https://x/sites/' + NEW.encode() + b'/y"}'
    found = FhirResponse(200, (("location", f"https://x/sites/{NEW}/z"),), body)
    case = Case(RELOCATED, found)
    response = await case.handler(sql_request(GUID, "GET"))
    assert (response.body, response.header("location")) == (body, f"https://x/sites/{GUID}/z")
