"""Short ids of practices."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.site_ids import MIN_LENGTH, SiteIds

A, B = "0a1b2c3d-0000-4000-8000-00000000000a", "0a1b2c3d-0000-4000-8000-00000000000b"
C, D = "0a1b2c3d-1111-4000-8000-00000000000c", "1f000000-0000-4000-8000-00000000000d"
#: GUIDs that share long beginnings.
GUIDS = st.builds(
    "{}-{}".format, st.sampled_from(["0a1b2c3d", "0a1b2c3e"]), st.text("ab", min_size=4, max_size=4)
)


def test_id_is_longer_only_where_others_begin_alike() -> None:
    ids = SiteIds((A, B, C, D))
    assert [ids(guid) for guid in (A, B, C, D)] == [A, B, "0a1b2c3d-1", "1f000000"]
    assert SiteIds((A,))(A) == "0a1b2c3d"


def test_unconfigured_guid_is_not_mistaken_for_a_configured_one() -> None:
    ids = SiteIds((A, D))
    assert ids("ffffffff-0000-4000-8000-00000000000a") == "ffffffff"
    assert (ids(A), ids(C)) == ("0a1b2c3d", "0a1b2c3d-1")


@given(st.sets(GUIDS, max_size=12), GUIDS)
def test_ids_are_the_shortest_beginnings_that_differ(guids: set[str], other: str) -> None:
    ids = SiteIds(guids)
    for guid in {*guids, other}:
        found, others = ids(guid), guids - {guid}
        assert guid.startswith(found)
        assert len(found) >= MIN_LENGTH
        assert not any(each.startswith(found) for each in others)
        assert len(found) == MIN_LENGTH or any(each.startswith(found[:-1]) for each in others)
