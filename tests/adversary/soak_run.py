"""Run of the soak: one gateway and one emulator; honest clients alone, then beside the attackers."""

import asyncio
import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time

import httpx
from adversary.soak_clients import create_honest_clients
from adversary.soak_requests import ATTACKERS_KEYS, FAULTS, HONEST_ADDRESS
from conftest import ROOT
from end_to_end.chaos_clients import LoadBalancer, Observations
from end_to_end.chaos_plan import Plan
from end_to_end.chaos_truth import Oracle
from end_to_end.chaos_world import KEYS, PUBLIC, Processes, Program, kill_if_running, site_sections

#: Seconds of a round, which begins without attackers: several rounds level out what else the machine does.
ROUND_SECONDS = 120.0
#: Part of a round without attackers.
QUIET_SHARE = 0.25
#: Longest time in seconds at the beginning of a run that is not measured.
MAX_WARM_UP = 10.0

Window = tuple[float, float]


@dataclass
class SoakResult:
    """What the clients saw; times in seconds since 1970, memory of the gateway in megabytes."""

    observations: Observations = field(default_factory=Observations)
    oracle: Oracle = field(default_factory=Oracle)
    quiet_windows: list[Window] = field(default_factory=list)
    attack_windows: list[Window] = field(default_factory=list)
    memory: dict[str, float] = field(default_factory=dict)
    load: dict[str, float] = field(default_factory=dict)
    attacks: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    @property
    def attack_seconds(self) -> float:
        return sum(end - start for start, end in self.attack_windows)


@contextmanager
def run_processes() -> Iterator[Processes]:
    """Run an emulator and a gateway with default settings in front of it."""
    with TemporaryDirectory() as name, ExitStack() as cleanup:
        directory = Path(name)
        emulator = Program(
            ("emulate", "--port", "0", "--config", _write_emulator_config(directory)), directory / "emulator"
        )
        emulator.start()
        cleanup.callback(kill_if_running, emulator)
        settings = _write_gateway_config(directory, emulator.url)
        gateway = Program(("serve", "--port", "0", "--config", settings), directory / "gateway.log")
        gateway.start()
        cleanup.callback(kill_if_running, gateway)
        yield Processes(directory, emulator, [gateway])


def _write_emulator_config(directory: Path) -> str:
    path = directory / "emulator.toml"
    keys = json.dumps([*KEYS.values(), *ATTACKERS_KEYS])
    path.write_text(
        f"patients = 60\ndocuments = 45\nkeep_requests = 5000000\nkeys = {keys}\n"
        '[variants]\nunknown_parameter = "refuse"\n'
    )
    return str(path)


def _write_gateway_config(directory: Path, upstream: str) -> str:
    path = directory / "gateway.toml"
    path.write_text(
        f"""
[server]
public_url = "{PUBLIC}"
[upstream]
url = "{upstream}"
[upstreams.stage]
url = "{upstream}"
dialect = "halo-connect"
path = "/stage"
{site_sections()}
[ledger]
path = "{directory / "ledger.sqlite3"}"
"""
    )
    return str(path)


async def run_soak(processes: Processes, plan: Plan) -> SoakResult:
    """Run honest clients for the plan's seconds, and attackers after the first quarter of each round."""
    result = SoakResult()
    await asyncio.to_thread(result.oracle.read, processes)
    transport = httpx.AsyncHTTPTransport(local_address=HONEST_ADDRESS)
    async with httpx.AsyncClient(timeout=60, trust_env=False, transport=transport) as http:
        balancer = LoadBalancer(processes, http, result.observations, result.oracle)
        ended = asyncio.Event()
        clients = [
            asyncio.create_task(client.run(ended.is_set)) for client in create_honest_clients(balancer, plan)
        ]
        try:
            await _run_rounds(processes, plan, result)
        finally:
            ended.set()
            await asyncio.gather(*clients)
    return result


async def _run_rounds(processes: Processes, plan: Plan, result: SoakResult) -> None:
    rounds = max(1, round(plan.seconds / ROUND_SECONDS))
    seconds, gateway = plan.seconds / rounds, processes.replicas[0]
    await asyncio.to_thread(processes.control, "POST", "faults", FAULTS)
    await asyncio.sleep(min(MAX_WARM_UP, seconds * QUIET_SHARE / 3))
    for number in range(rounds):
        started = time()
        await asyncio.sleep(seconds * QUIET_SHARE)
        attack_started = time()
        _measure(result, gateway, f"before attack {number + 1}")
        statuses = await _attack(gateway.url, seconds * (1 - QUIET_SHARE), number)
        _measure(result, gateway, f"after attack {number + 1}")
        for name, counts in statuses.items():
            result.attacks[name].update(counts)
        result.quiet_windows.append((started, attack_started))
        result.attack_windows.append((attack_started, time()))


def _measure(result: SoakResult, gateway: Program, when: str) -> None:
    """Note the gateway's memory, and how busy the machine is."""
    result.memory[when], result.load[when] = gateway.resident, os.getloadavg()[0]


async def _attack(url: str, seconds: float, seed: int) -> dict[str, dict[str, int]]:
    path = os.pathsep.join((str(ROOT / "tests"), str(ROOT)))
    process = await asyncio.create_subprocess_exec(
        *("nice", sys.executable, "-m", "adversary.soak_attackers", url, str(seconds), str(seed)),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0
    statuses: dict[str, dict[str, int]] = json.loads(output)
    return statuses
