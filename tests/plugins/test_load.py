"""Plugins as Python's own metadata describes them: folders on the path, no fakes."""

import sys

import pytest
from support.plugins import REPAIR, PluginFolder

from gateway.plugins.api import PluginError
from gateway.plugins.load import Plugins, load_plugins

DIALECT = """
from halo_gateway import CredentialScheme, Dialect, ErrorRule, failures
HALO_GATEWAY_API = 1
DIALECT = Dialect("acme", (ErrorRule("teapot", failures.CREDENTIALS_INVALID, status={418}),))
"""
TWO = (
    REPAIR
    + """
from dataclasses import replace
SECOND = replace(REPAIR, issue=KnownIssue("first", "", "https://acme.example/2"))
"""
)


def ids(*names: str) -> list[str]:
    return [repair.issue.id for repair in load_plugins(names).repairs]


def refusal(*names: str) -> str:
    with pytest.raises(PluginError) as caught:
        load_plugins(names)
    return str(caught.value)


def test_repair_of_a_package_gets_its_name(plugins: PluginFolder) -> None:
    plugins.add("Acme_Repairs")
    assert ids("acme-repairs") == ids("ACME.repairs") == ["acme-repairs:slot-status-case"]


def test_package_can_be_named_by_its_entry_point(plugins: PluginFolder) -> None:
    plugins.add("acme", repairs="slots=REPAIR")
    assert ids("slots") == ids("acme", "slots") == ["acme:slot-status-case"]


def test_nothing_is_imported_that_is_not_named(plugins: PluginFolder) -> None:
    module = plugins.add("acme", "raise SystemExit('imported')")
    other = plugins.add("other")
    assert load_plugins(()) == Plugins()
    assert ids("other") == ["other:slot-status-case"]
    assert module not in sys.modules
    assert other in sys.modules


@pytest.mark.parametrize("target", ["(REPAIR, SECOND)", "lambda: (REPAIR, SECOND)"])
def test_tuple_and_function_bring_several_repairs(plugins: PluginFolder, target: str) -> None:
    plugins.add("acme", f"{TWO}\nALL = {target}\n", repairs="all=ALL")
    assert ids("acme") == ["acme:slot-status-case", "acme:first"]


def test_after_orders_repairs_of_one_and_two_packages(plugins: PluginFolder) -> None:
    plugins.add("acme", f"{TWO}\nALL = (replace(REPAIR, after=('first',)), SECOND)\n", repairs="all=ALL")
    later = TWO + "\nLATER = replace(SECOND, after=('link-base-url', 'acme:slot-status-case'))\n"
    plugins.add("zebra", later, repairs="all=LATER")
    assert ids("zebra", "acme") == ["acme:first", "acme:slot-status-case", "zebra:first"]


def test_dialect_gets_the_name_of_its_package(plugins: PluginFolder) -> None:
    plugins.add("acme", DIALECT, repairs="", upstreams="acme=DIALECT")
    found = load_plugins(["acme"])
    assert [dialect.name for dialect in found.dialects] == ["acme:acme"]
    assert found.dialect("acme:acme") is found.dialects[0]
    assert found.dialect("acme") is None
    assert found.dialects[0].title == "acme"


def test_version_changes_with_the_source_of_a_module(plugins: PluginFolder) -> None:
    module = plugins.add("acme")
    before = load_plugins(["acme"]).version
    assert before == load_plugins(["acme"]).version
    (plugins.folder / f"{module}.py").write_text(f"{REPAIR}\n# changed in place, as pip install -e permits\n")
    assert before != load_plugins(["acme"]).version


def test_repair_may_be_for_the_dialect_of_another_plugin(plugins: PluginFolder) -> None:
    plugins.add("acme", DIALECT, repairs="", upstreams="acme=DIALECT")
    plugins.add(
        "zebra", f"{TWO}\nALL = replace(REPAIR, dialects=('acme:acme', 'health-gorilla'))", repairs="a=ALL"
    )
    assert ids("zebra", "acme") == ["zebra:slot-status-case"]
    assert "which is none of halo-connect, " in refusal("zebra")


def test_version_changes_with_that_of_a_package(plugins: PluginFolder) -> None:
    plugins.add("acme")
    before = load_plugins(["acme"]).version
    (plugins.folder / "acme-1.0.dist-info" / "METADATA").write_text("Name: acme\nVersion: 1.1\n")
    assert before != load_plugins(["acme"]).version


