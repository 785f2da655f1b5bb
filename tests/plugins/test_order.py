import pytest

from gateway.plugins.api import PluginError
from gateway.plugins.order import in_order
from gateway.repairs.repair import KnownIssue, Repair


def repair(name: str, *after: str) -> Repair:
    return Repair(KnownIssue(name, "", ""), after=after)


def ids(*repairs: Repair) -> list[str]:
    return [each.issue.id for each in in_order(repairs, {"ours"})]


def test_order_is_stable_and_follows_after() -> None:
    assert ids(repair("c"), repair("a"), repair("b")) == ["c", "a", "b"]
    assert ids(repair("c", "b"), repair("a", "ours"), repair("b", "a")) == ["a", "b", "c"]


def test_unknown_id_is_refused_by_name() -> None:
    with pytest.raises(PluginError, match="a: after names 'nothing'"):
        ids(repair("a", "nothing"))


@pytest.mark.parametrize("cycle", [(repair("a", "a"),), (repair("a", "b"), repair("b", "a"), repair("c"))])
def test_cycle_is_refused_by_name(cycle: tuple[Repair, ...]) -> None:
    with pytest.raises(PluginError, match="form a cycle: a"):
        ids(*cycle)
