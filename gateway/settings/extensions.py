"""Known issues that plugins and quirk packs of a configuration bring, and the switches of their repairs."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.packs.load import Pack, is_name
from gateway.packs.pack_names import packs_of
from gateway.repairs.repair import KnownIssue
from gateway.settings.base import EXTENSION_ID
from gateway.settings.masked import redact_key

if TYPE_CHECKING:
    from gateway.settings import Settings


def extension_issues(settings: "Settings") -> tuple[KnownIssue, ...]:
    """Return the issues in the order in which their repairs are applied, each once."""
    packs = {pack.name: pack for pack in _all_packs(settings)}
    issues = [repair.issue for repair in settings.loaded_plugins.repairs]
    return (*issues, *(issue for pack in packs.values() for issue in pack.issues))


def _all_packs(settings: "Settings") -> Iterator[Pack]:
    for upstream in (settings.upstream, *settings.upstreams.values()):
        yield from packs_of(upstream.packs)


def extension_problems(settings: "Settings") -> Iterator[str]:
    """Yield the problems of packs that share a name, and of switches for repairs that nothing brings."""
    yield from _repeated_packs(settings)
    yield from _unknown_switches(settings)


def _repeated_packs(settings: "Settings") -> Iterator[str]:
    """Yield a problem if two upstreams have different packs of one name: a switch would be for both."""
    digests = {(pack.name, pack.digest) for pack in _all_packs(settings)}
    names = [name for name, _ in digests]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        yield (
            f"packs: two different files are the pack {', '.join(repeated[:10])}; rename one: write, for"
            f" example, {repeated[0]}-2.toml"
        )


def with_pack_paths(tables: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the tables of a configuration file with the paths of packs below the file's folder."""
    upstream, others = tables.get("upstream"), tables.get("upstreams")
    changed = {"upstream": _with_paths(upstream, folder)} if isinstance(upstream, dict) else {}
    if isinstance(others, dict):
        changed["upstreams"] = {name: _with_paths(table, folder) for name, table in others.items()}
    return {**tables, **changed}


def _with_paths(upstream: Any, folder: Path) -> Any:
    packs = upstream.get("packs") if isinstance(upstream, dict) else None
    return (
        {**upstream, "packs": [_path_in(folder, pack) for pack in packs]}
        if isinstance(packs, list)
        else upstream
    )


def _path_in(folder: Path, pack: Any) -> Any:
    return pack if not isinstance(pack, str) or is_name(pack) else str(folder / pack)


def _unknown_switches(settings: "Settings") -> Iterator[str]:
    """Yield a problem if a switch names a repair `package:id` that no plugin or pack brings."""
    written = list(_switches(settings))
    known = {issue.id for issue in extension_issues(settings)} if written else set()
    unknown = [f"{setting}.{redact_key(name)}" for setting, name in written if name not in known]
    if unknown:
        yield f"{', '.join(unknown[:10])}: no such repair; see halo-gateway known-issues"


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
