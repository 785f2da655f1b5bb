"""List of practices."""

from support.site_json import GUID, SINCE, site_json

from gateway.admin.dashboard.practice_list import practice_list

EVIL = '"><script>'


def fields(count: int) -> dict[str, object]:
    """The second page of some practices, or the only one."""
    numbers = range(100, 200) if count > 100 else range(count)
    sites = [site_json(f"practice {number:03}") for number in numbers]
    return {"asOf": SINCE, "practices": 300, "found": count, "sites": sites}


def test_list_has_search_links_and_states() -> None:
    html = practice_list(fields(1), "../", "prac", 1)
    assert f'<a href="../admin/practices/{GUID}">practice 000 (0a1b2c3d)</a>' in html
    assert '<span class="pass">serving</span>' in html
    assert 'name="q" type="search" value="prac"' in html
    assert "1 of 300 practices" in html
    assert "rel=" not in html


def test_pages_keep_the_query() -> None:
    html = practice_list(fields(250), "../", "practice &", 2)
    assert "250 of 300 practices" in html
    assert '<a href="?q=practice+%26&amp;page=1" rel="prev">' in html
    assert '<a href="?q=practice+%26&amp;page=3" rel="next">' in html
    assert "practice 100 (" in html
    assert "practice 099 (" not in html
    assert "Page 2 of 3" in html


def test_query_is_escaped() -> None:
    assert "<script" not in practice_list(fields(150), "../", EVIL, 2)
