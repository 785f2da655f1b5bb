"""Known issues that plugins and quirk packs of a configuration bring, and the switches of their repairs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gateway.packs.load import load_pack
from gateway.repairs.repair import KnownIssue
from gateway.settings.base import EXTENSION_ID
from gateway.settings.masked import redact_key

if TYPE_CHECKING:
    from gateway.settings import Settings


def extension_issues(settings: "Settings") -> tuple[KnownIssue, ...]:
    """Return the issues in the order in which their repairs are applied, each once. Raises PackError."""
    names = [*settings.upstream.packs, *(name for each in settings.upstreams.values() for name in each.packs)]
    packs = [load_pack(name) for name in dict.fromkeys(names)]
    issues = [repair.issue for repair in settings.loaded_plugins.repairs]
    return (*issues, *(issue for pack in packs for issue in pack.issues))


def require_known_switches(settings: "Settings") -> None:
    """Raise ValueError if a switch names a repair `package:id` that no plugin or pack brings."""
    written = list(_switches(settings))
    known = {issue.id for issue in extension_issues(settings)} if written else set()
    unknown = [f"{setting}.{redact_key(name)}" for setting, name in written if name not in known]
    if unknown:
        raise ValueError(f"{', '.join(unknown[:10])}: no such repair; see halo-gateway known-issues")


def _switches(settings: "Settings") -> Iterator[tuple[str, str]]:
    """Yield setting and id of each switch of a repair that the gateway does not bring itself."""
    tables = {"repairs": settings.repairs}
    tables |= {f"sites.{guid}.repairs": site.repairs for guid, site in settings.sites.items()}
    return (
        (setting, name)
        for setting, switches in tables.items()
        for name in switches
        if EXTENSION_ID.fullmatch(name)
    )
