"""One run: everybody asks, things go wrong by the plan, and then all must be well again."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic, time
from typing import Any

import httpx
from end_to_end.chaos_clients import Front, Reader, Seen, clients
from end_to_end.chaos_plan import SITE_FAULTS, Episode, Plan
from end_to_end.chaos_truth import Truth, Walk
from end_to_end.chaos_world import FAR, KEYS, NEAR, Kill, Program, World, base

#: Seconds within which a machine that is busy with other things does what takes none.
SLACK = 20.0
WELL: dict[str, Any] = {}


@dataclass
class Memory:
    """Megabytes of each replica at a moment of the run, and how often it had been started anew."""

    at: float
    resident: dict[str, float]
    sockets: dict[str, int]


@dataclass
class Ran:
    """What came of it."""

    seen: Seen = field(default_factory=Seen)
    truth: Truth = field(default_factory=Truth)
    memory: list[Memory] = field(default_factory=list)
    recovery: dict[str, float] = field(default_factory=dict)
    calm_until: float = 0.0
    healed: float = 0.0
    absences: list[tuple[float, float]] = field(default_factory=list)
    large: list[int] = field(default_factory=list)


class Trouble:
    """Carries the plan out."""

    def __init__(self, world: World, plan: Plan, ran: Ran) -> None:
        self._world = world
        self._plan = plan
        self._ran = ran
        self._faults: dict[str, dict[str, Any]] = {}
        self._telling, self._redis, self._replica, self._way = (asyncio.Lock() for _ in range(4))

    async def run(self, start: float) -> None:
        """Every episode, from its start to its end."""
        episodes = self._plan.episodes({NEAR: False, FAR: True})
        await asyncio.gather(*(self._episode(start, each) for each in episodes))

    async def _episode(self, start: float, episode: Episode) -> None:
        await asyncio.sleep(start + episode.start - monotonic())
        seconds = episode.end - episode.start
        if episode.name in SITE_FAULTS:
            await self._fault(episode, seconds)
        else:
            await _OWN[episode.name](self, seconds)

    async def _fault(self, episode: Episode, seconds: float) -> None:
        rule = self._faults[episode.site] = self._rule(episode)
        await self._told()
        await asyncio.sleep(seconds)
        if self._faults[episode.site] is rule:
            self._faults[episode.site] = WELL
            await self._told()

    def _rule(self, episode: Episode) -> dict[str, Any]:
        rule = {**SITE_FAULTS[episode.name], "site": episode.site, "path": "/fhir/"}
        return rule | ({"key": KEYS[episode.site]} if rule["kind"] == "rate-limit" else {})

    async def _told(self) -> None:
        async with self._telling:
            await asyncio.to_thread(self._world.control, "DELETE", "faults")
            await asyncio.to_thread(
                self._world.control, "POST", "faults", [*filter(None, self._faults.values())]
            )

    async def _refused(self, seconds: float) -> None:
        async with self._way:
            await self._world.way.refuse()
            await asyncio.sleep(seconds)
            await self._world.way.start()

    async def _resets(self, seconds: float) -> None:
        async with self._way:
            self._world.way.resets = True
            self._world.way.cut()
            await asyncio.sleep(seconds)
            self._world.way.resets = False

    async def _cut(self, seconds: float) -> None:
        for _ in range(5):
            self._world.way.cut()
            await asyncio.sleep(seconds / 5)

    async def _redis_stopped(self, seconds: float) -> None:
        await self._absent(seconds, self._world.redis.stop, self._world.redis.start)

    async def _redis_frozen(self, seconds: float) -> None:
        redis = self._world.redis
        await self._absent(
            seconds, lambda: redis.signal(signal.SIGSTOP), lambda: redis.signal(signal.SIGCONT)
        )

    async def _absent(self, seconds: float, go: Callable[[], None], come: Callable[[], None]) -> None:
        async with self._redis:
            started = time()
            await asyncio.to_thread(go)
            await asyncio.sleep(seconds)
            await asyncio.to_thread(come)
            self._ran.absences.append((started, time()))

    async def _killed(self, seconds: float) -> None:
        replica = self._world.replicas[1]
        async with self._replica:
            self._world.kills.append(Kill(replica.url))
            await asyncio.to_thread(replica.kill)
            await asyncio.sleep(seconds)
            await asyncio.to_thread(replica.start)


_OWN: dict[str, Callable[[Trouble, float], Awaitable[None]]] = {
    "refused": Trouble._refused,
    "reset before sending": Trouble._resets,
    "cut": Trouble._cut,
    "redis stopped": Trouble._redis_stopped,
    "redis frozen": Trouble._redis_frozen,
    "replica killed": Trouble._killed,
}


async def run(world: World, plan: Plan) -> Ran:
    """The run; what is wrong with it is for others to say."""
    ran = Ran()
    await asyncio.to_thread(ran.truth.read, world)
    await world.way.start()
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
    async with httpx.AsyncClient(timeout=60, trust_env=False, limits=limits) as http:
        await _ran(Front(world, http, ran.seen, ran.truth), plan, ran)
    await world.way.refuse()
    ran.memory.append(_memory(world, -1.0))
    return ran


async def _ran(front: Front, plan: Plan, ran: Ran) -> None:
    start, over = monotonic(), asyncio.Event()
    ran.calm_until = time() + plan.calm
    ran.large.append(await _large(front, plan))
    asking = [asyncio.create_task(each.live(over.is_set)) for each in clients(front, plan)]
    watching = asyncio.create_task(_watched(front.world, start, plan, ran))
    try:
        await Trouble(front.world, plan, ran).run(start)
        ran.healed = monotonic()
        ran.recovery = await _recovered(front, plan)
    finally:
        over.set()
        await asyncio.gather(*asking, watching)
    ran.large.append(await _large(front, plan))


async def _watched(world: World, start: float, plan: Plan, ran: Ran) -> None:
    """Look at the memory after the first and the second third, and at the end."""
    for part in (1 / 3, 2 / 3, 1):
        await asyncio.sleep(max(0.0, start + plan.seconds * part - monotonic()))
        ran.memory.append(_memory(world, plan.seconds * part))


def _memory(world: World, at: float) -> Memory:
    running = [each for each in world.replicas if each.process is not None]
    return Memory(
        at, {each.url: each.resident for each in running}, {each.url: each.sockets for each in running}
    )


async def _large(front: Front, plan: Plan) -> int:
    """The pages that a walk through what is large takes, asked for as large as can be."""
    reader = Reader(f"measurer {monotonic():.0f}", NEAR, front, plan)
    walk = Walk(front.truth, NEAR, "letters", 1_000)
    return await reader.walk(walk, cache_control="no-cache")


async def _recovered(front: Front, plan: Plan) -> dict[str, float]:
    """Seconds until each site was answered for by both replicas."""
    start, limit = monotonic(), plan.scaled(300) + SLACK
    waits = [
        _until_well(front, replica, site, start, limit) for site in KEYS for replica in front.world.replicas
    ]
    found = await asyncio.gather(*waits)
    return {site: max(seconds for name, seconds in found if name == site) for site in KEYS}


async def _until_well(
    front: Front, replica: Program, site: str, start: float, limit: float
) -> tuple[str, float]:
    headers = {"ocp-apim-subscription-key": KEYS[site], "cache-control": "no-cache"}
    while monotonic() - start < limit:
        headers["x-request-id"] = f"recovery-{site[-4:]}-{monotonic()}"
        answer = await front.http.get(f"{replica.url}{base(site)}/Patient/1", headers=headers)
        if answer.status_code == 200:
            return site, monotonic() - start
        await asyncio.sleep(0.1)
    front.truth.accuse(f"not well again {limit:.0f} s after the last fault")
    return site, limit
