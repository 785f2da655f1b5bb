"""Extensions of one upstream: repairs of plugins, then those of its quirk packs."""

from typing import Protocol

from gateway.packs.pack_names import packs_of
from gateway.plugins.guards import with_guards
from gateway.plugins.load import Plugins
from gateway.repairs import BASE_URL_REPAIRS
from gateway.repairs.extensions import Extensions
from gateway.repairs.repair import Repair
from gateway.upstreams.dialect import Dialect
from gateway.upstreams.halo_connect import HALO_CONNECT


class _Settings(Protocol):
    @property
    def loaded_plugins(self) -> Plugins: ...


class _Upstream(Protocol):
    @property
    def packs(self) -> tuple[str, ...]: ...
    @property
    def resolved_dialect(self) -> Dialect: ...


def extensions_of(settings: _Settings, upstream: _Upstream) -> Extensions:
    """Return the repairs and error rules of an upstream. Raises ValueError for an invalid pack.

    Only repairs of plugins need guards: those of packs are made of the gateway's own functions.
    """
    dialect, packs = upstream.resolved_dialect, packs_of(upstream.packs)
    of_plugins = [repair for repair in settings.loaded_plugins.repairs if applies_to(repair, dialect)]
    return Extensions(
        (
            *(with_guards(repair, dialect.credential_headers) for repair in of_plugins),
            *(repair for pack in packs for repair in pack.repairs),
        ),
        tuple(rule for pack in packs for rule in pack.rules),
        " ".join(pack.digest for pack in packs),
    )


def mount_issue_ids(settings: _Settings, upstream: _Upstream) -> tuple[str, ...]:
    """Return the ids of the issues whose repairs apply to a mount that is no Halo Connect."""
    if not upstream.resolved_dialect.is_fhir:
        return ()
    repairs = (*BASE_URL_REPAIRS, *extensions_of(settings, upstream).repairs)
    return tuple(repair.issue.id for repair in repairs)


def applies_to(repair: Repair, dialect: Dialect) -> bool:
    """Whether a plugin's repair is for upstreams of a dialect."""
    return dialect.name in (repair.dialects or (HALO_CONNECT.name,))
