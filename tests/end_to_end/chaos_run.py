"""Run of the chaos test: clients send requests, faults follow the plan, and all sites must recover."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic, time
from typing import Any

import httpx
from end_to_end.chaos_clients import LoadBalancer, Observations, Reader, create_clients
from end_to_end.chaos_plan import SITE_FAULTS, Episode, Plan
from end_to_end.chaos_sql import SqlQuery, create_sql_clients
from end_to_end.chaos_truth import Oracle, SearchWalk
from end_to_end.chaos_world import FAR, KEYS, NEAR, Kill, Program, World, base

#: Seconds of additional time on a busy machine.
SLACK = 20.0
NO_FAULT: dict[str, Any] = {}


@dataclass
class Memory:
    """Megabytes and open sockets of each replica at a time of the run in seconds."""

    at: float
    resident: dict[str, float]
    sockets: dict[str, int]


@dataclass
class RunResult:
    """Result of a run."""

    observations: Observations = field(default_factory=Observations)
    oracle: Oracle = field(default_factory=Oracle)
    sql_queries: list[SqlQuery] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)
    recovery: dict[str, float] = field(default_factory=dict)
    fault_free_until: float = 0.0
    faults_ended_at: float = 0.0
    redis_outages: list[tuple[float, float]] = field(default_factory=list)
    largest_walk_pages: list[int] = field(default_factory=list)


class FaultInjector:
    """Runs the episodes of the plan."""

    def __init__(self, world: World, plan: Plan, result: RunResult) -> None:
        self._world = world
        self._plan = plan
        self._result = result
        self._faults: dict[str, dict[str, Any]] = {}
        self._faults_lock, self._redis_lock = asyncio.Lock(), asyncio.Lock()
        self._replica_lock, self._relay_lock = asyncio.Lock(), asyncio.Lock()

    async def run(self, start: float) -> None:
        """Run every episode."""
        episodes = self._plan.episodes({NEAR: False, FAR: True})
        await asyncio.gather(*(self._run_episode(start, episode) for episode in episodes))

    async def _run_episode(self, start: float, episode: Episode) -> None:
        await asyncio.sleep(start + episode.start - monotonic())
        seconds = episode.end - episode.start
        if episode.name in SITE_FAULTS:
            await self._run_site_fault(episode, seconds)
        else:
            await _GATEWAY_FAULTS[episode.name](self, seconds)

    async def _run_site_fault(self, episode: Episode, seconds: float) -> None:
        rule = self._faults[episode.site] = self._fault_rule(episode)
        await self._send_faults()
        await asyncio.sleep(seconds)
        if self._faults[episode.site] is rule:
            self._faults[episode.site] = NO_FAULT
            await self._send_faults()

    def _fault_rule(self, episode: Episode) -> dict[str, Any]:
        fault = SITE_FAULTS[episode.name]
        is_fhir_only = fault["kind"] == "answer" and fault["status"] < 300  # SQL results are not FHIR
        path = "/fhir/" if is_fhir_only else "/fhir/|/queries/"
        rule = {**fault, "site": episode.site, "path": path}
        return rule | ({"key": KEYS[episode.site]} if rule["kind"] == "rate-limit" else {})

    async def _send_faults(self) -> None:
        async with self._faults_lock:
            await asyncio.to_thread(self._world.control, "DELETE", "faults")
            await asyncio.to_thread(
                self._world.control, "POST", "faults", [*filter(None, self._faults.values())]
            )

    async def _refuse_connections(self, seconds: float) -> None:
        async with self._relay_lock:
            await self._world.relay.refuse()
            await asyncio.sleep(seconds)
            await self._world.relay.start()

    async def _reset_connections(self, seconds: float) -> None:
        async with self._relay_lock:
            self._world.relay.resets = True
            self._world.relay.cut()
            await asyncio.sleep(seconds)
            self._world.relay.resets = False

    async def _cut_connections(self, seconds: float) -> None:
        for _ in range(5):
            self._world.relay.cut()
            await asyncio.sleep(seconds / 5)

    async def _stop_redis(self, seconds: float) -> None:
        await self._run_outage(seconds, self._world.redis.stop, self._world.redis.start)

    async def _freeze_redis(self, seconds: float) -> None:
        redis = self._world.redis
        await self._run_outage(
            seconds, lambda: redis.signal(signal.SIGSTOP), lambda: redis.signal(signal.SIGCONT)
        )

    async def _run_outage(
        self, seconds: float, take_down: Callable[[], None], bring_up: Callable[[], None]
    ) -> None:
        async with self._redis_lock:
            started = time()
            await asyncio.to_thread(take_down)
            await asyncio.sleep(seconds)
            await asyncio.to_thread(bring_up)
            self._result.redis_outages.append((started, time()))

    async def _kill_replica(self, seconds: float) -> None:
        replica = self._world.replicas[1]
        async with self._replica_lock:
            self._world.kills.append(Kill(replica.url))
            await asyncio.to_thread(replica.kill)
            await asyncio.sleep(seconds)
            await asyncio.to_thread(replica.start)


_GATEWAY_FAULTS: dict[str, Callable[[FaultInjector, float], Awaitable[None]]] = {
    "refused": FaultInjector._refuse_connections,
    "reset before sending": FaultInjector._reset_connections,
    "cut": FaultInjector._cut_connections,
    "redis stopped": FaultInjector._stop_redis,
    "redis frozen": FaultInjector._freeze_redis,
    "replica killed": FaultInjector._kill_replica,
}


async def run(world: World, plan: Plan) -> RunResult:
    """Run the plan and return the result, which `report_run` judges."""
    result = RunResult()
    await asyncio.to_thread(result.oracle.read, world)
    await world.relay.start()
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
    async with httpx.AsyncClient(timeout=60, trust_env=False, limits=limits) as http:
        balancer = LoadBalancer(world, http, result.observations, result.oracle)
        await _run_clients(world, balancer, plan, result)
    await world.relay.refuse()
    result.memory.append(_measure_memory(world, -1.0))
    return result


async def _run_clients(world: World, balancer: LoadBalancer, plan: Plan, result: RunResult) -> None:
    start, ended = monotonic(), asyncio.Event()
    result.fault_free_until = time() + plan.fault_free_seconds
    result.largest_walk_pages.append(await _read_largest_search(balancer, plan))
    sql_clients = create_sql_clients(balancer, plan)
    client_tasks = [
        asyncio.create_task(client.run(ended.is_set))
        for client in (*create_clients(balancer, plan), *sql_clients)
    ]
    memory_task = asyncio.create_task(_record_memory(world, start, plan, result))
    try:
        await FaultInjector(world, plan, result).run(start)
        result.faults_ended_at = monotonic()
        result.recovery = await _measure_recovery(balancer, plan)
    finally:
        ended.set()
        await asyncio.gather(*client_tasks, memory_task)
    result.sql_queries = [query for client in sql_clients for query in client.queries]
    result.largest_walk_pages.append(await _read_largest_search(balancer, plan))


async def _record_memory(world: World, start: float, plan: Plan, result: RunResult) -> None:
    """Measure the memory after the first and the second third, and at the end."""
    for part in (1 / 3, 2 / 3, 1):
        await asyncio.sleep(max(0.0, start + plan.seconds * part - monotonic()))
        result.memory.append(_measure_memory(world, plan.seconds * part))


def _measure_memory(world: World, at: float) -> Memory:
    running = [replica for replica in world.replicas if replica.process is not None]
    return Memory(
        at,
        {replica.url: replica.resident for replica in running},
        {replica.url: replica.sockets for replica in running},
    )


async def _read_largest_search(balancer: LoadBalancer, plan: Plan) -> int:
    """Number of pages of the largest search with the largest page size."""
    reader = Reader(f"measurer {monotonic():.0f}", NEAR, balancer, plan)
    walk = SearchWalk(balancer.oracle, NEAR, "letters", 1_000)
    return await reader.fetch_all(walk, cache_control="no-cache")


async def _measure_recovery(balancer: LoadBalancer, plan: Plan) -> dict[str, float]:
    """Seconds until both replicas respond for each site."""
    start, limit = monotonic(), plan.scale(300) + SLACK
    waits = [
        _seconds_until_recovery(balancer, replica, site, start, limit)
        for site in KEYS
        for replica in balancer.world.replicas
    ]
    recoveries = await asyncio.gather(*waits)
    return {site: max(seconds for name, seconds in recoveries if name == site) for site in KEYS}


async def _seconds_until_recovery(
    balancer: LoadBalancer, replica: Program, site: str, start: float, limit: float
) -> tuple[str, float]:
    headers = {"ocp-apim-subscription-key": KEYS[site], "cache-control": "no-cache"}
    while monotonic() - start < limit:
        headers["x-request-id"] = f"recovery-{site[-4:]}-{monotonic()}"
        response = await balancer.http.get(f"{replica.url}{base(site)}/Patient/1", headers=headers)
        if response.status_code == 200:
            return site, monotonic() - start
        await asyncio.sleep(0.1)
    balancer.oracle.report_error(f"no recovery {limit:.0f} s after the last fault")
    return site, limit
