"""Quotas in header fields."""

from datetime import UTC, datetime
from email.utils import formatdate

import pytest
from support.requests import fhir_request
from support.scripted_upstream import OK, Clock, ScriptedUpstream

from gateway.errors.failure import Failure
from gateway.exchange import FhirResponse, SendPermit
from gateway.fhir.interaction import NOT_FHIR, Interaction, interaction_for
from gateway.fhir.resource_types import RESOURCE_TYPES, STU3_RESOURCE_TYPES
from gateway.resilience.quota_headers import QuotaHeaders, endpoint_of, hold_seconds
from gateway.resilience.rate_limits import RateLimits
from gateway.stores.memory import MemoryStore
from gateway.upstreams.failures import RATE_LIMITED
from gateway.upstreams.health_gorilla import TOO_MANY_P360

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("Patient/1", "Patient"),
        ("Patient/1/$everything", "Patient/$everything"),
        ("Patient/1/$" + "x" * 64, "Patient/$" + "x" * 32),
        ("BodySite/1", "BodySite"),
        ("Patient", "Patient"),
        ("$process-message", "process-message"),
        ("metadata", "capabilities"),
    ],
)
def test_endpoint_is_the_type_and_the_operation(path: str, endpoint: str) -> None:
    interaction = interaction_for("GET", path, RESOURCE_TYPES | STU3_RESOURCE_TYPES)
    assert interaction
    assert endpoint_of(fhir_request().replace(path=path, interaction=interaction)) == endpoint


def test_endpoint_of_other_paths_is_short_and_known() -> None:
    download = fhir_request("Patient").replace(interaction=NOT_FHIR, path="x" * 5_000)
    assert endpoint_of(download) == "other"
    made_up = Interaction("operation", operation="x" * 64)
    assert endpoint_of(download.replace(interaction=made_up)) == "x" * 32


def response(**fields: str) -> FhirResponse:
    return FhirResponse(200, tuple((name.replace("_", "-"), value) for name, value in fields.items()))


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({}, 0),
        ({"x_ratelimit_remaining": "1", "retry_after": "7"}, 0),
        ({"retry_after": "7"}, 0),
        ({"x_ratelimit_remaining": "0", "retry_after": "7"}, 7),
        ({"x_ratelimit_remaining": " 0 "}, 1),
        ({"x_ratelimit_remaining": "0", "retry_after": "0"}, 1),
        ({"x_ratelimit_remaining": "0", "retry_after": "soon"}, 1),
        ({"x_ratelimit_remaining": "0", "retry_after": "9" * 300}, 300),
        ({"x_ratelimit_remaining": "0", "retry_after": "10.5"}, 11),
        ({"x_ratelimit_remaining": "0", "retry_after": "00000000030"}, 30),
        ({"x_ratelimit_remaining": "0", "retry_after": formatdate(NOW + 30, usegmt=True)}, 30),
        ({"x_ratelimit_remaining": "0", "retry_after": formatdate(NOW + 9_000, usegmt=True)}, 300),
        ({"x_ratelimit_remaining": "00", "retry_after": "7"}, 7),
        ({"x_ratelimit_remaining": "0.0", "retry_after": "7"}, 7),
        ({"x_ratelimit_remaining": "-1", "retry_after": "7"}, 7),
        ({"x_ratelimit_remaining": "0.5", "retry_after": "7"}, 0),
        ({"x_ratelimit_remaining": "zero"}, 0),
        ({"x_ratelimit_remaining": "-"}, 0),
    ],
)
def test_only_an_exhausted_quota_holds_requests(fields: dict[str, str], seconds: float) -> None:
    assert hold_seconds(response(**fields), datetime.fromtimestamp(NOW, UTC)) == seconds


@pytest.mark.parametrize("is_failure", [False, True])
async def test_exhausted_quota_holds_the_key_of_the_request(is_failure: bool) -> None:
    clock = Clock()
    rates = RateLimits(MemoryStore(clock=clock), clock)
    exhausted = response(x_ratelimit_remaining="0", retry_after="9")
    step = Failure(RATE_LIMITED, upstream_response=exhausted) if is_failure else exhausted
    handler = QuotaHeaders(ScriptedUpstream(step, OK), rates)
    request = fhir_request(send_permit=SendPermit("k:Patient", clock()))
    if is_failure:
        with pytest.raises(Failure):
            await handler(request)
    else:
        assert await handler(request) is exhausted
    assert (await rates.delay("k:Patient"), await rates.delay("k:Observation")) == (9, 0)


async def test_request_without_a_permit_holds_none() -> None:
    rates = RateLimits(MemoryStore(), Clock())
    await QuotaHeaders(ScriptedUpstream(response(x_ratelimit_remaining="0")), rates)(fhir_request())
    assert await rates.blocked_keys() == {}


async def test_throttle_of_processes_holds_no_request() -> None:
    clock = Clock()
    rates = RateLimits(MemoryStore(clock=clock), clock)
    exhausted = response(x_ratelimit_remaining="0", retry_after="9")
    handler = QuotaHeaders(ScriptedUpstream(Failure(TOO_MANY_P360, upstream_response=exhausted)), rates)
    with pytest.raises(Failure):
        await handler(fhir_request(send_permit=SendPermit("k:Patient/$p360", clock())))
    assert await rates.blocked_keys() == {}
