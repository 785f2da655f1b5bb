"""Ledger and metrics that record all calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from support.requests import GUID, NOW

from gateway.http.proved_callers import ProvedCallers
from gateway.ledger.cost import Attribution, CostClass, LedgerKey
from gateway.ledger.daily_usage import DailyUsage
from gateway.ledger.names import CallerConfig, ConfiguredNames, LedgerNames
from gateway.ledger.recorder import Recorder


def ledger_names(callers: Mapping[str, CallerConfig] | None = None, *sites: str) -> LedgerNames:
    """Names of these callers, by their digits, and sites; of the synthetic site if none is given."""
    return LedgerNames(ProvedCallers(lambda: 0.0), ConfiguredNames(callers or {}, sites or {GUID}))


@dataclass
class RecordingSink:
    """Ledger and metrics sink with the calls in their order; `lines` are key and bytes of each query."""

    lines: list[tuple[LedgerKey, int]] = field(default_factory=list)
    requests: list[tuple[Attribution, CostClass, int, int]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    failures: list[tuple[Attribution, str]] = field(default_factory=list)
    repairs: list[tuple[Attribution, Sequence[str], Sequence[str]]] = field(default_factory=list)

    def add(self, key: LedgerKey, octets: int, queries: int = 1) -> None:
        self.lines += [(key, octets // queries)] * queries

    def count_requests(
        self, attribution: Attribution, cost: CostClass, octets: int, queries: int = 1
    ) -> None:
        self.requests.append((attribution, cost, octets, queries))

    def observe_upstream_seconds(self, attribution: Attribution, seconds: float) -> None:
        del attribution
        self.seconds.append(seconds)

    def count_failure(self, attribution: Attribution, code: str) -> None:
        self.failures.append((attribution, code))

    def count_repairs(
        self, attribution: Attribution, fired_repairs: Sequence[str], active_repairs: Sequence[str]
    ) -> None:
        self.repairs.append((attribution, fired_repairs, active_repairs))

    @property
    def costs(self) -> list[CostClass]:
        return [key.cost for key, _ in self.lines]

    @property
    def octets(self) -> list[int]:
        return [octets for _, octets in self.lines]

    @property
    def codes(self) -> list[str]:
        return [code for _, code in self.failures]


def recorder_of(sink: RecordingSink) -> Recorder:
    """A recorder that knows the synthetic site, and no caller."""
    names = LedgerNames(ProvedCallers(lambda: 0.0), ConfiguredNames({}, {GUID}))
    return Recorder(sink, DailyUsage(lambda _: None), sink, names, now=lambda: NOW)
