"""Runs of random searches: each by its seed, and the smallest search that still fails."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from oracle.answer import Answer
from oracle.dice import SearchDice
from oracle.models import MODELS, Model
from oracle.searches import Search
from oracle.verdict import is_allowed_refusal, judge
from oracle.world import World, base

from gateway.emulator.sites import PERTH, SYDNEY

_SITES = (SYDNEY, SYDNEY, PERTH)
_MAX_TRIES = 150
#: Differences of one kind and model that are reduced to the smallest search.
MAX_SHRUNK = 3


@dataclass(frozen=True)
class Difference:
    """A search whose answer is not R4's."""

    seed: int
    model: str
    known: bool
    site: str
    search: Search
    problem: str

    def __str__(self) -> str:
        knowledge = "known" if self.known else "unprobed"
        return (
            f"seed {self.seed} ({self.model}, {knowledge}, {self.site[-4:]}): {self.search}: {self.problem}"
        )


def _outcome(model: Model, answer: Answer) -> str:
    if answer.status != 200:
        return "permitted refusals" if "refusal" in model.permits else "refused"
    return "matched" if answer.matches or any(answer.totals) else "without matches"


def kind_of(problem: str) -> str:
    """The problem without numbers and ids."""
    return re.sub(r"[\d\[\]', {}]+", " ", problem)[:24]


@dataclass
class Run:
    """Worlds by model, the differences, and the number of answers by kind."""

    worlds: dict[tuple[str, bool], World] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return f"{dict(self.counts)}, refused {self.refused_share:.1%}: {dict(self.refusals)}"

    @property
    def refused_share(self) -> float:
        """Share of refusals among the searches at upstreams that give all that the gateway needs."""
        return self.counts["refused"] / max(1, self.counts["searches"] - self.counts["permitted refusals"])

    async def billed_queries(self) -> tuple[int, int]:
        """Queries that all gateways counted, and that all emulators billed."""
        pairs = [await world.billed_queries() for world in self.worlds.values()]
        return sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)

    async def stop(self) -> None:
        """Stop all gateways."""
        for world in self.worlds.values():
            await world.stop()

    async def check_all(self, seeds: Iterable[int]) -> None:
        for seed in seeds:
            await self.check(seed)

    async def check(self, seed: int) -> None:
        """Send the search of a seed; keep the smallest search with the same fault."""
        random = Random(seed)
        model, known = MODELS[seed % len(MODELS)], bool(seed // len(MODELS) % 2)
        world = await self._world(model, known=known)
        guid = random.choice(_SITES)
        records = await world.records(guid)
        search = SearchDice(random, records, base(guid), datetime.now(UTC)).search()
        problem = await self._problem(world, guid, search, is_counted=True)
        kind = f"{model.name} {kind_of(problem)}"
        self.kinds[kind] += bool(problem)
        if problem and self.kinds[kind] <= MAX_SHRUNK:
            search, problem = await self._shrink(world, guid, search, problem)
        if problem:
            self.differences.append(Difference(seed, model.name, known, guid, search, problem))

    async def _world(self, model: Model, *, known: bool) -> World:
        if (model.name, known) not in self.worlds:
            self.worlds[model.name, known] = World(model, known)
            await self.worlds[model.name, known].start()
        return self.worlds[model.name, known]

    async def _problem(self, world: World, guid: str, search: Search, *, is_counted: bool = False) -> str:
        answer, records = await world.answer(guid, search), await world.records(guid)
        problem = judge(world.model, records, search, answer)
        is_refusal = answer.status != 200
        if is_refusal and not problem and not is_allowed_refusal(world.model, search, answer):
            problem = f"refused with {answer.status} {answer.code}"
        if is_counted:
            self.counts["searches"] += 1
            self.counts[_outcome(world.model, answer)] += 1
            if is_refusal:
                self.refusals[f"{answer.status} {answer.code}"] += 1
        return problem

    async def _shrink(self, world: World, guid: str, search: Search, problem: str) -> tuple[Search, str]:
        """Return the smallest search that fails in a new gateway; the search itself if none does."""
        tries = 0
        queue = search.smaller()
        while queue and tries < _MAX_TRIES:
            candidate, tries = queue.pop(0), tries + 1
            await world.restart()
            smaller = await self._problem(world, guid, candidate)
            if smaller and kind_of(smaller) == kind_of(problem):
                search, problem, queue = candidate, smaller, candidate.smaller()
        return search, problem
