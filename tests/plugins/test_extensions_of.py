from dataclasses import dataclass

from support.plugins import REPAIR, PluginFolder

from gateway.plugins.extensions_of import applies_to, extensions_of
from gateway.repairs.extensions import NO_EXTENSIONS
from gateway.repairs.repair import KnownIssue, Repair
from gateway.settings import Settings, Upstream
from gateway.upstreams.dialect import Dialect
from gateway.upstreams.halo_connect import HALO_CONNECT
from gateway.upstreams.health_gorilla import HEALTH_GORILLA


@dataclass(frozen=True)
class Mount:
    """An upstream of a dialect, without packs."""

    resolved_dialect: Dialect = HALO_CONNECT
    packs: tuple[str, ...] = ()


def test_repair_without_dialects_is_for_halo_connect() -> None:
    repair = Repair(KnownIssue("a", "", ""))
    assert applies_to(repair, HALO_CONNECT)
    assert not applies_to(repair, HEALTH_GORILLA)


def test_repair_is_for_the_dialects_that_it_names() -> None:
    repair = Repair(KnownIssue("a", "", ""), dialects=("health-gorilla", "acme:acme"))
    assert applies_to(repair, HEALTH_GORILLA)
    assert applies_to(repair, Dialect("acme:acme", ()))
    assert not applies_to(repair, HALO_CONNECT)


def test_repairs_of_plugins_have_guards(plugins: PluginFolder) -> None:
    plugins.add("acme", REPAIR)
    settings = Settings(plugins=("acme",))
    (repair,) = extensions_of(settings, Upstream()).repairs
    assert repair.issue.id == "acme:slot-status-case"
    assert repair.entry is not settings.loaded_plugins.repairs[0].entry
    assert extensions_of(settings, Mount(HEALTH_GORILLA)) == NO_EXTENSIONS
    assert extensions_of(Settings(), Upstream()) == NO_EXTENSIONS
