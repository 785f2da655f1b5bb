"""Order in which repairs of plugins are applied."""

from collections.abc import Iterable, Sequence

from gateway.plugins.api import PluginError
from gateway.repairs.repair import Repair


def in_order(repairs: Sequence[Repair], earlier_ids: Iterable[str]) -> tuple[Repair, ...]:
    """Return the repairs after those that their `after` names, else as they came.

    `earlier_ids` are applied before all of them. Raises PluginError for an unknown id or a cycle.
    """
    ids = {repair.issue.id for repair in repairs}
    unknown = [
        f"{repair.issue.id}: after names {name!r}, which is no repair of the gateway or of `plugins`"
        for repair in repairs
        for name in repair.after
        if name not in ids.union(earlier_ids)
    ]
    if unknown:
        raise PluginError("; ".join(unknown))
    waiting, ordered = list(repairs), list[Repair]()
    while waiting:
        ordered.append(_next_repair(waiting))
        waiting.remove(ordered[-1])
    return tuple(ordered)


def _next_repair(waiting: Sequence[Repair]) -> Repair:
    """Return the first repair that waits for no other."""
    ids = {repair.issue.id for repair in waiting}
    for repair in waiting:
        if ids.isdisjoint(repair.after):
            return repair
    raise PluginError(f"the `after` of these repairs form a cycle: {', '.join(sorted(ids))}")