@pytest.mark.parametrize(
    ("text", "target", "problem"),
    [
        ("import nothing_at_all", "REPAIR", "cannot be imported: ModuleNotFoundError"),
        ("raise SystemExit(3)", "REPAIR", "cannot be imported: SystemExit"),
        (REPAIR, "ABSENT", "cannot be imported: AttributeError"),
        (REPAIR, "CODES", "gives dict: it must give a Repair"),
        (REPAIR, "Repair", "gives type: it must give a Repair"),
        (REPAIR + "EMPTY = ()", "EMPTY", "gives an empty tuple"),
        (REPAIR + "FAILS = lambda: 1 / 0", "FAILS", "failed when it was called without"),
        (REPAIR.replace("HALO_GATEWAY_API = 1", ""), "REPAIR", "must set HALO_GATEWAY_API = 1"),
        (REPAIR.replace("API = 1", "API = 2"), "REPAIR", "was written for version 2 of the plugin API"),
        (REPAIR.replace("slot-status-case", "link-base-url"), "REPAIR", "link-base-url is a repair of the"),
        (REPAIR.replace("slot-status-case", "other:x"), "REPAIR", "the id 'other:x' begins with another"),
        (TWO + "ALL = (REPAIR, REPAIR)", "ALL", "acme:slot-status-case exists twice"),
        (TWO + "ALL = replace(REPAIR, after=('nothing',))", "ALL", "after names 'nothing'"),
        (TWO + "ALL = replace(REPAIR, local_response=print)", "ALL", "a plugin cannot answer requests"),
        (DIALECT, "DIALECT", "gives Dialect: it must give a Repair"),
        (REPAIR.replace("API = 1", "API = True"), "REPAIR", "was written for version True of the plugin API"),
        (REPAIR.replace("API = 1", "API = 1.0"), "REPAIR", "was written for version 1.0 of the plugin API"),
        (REPAIR + "WRONG = Repair('x')", "WRONG", "main (plugin_"),
        (REPAIR + "WRONG = (REPAIR, Repair('x'))", "WRONG", "the issue of a Repair is str"),
        (TWO + "WRONG = replace(REPAIR, entry='text')", "WRONG", "entry must be a function of 2 argument(s)"),
        (TWO + "WRONG = replace(REPAIR, dialects=('nope',))", "WRONG", "names 'nope', which is none of"),
        (TWO + "WRONG = replace(REPAIR, dialects='halo-connect')", "WRONG", "must be a tuple of texts"),
        ("import asyncio; raise asyncio.CancelledError('a\\nb')", "REPAIR", "imported: CancelledError: a b"),
        ("class E(Exception):\n  __str__ = None\nraise E", "REPAIR", "cannot be imported: E:"),
    ],
)  # fmt: skip
def test_plugin_that_cannot_be_used_is_refused(
    plugins: PluginFolder, text: str, target: str, problem: str
) -> None:
    plugins.add("acme", text, repairs=f"main={target}")
    message = refusal("acme")
    assert problem in message
    assert "acme" in message
    assert "\n" not in message


def test_all_problems_are_in_one_message(plugins: PluginFolder) -> None:
    plugins.add("acme", "import nothing_at_all")
    plugins.add("zebra", REPAIR, repairs="main=CODES")
    message = refusal("acme", "zebra")
    assert "acme: entry point main" in message
    assert "zebra: entry point main" in message


def test_unknown_name_lists_what_is_installed(plugins: PluginFolder) -> None:
    plugins.add("acme")
    assert "'other' is no installed package" in refusal("other")
    assert "installed with one: acme" in refusal("other")


def test_entry_point_of_two_packages_is_refused(plugins: PluginFolder) -> None:
    plugins.add("acme")
    plugins.add("zebra")
    assert refusal("main") == "'main' is an entry point of acme, zebra: name one of these packages"


def test_dialect_of_halos_apis_is_refused(plugins: PluginFolder) -> None:
    text = DIALECT + "from dataclasses import replace\nDIALECT = replace(DIALECT, is_mountable=False)\n"
    plugins.add("acme", text, repairs="", upstreams="acme=DIALECT")
    assert "dialect acme must be mountable" in refusal("acme")
