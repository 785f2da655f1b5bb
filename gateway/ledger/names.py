"""Names of callers and sites in the ledger and the metrics: clients make up keys and GUIDs, but no names.

A name needs the configuration or a 2xx of the upstream. All others share the name `unproved`.
"""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from gateway.exchange import FhirRequest, Headers, Site
from gateway.http.callers import ledger_label
from gateway.http.proved_callers import (
    UNPROVED,
    ProvedCallers,
    caller_of,
    may_prove_caller,
)


class CallerConfig(NamedTuple):
    """Configured alias of a caller, and whether its requests are batch work."""

    name: str
    is_batch: bool = False


class ConfiguredNames(NamedTuple):
    """Callers in the configuration, by their eight digits, and sites, by GUID: they need no proof."""

    callers: Mapping[str, CallerConfig]
    sites: Collection[str] = ()


NO_CONFIGURED_NAMES = ConfiguredNames({})


class LedgerNames:
    """Names of callers and sites; `has_ledger_line`: whether the ledger has a line of a site already."""

    def __init__(
        self,
        proved_callers: ProvedCallers,
        configured_names: ConfiguredNames = NO_CONFIGURED_NAMES,
        has_ledger_line: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._proved_callers = proved_callers
        self._callers = configured_names.callers
        self._sites = frozenset(configured_names.sites)
        self._has_ledger_line = has_ledger_line

    def record_success(self, request: FhirRequest, site: Site | None) -> None:
        """Note a 2xx of the upstream, which proves the request's caller and site."""
        if may_prove_caller(request):
            self._proved_callers.record_success(caller_of(request), site.guid if site else "")

    def has_name(self, guid: str) -> bool:
        """Whether a site has a name: by configuration, by a 2xx here or by a line of another process."""
        return guid in self._sites or self._proved_callers.is_site_proved(guid) or self._has_ledger_line(guid)

    def caller(self, headers: Headers, identity: str) -> CallerConfig:
        """Name of a caller, and whether its requests are batch work; no name without a credential.

        `identity`: as `caller_at_upstream` returns it.
        """
        label = ledger_label(headers)
        if not label or label in self._callers:
            return self._callers.get(label, CallerConfig(""))
        return CallerConfig(label if self._proved_callers.is_proved(identity) else UNPROVED)
