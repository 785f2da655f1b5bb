"""Chains of Halo Connect: FHIR and SQL pass the same guards."""

from collections.abc import AsyncIterator

import pytest
from conftest import settings_for
from support.requests import GUID, fhir_request, json_response, sql_request

from gateway.chain import HaloChains, halo_chains
from gateway.errors.catalog import UPSTREAM_CONNECT
from gateway.errors.failure import Failure, FailureKind
from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.runtime import Runtime
from gateway.settings import Retry
from gateway.upstreams.halo_failures import CONNECTION_LOST, NOT_AUTHORISED, OFFLINE

pytestmark = pytest.mark.anyio
KEY = ("ocp-apim-subscription-key", "synthetic")
FHIR = ("accept", "application/fhir+json")
PATIENT = fhir_request("Patient/1", headers=(KEY, FHIR))


def sql(path: str = "immediate", method: str = "POST", body: bytes = b"{}") -> FhirRequest:
    return sql_request(path, method, body, headers=(KEY, FHIR))


class Upstream:
    """Clients of both dialects: each fails if a test says so, and counts its requests."""

    def __init__(self) -> None:
        self.failures: dict[str, Failure] = {}
        self.sent: list[str] = []

    def client_for(self, dialect: str) -> Handler:
        async def send(request: FhirRequest) -> FhirResponse:
            self.sent.append(f"{dialect} {request.method}")
            if dialect in self.failures:
                raise self.failures[dialect]
            return json_response({"resourceType": "Patient", "id": "1"})

        return send


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
async def chains(upstream: Upstream) -> AsyncIterator[HaloChains]:
    runtime = Runtime(settings_for("http://upstream"))
    yield halo_chains(runtime, runtime.settings.upstream, upstream.client_for)
    await runtime.exit_stack.aclose()


def refusal(kind: FailureKind) -> Failure:
    return Failure(kind, upstream_response=FhirResponse(400))


@pytest.mark.parametrize("failing", ["halo-connect", "halo-sql"])
@pytest.mark.parametrize(("kind", "status"), [(OFFLINE, 503), (NOT_AUTHORISED, 403)])
async def test_failure_of_one_stops_the_other(
    chains: HaloChains, upstream: Upstream, failing: str, kind: FailureKind, status: int
) -> None:
    upstream.failures[failing] = refusal(kind)
    calls = [(chains.fhir, PATIENT), (chains.sql, sql())]
    (first, request), (second, other) = calls if failing == "halo-connect" else reversed(calls)
    assert (await first.handler(request)).status == status
    sent = len(upstream.sent)
    assert (await second.handler(other)).status == status
    assert len(upstream.sent) == sent


@pytest.mark.parametrize("kind", [OFFLINE, NOT_AUTHORISED])
async def test_results_are_read_while_the_practice_is_left_alone(
    chains: HaloChains, upstream: Upstream, kind: FailureKind
) -> None:
    upstream.failures["halo-sql"] = refusal(kind)
    await chains.sql.handler(sql())
    upstream.failures.clear()
    for method, path in (("GET", GUID), ("GET", f"{GUID}/results/1"), ("POST", "status")):
        assert (await chains.sql.handler(sql(path, method))).status == 200
    assert (await chains.sql.handler(sql())).status == kind.status  # a poll ends no pause or circuit
    assert upstream.sent == ["halo-sql POST", "halo-sql GET", "halo-sql GET", "halo-sql POST"]


@pytest.mark.parametrize(("path", "is_closed"), [("immediate", True), ("async", False)])
async def test_only_a_response_of_the_practice_closes_its_circuit(
    chains: HaloChains, upstream: Upstream, path: str, is_closed: bool
) -> None:
    upstream.failures["halo-sql"] = refusal(CONNECTION_LOST)
    await chains.sql.handler(sql())
    upstream.failures.clear()
    await chains.sql.handler(sql(path))
    assert chains.fhir.upstream_handlers is not None
    assert (not await chains.fhir.upstream_handlers.circuits.troubled_circuits()) is is_closed


@pytest.mark.parametrize(("method", "path", "attempts"), [("POST", "immediate", 1), ("GET", GUID, 2)])
async def test_sql_by_post_is_never_repeated(
    upstream: Upstream, method: str, path: str, attempts: int
) -> None:
    settings = settings_for("http://upstream").model_copy(
        update={"retry": Retry(initial_backoff_seconds=0.01)}
    )
    runtime = Runtime(settings)
    chains = halo_chains(runtime, settings.upstream, upstream.client_for)
    upstream.failures["halo-sql"] = Failure(UPSTREAM_CONNECT)
    select = b'{"command":{"type":"text","text":"SELECT 1"}}'
    await chains.sql.handler(sql(path, method, select))
    assert upstream.sent == [f"halo-sql {method}"] * attempts
    await runtime.exit_stack.aclose()
