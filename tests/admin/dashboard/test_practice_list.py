"""List of practices."""

from support.site_json import GUID, SINCE, site_json

from gateway.admin.dashboard.practice_list import practice_list

EVIL = '"><script>'


def fields(count: int) -> dict[str, object]:
    return {"asOf": SINCE, "sites": [site_json(f"practice {number}") for number in range(count)]}


def test_list_has_search_links_and_states() -> None:
    html = practice_list(fields(1), "../", "prac", "1")
    assert f'<a href="../admin/practices/{GUID}">practice 0 (0a1b2c3d)</a>' in html
    assert '<span class="pass">serving</span>' in html
    assert 'name="q" type="search" value="prac"' in html
    assert "1 of 1 practices" in html
    assert "rel=" not in html


def test_pages_keep_the_query() -> None:
    html = practice_list(fields(250), "../", "practice &", "2")
    assert "0 of 250 practices" in html
    html = practice_list(fields(250), "../", "practice ", "2")
    assert '<a href="?q=practice+&amp;page=1" rel="prev">' in html
    assert '<a href="?q=practice+&amp;page=3" rel="next">' in html
    assert "Page 2 of 3" in html


def test_query_is_escaped() -> None:
    assert "<script" not in practice_list(fields(150), "../", EVIL, "2")
