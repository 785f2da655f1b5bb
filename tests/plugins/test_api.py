import pytest

from gateway.plugins.api import PluginError, normal_name, with_namespace


@pytest.mark.parametrize("name", ["Acme.Repairs", "acme_repairs", "ACME--repairs"])
def test_name_of_package_is_normal(name: str) -> None:
    assert normal_name(name) == "acme-repairs"


def test_id_gets_the_name_of_its_package_once() -> None:
    assert with_namespace("acme", "slot") == "acme:slot"
    assert with_namespace("acme", "acme:slot") == "acme:slot"


@pytest.mark.parametrize("name", ["other:slot", "", "Slot", "a b", "acme:", "x" * 70, "acme:x:y"])
def test_id_that_is_malformed_or_foreign_is_refused(name: str) -> None:
    with pytest.raises(PluginError, match="acme: the id"):
        with_namespace("acme", name)
