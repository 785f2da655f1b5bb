import pytest

from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.validation import r4
from gateway.validation.definitions import resource_definition, type_definition


def test_types_that_cannot_be_checked_are_r4s_and_those_r4b_added_are_not() -> None:
    assert r4.UNCHECKED_TYPES <= RESOURCE_TYPES
    assert not r4.R4B_ONLY_TYPES & RESOURCE_TYPES


@pytest.mark.parametrize("type_", sorted(RESOURCE_TYPES - r4.UNCHECKED_TYPES))
def test_every_other_type_of_r4_has_a_definition(type_: str) -> None:
    assert resource_definition(type_) is not None


@pytest.mark.parametrize(("type_", "names"), r4.R4B_ONLY_ELEMENTS.items())
def test_what_r4b_added_is_unknown_and_would_not_be_without_the_table(
    type_: str, names: frozenset[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not names & set(type_definition(type_).elements)
    monkeypatch.setitem(r4.R4B_ONLY_ELEMENTS, type_, frozenset())
    assert names <= set(type_definition.__wrapped__(type_).elements)


@pytest.mark.parametrize("type_", r4.R4_ONLY_ELEMENTS)
def test_what_r4b_dropped_is_known_as_one_of_its_choice(type_: str) -> None:
    found = type_definition(type_)
    for name, (choice, kind) in r4.R4_ONLY_ELEMENTS[type_].items():
        assert found.elements[name].type == kind
        assert name in found.choices[choice]
        assert len(found.choices[choice]) > 40


@pytest.mark.parametrize("element", r4.BINDING_CODES)
def test_codes_belong_to_elements_that_are_codes(element: str) -> None:
    type_, _, name = element.partition(".")
    assert type_definition(type_).elements[name].type == "code"
    assert type_definition(type_).elements[name].codes == r4.BINDING_CODES[element]


@pytest.mark.parametrize("type_", ["Age", "Count", "Distance", "Duration", "Quantity"])
def test_kinds_of_quantity_share_its_comparators(type_: str) -> None:
    assert type_definition(type_).elements["comparator"].codes == {"<", "<=", ">=", ">"}
