"""Books and a meter that keep what they are told."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.core.cost import Cost, Line, Subject


@dataclass
class Told:
    """In the order of telling."""

    lines: list[tuple[Line, int]] = field(default_factory=list)
    exchanges: list[tuple[Subject, Cost, int, float | None]] = field(default_factory=list)
    failures: list[tuple[Subject, str]] = field(default_factory=list)
    mended: list[tuple[Subject, Sequence[str], Sequence[str]]] = field(default_factory=list)

    def add(self, line: Line, octets: int) -> None:
        self.lines.append((line, octets))

    def exchange(self, subject: Subject, cost: Cost, octets: int, seconds: float | None) -> None:
        self.exchanges.append((subject, cost, octets, seconds))

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
    def seconds(self) -> list[float | None]:
        return [seconds for *_, seconds in self.exchanges]

    @property
    def codes(self) -> list[str]:
        return [code for _, code in self.failures]
