"""Books and a meter that keep what they are told."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.ledger.cost import Cost, Line, Subject


@dataclass
class Told:
    """In the order of telling."""

    lines: list[tuple[Line, int]] = field(default_factory=list)
    exchanges: list[tuple[Subject, Cost, int, int]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    failures: list[tuple[Subject, str]] = field(default_factory=list)
    mended: list[tuple[Subject, Sequence[str], Sequence[str]]] = field(default_factory=list)

    def add(self, line: Line, octets: int, queries: int = 1) -> None:
        self.lines += [(line, octets // queries)] * queries

    def exchange(self, subject: Subject, cost: Cost, octets: int, queries: int = 1) -> None:
        self.exchanges.append((subject, cost, octets, queries))

    def asked(self, subject: Subject, seconds: float) -> None:
        del subject
        self.seconds.append(seconds)

    def failure(self, subject: Subject, code: str) -> None:
        self.failures.append((subject, code))

    def repairs(self, subject: Subject, fired: Sequence[str], active: Sequence[str]) -> None:
        self.mended.append((subject, fired, active))

    @property
    def costs(self) -> list[Cost]:
        return [line.cost for line, _ in self.lines]

    @property
    def octets(self) -> list[int]:
        return [octets for _, octets in self.lines]

    @property
    def codes(self) -> list[str]:
        return [code for _, code in self.failures]
