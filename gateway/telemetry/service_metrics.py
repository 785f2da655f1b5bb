"""Metrics of the gateway as a service: its release, its checks of readiness, its client connections."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from importlib.metadata import version

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway.code_version import code_version

#: Checks by name; each returns the text of its problem, or an empty string.
ReadinessChecks = Mapping[str, Callable[[], Awaitable[str]]]

#: Digits of the code's digest in a label.
_CODE_DIGITS = 12


class BuildInfo(Collector):
    """The release and the code of this process, as labels."""

    def collect(self) -> Iterator[Metric]:
        """Yield the gauge, which is always 1."""
        family = GaugeMetricFamily(
            "halo_gateway_build_info",
            "Release and digest of the code that runs; always 1",
            labels=("version", "code"),
        )
        family.add_metric((version("halo-gateway"), code_version()[:_CODE_DIGITS]), 1)
        yield family


class ClientConnections(Collector):
    """The number of client connections to the gateway's own port, its limit, and the used share of it.

    Of several workers, each with this limit, a page has the sums and the largest share.
    """

    def __init__(self, count: Callable[[], int], limit: int) -> None:
        self._count = count
        self._limit = limit

    def collect(self) -> Iterator[Metric]:
        """Yield the three gauges."""
        count = self._count()
        yield GaugeMetricFamily("halo_gateway_client_connections", "Open client connections", value=count)
        yield GaugeMetricFamily(
            "halo_gateway_client_connections_max",
            "Client connections beyond which requests get 503",
            value=self._limit,
        )
        yield GaugeMetricFamily(
            "halo_gateway_client_connections_used_ratio",
            "Used share of the client connections of a process (1: its next client gets 503)",
            value=count / self._limit,
        )


def readiness_reader(
    checks: ReadinessChecks, warnings: ReadinessChecks
) -> Callable[[], Awaitable[Callable[[], Iterable[Metric]]]]:
    """Return a reader of /readyz: whether it is 200, and each check or warning, 1 if it names a problem."""

    async def read() -> Callable[[], Iterable[Metric]]:
        failed = {name: await check() for name, check in checks.items()}
        warned = {name: await check() for name, check in warnings.items() if not failed.get(name)}
        return lambda: [_ready_family(failed), _readiness_family(failed | warned)]

    return read


def _ready_family(failed: Mapping[str, str]) -> Metric:
    return GaugeMetricFamily(
        "halo_gateway_ready",
        "1 while /readyz is 200, 0 while it is 503",
        value=float(not any(failed.values())),
    )


def _readiness_family(problems: Mapping[str, str]) -> Metric:
    family = GaugeMetricFamily(
        "halo_gateway_readiness_problem", "1 if a check of /readyz names a problem, else 0", labels=("check",)
    )
    for name, problem in problems.items():
        family.add_metric((name,), float(bool(problem)))
    return family
