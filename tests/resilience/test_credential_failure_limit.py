"""Limit on credential failures per client address."""

import asyncio

import pytest
from support.event_loop import turns
from support.requests import LABS, fhir_request
from support.scripted_upstream import OK, Clock, HandlerCase

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, FhirResponse
from gateway.fhir.interaction import NOT_FHIR, Interaction
from gateway.http.proved_callers import ProvedCallers, caller_of
from gateway.resilience.credential_failure_limit import CredentialFailureLimit
from gateway.resilience.credential_failures import CredentialFailures, FailureLimits
from gateway.upstreams.failures import CREDENTIALS_INVALID, FORBIDDEN, NOT_FOUND

pytestmark = pytest.mark.anyio

LIMIT = 3
LIMITS = FailureLimits(LIMIT)
REFUSED = Failure(CREDENTIALS_INVALID, upstream_response=FhirResponse(401))


def request_of(key: str, address: str = "192.0.2.1") -> FhirRequest:
    headers = (("ocp-apim-subscription-key", key),)
    return fhir_request("Patient/1", headers=headers, client_address=address)


class TestCredentialFailureLimit(HandlerCase):
    """An upstream that accepts good keys after `gate` opens."""

    @pytest.fixture(autouse=True)
    def set_up(self) -> None:
        self.clock, self.sent, self.gate = Clock(), list[str](), asyncio.Event()
        self.gate.set()
        self.failure = REFUSED
        self.proved = ProvedCallers(self.clock)
        self.failures = CredentialFailures()
        self.handler = self.create_handler()

    def create_handler(self, max_wait: float = 5.0, limits: FailureLimits = LIMITS) -> CredentialFailureLimit:
        return CredentialFailureLimit(
            self.respond, self.failures, self.proved, lambda _: max_wait, self.clock, limits
        )

    async def respond(self, request: FhirRequest) -> FhirResponse:
        key = request.header("ocp-apim-subscription-key")
        self.sent.append(key)
        await self.gate.wait()
        if not key.startswith("good"):
            raise self.failure
        self.proved.record_success(caller_of(request))
        return OK

    async def test_unproved_callers_get_429_after_the_limit(self) -> None:
        codes = [await self.code(request_of(f"bad-{number}")) for number in range(5)]
        assert codes == ["upstream-credentials"] * 3 + ["too-many-credential-failures"] * 2
        assert len(self.sent) == LIMIT
        assert self.last_failure.retry_after == 60

    async def test_address_may_send_again_after_a_minute(self) -> None:
        for number in range(4):
            await self.code(request_of(f"bad-{number}"))
        self.clock.now += 60
        assert await self.code(request_of("bad-4")) == "upstream-credentials"

    async def test_other_address_is_not_concerned(self) -> None:
        for number in range(4):
            await self.code(request_of(f"bad-{number}"))
        assert await self.code(request_of("good", "192.0.2.2")) == "200"

    async def test_proved_caller_is_served_and_not_counted(self) -> None:
        assert await self.code(request_of("good")) == "200"
        for number in range(4):
            await self.code(request_of(f"bad-{number}"))
        assert await self.code(request_of("good")) == "200"

    async def test_concurrent_made_up_keys_cost_no_more(self) -> None:
        codes = await asyncio.gather(*(self.code(request_of(f"bad-{number}")) for number in range(50)))
        assert len(self.sent) == LIMIT
        assert codes.count("too-many-credential-failures") == 47

    async def test_first_burst_of_a_good_caller_is_served(self) -> None:
        self.gate.clear()
        burst = [asyncio.create_task(self.code(request_of("good"))) for _ in range(50)]
        await turns()
        assert len(self.sent) == LIMIT
        self.gate.set()
        assert await asyncio.gather(*burst) == ["200"] * 50

    async def test_limit_is_shared_by_the_handlers_of_all_upstreams(self) -> None:
        self.gate.clear()
        first = [asyncio.create_task(self.code(request_of(f"bad-{number}"))) for number in range(LIMIT)]
        await turns()
        self.handler = self.create_handler()
        later = asyncio.create_task(self.code(request_of("bad-3")))
        await turns()
        self.gate.set()
        await asyncio.gather(*first)
        assert await later == "too-many-credential-failures"

    async def test_request_that_waits_too_long_gets_503(self) -> None:
        self.gate.clear()
        self.handler = self.create_handler(max_wait=0.01)
        first = [asyncio.create_task(self.code(request_of(f"bad-{number}"))) for number in range(LIMIT)]
        await turns()
        assert await self.code(request_of("good")) == "overloaded"
        self.gate.set()
        await asyncio.gather(*first)

    @pytest.mark.parametrize(
        ("failure", "counts"),
        [
            (Failure(FORBIDDEN, upstream_response=FhirResponse(403)), True),
            (Failure(NOT_FOUND, upstream_response=FhirResponse(404)), False),
            (Failure(FORBIDDEN), False),
        ],
    )
    async def test_only_refusals_of_the_upstream_count(self, failure: Failure, counts: bool) -> None:
        self.failure = failure
        for number in range(LIMIT):
            await self.code(request_of(f"bad-{number}"))
        assert (await self.code(request_of("bad-3")) == "too-many-credential-failures") is counts

    async def test_withdrawn_key_is_no_longer_proved(self) -> None:
        self.proved.record_success(caller_of(request_of("bad")))
        assert await self.code(request_of("bad")) == "upstream-credentials"
        assert not self.proved.is_proved(caller_of(request_of("bad")))

    async def test_repeated_refusals_of_one_key_hold_it_alone(self) -> None:
        codes = [await self.code(request_of("bad")) for _ in range(40)]
        assert codes == ["upstream-credentials"] * LIMIT + ["too-many-credential-failures"] * 37
        assert await self.code(request_of("good")) == "200"
        assert await self.code(request_of("bad-2")) == "upstream-credentials"

    async def test_one_key_has_ten_refusals_beside_a_large_limit(self) -> None:
        self.handler = self.create_handler(limits=FailureLimits(300))
        codes = [await self.code(request_of("bad")) for _ in range(12)]
        assert codes.count("upstream-credentials") == 10

    async def test_concurrent_requests_of_one_key_keep_no_other_out(self) -> None:
        self.gate.clear()
        first = [asyncio.create_task(self.code(request_of("bad"))) for _ in range(20)]
        await turns()
        assert self.sent == ["bad"] * LIMIT
        other = asyncio.create_task(self.code(request_of("good")))
        await turns()
        self.gate.set()
        assert await other == "200"
        assert (await asyncio.gather(*first)).count("upstream-credentials") == LIMIT

    @pytest.mark.parametrize("is_mounted", [True, False])
    async def test_sign_in_at_a_mount_meets_no_limit(self, is_mounted: bool) -> None:
        site = LABS if is_mounted else None
        token = fhir_request(client_address="192.0.2.1", site=site, method="POST")
        token = token.replace(interaction=NOT_FHIR, path="~/oauth/token")
        metadata = fhir_request("metadata", client_address="192.0.2.1", site=site).replace(
            interaction=Interaction("capabilities")
        )
        for request in (token, metadata):
            codes = [await self.code(request) for _ in range(40)]
            assert (codes == ["upstream-credentials"] * 40) is is_mounted
        for number in range(LIMIT):
            await self.code(request_of(f"bad-{number}"))
        assert (await self.code(token) == "upstream-credentials") is is_mounted
