import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.emulator.links import base_for_link_form, page_link, page_pairs, split_page_position
from gateway.emulator.settings import EmulatorSettings, Variants

pairs = st.lists(st.tuples(st.sampled_from(["name", "gender", "_include", "_sort"]), st.text()), max_size=4)


@given(pairs=pairs, page=st.integers(0, 50), paging=st.sampled_from(["token", "offset", "page"]))
def test_page_link_round_trips_search_and_offset(
    pairs: list[tuple[str, str]], page: int, paging: str
) -> None:
    variants = Variants.model_validate({"paging": paging})
    search_pairs, offset = split_page_position(page_pairs(pairs, page * 7, 7, variants))
    assert sorted(search_pairs) == sorted([*pairs, ("_count", "7")])
    assert offset == page * 7


def test_include_beside_page_token_is_applied() -> None:
    request_pairs = [*page_pairs([("name", "x")], 20, 20, Variants()), ("_include", "Patient:organization")]
    assert ("_include", "Patient:organization") in split_page_position(request_pairs)[0]


@pytest.mark.parametrize(("base", "start"), [("http://h/R4", "http://h/R4/Patient?"), ("", "?")])
def test_link_values_are_percent_encoded(base: str, start: str) -> None:
    url = page_link(base, "Patient", [("name", "a&b=c+d é")])
    assert url == f"{start}name=a%26b%3Dc%2Bd+%C3%A9"


def test_link_base_uses_configured_hosts() -> None:
    settings = EmulatorSettings(public_url="https://public.example", internal_url="http://inner.example")
    bases = [
        base_for_link_form(form, settings, "http://client.example", "desktop", "G")
        for form in ("absolute-public", "absolute-internal", "api", "root-relative")
    ]
    assert bases == [
        "https://public.example/integrator/sites/G/fhir/R4",
        "http://inner.example/sites/G/fhir/R4",
        "http://client.example/api/sites/G/fhir/R4",
        "/desktop/sites/G/fhir/R4",
    ]
