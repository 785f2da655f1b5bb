import pytest

from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.validation import r4
from gateway.validation.definitions import resource_definition, type_definition


def test_unchecked_types_are_in_r4_and_r4b_types_not() -> None:
    assert r4.UNCHECKED_TYPES <= RESOURCE_TYPES
    assert not r4.R4B_ONLY_TYPES & RESOURCE_TYPES


@pytest.mark.parametrize("type_", sorted(RESOURCE_TYPES - r4.UNCHECKED_TYPES))
def test_every_checked_type_of_r4_has_definition(type_: str) -> None:
    assert resource_definition(type_) is not None


@pytest.mark.parametrize(("type_", "names"), r4.R4B_ONLY_ELEMENTS.items())
def test_elements_added_by_r4b_are_removed_by_table(
    type_: str, names: frozenset[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not names & set(type_definition(type_).elements)
    monkeypatch.setitem(r4.R4B_ONLY_ELEMENTS, type_, frozenset())
    assert names <= set(type_definition.__wrapped__(type_).elements)


@pytest.mark.parametrize("type_", r4.R4_ONLY_ELEMENTS)
def test_elements_removed_by_r4b_are_added_to_their_choice(type_: str) -> None:
    definition = type_definition(type_)
    for name, (choice, kind) in r4.R4_ONLY_ELEMENTS[type_].items():
        assert definition.elements[name].type == kind
        assert name in definition.choices[choice]
        assert len(definition.choices[choice]) > 40


@pytest.mark.parametrize("element", r4.BINDING_CODES)
def test_binding_codes_belong_to_elements_of_type_code(element: str) -> None:
    type_, _, name = element.partition(".")
    assert type_definition(type_).elements[name].type == "code"
    assert type_definition(type_).elements[name].codes == r4.BINDING_CODES[element]


@pytest.mark.parametrize("type_", ["Age", "Count", "Distance", "Duration", "Quantity"])
def test_quantity_types_have_same_comparators(type_: str) -> None:
    assert type_definition(type_).elements["comparator"].codes == {"<", "<=", ">=", ">"}
