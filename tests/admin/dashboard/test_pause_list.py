"""Pauses with their buttons."""

from support.site_json import PAUSE, SINCE

from gateway.admin.dashboard.pause_list import first_pauses, pause_list


def fields(count: int, found: int) -> dict[str, object]:
    pauses = [PAUSE | {"pause": f"caller:{number:03}"} for number in range(count)]
    return {"asOf": SINCE, "found": found, "pauses": pauses}


def test_few_pauses_have_no_link_to_more() -> None:
    html = first_pauses(fields(20, 20), 20, "../", "token")
    assert html.count("End pause</button>") == 20
    assert "admin/pauses/list" not in html


def test_more_pauses_are_counted_and_linked() -> None:
    html = first_pauses(fields(20, 1_026), 20, "../", "token")
    assert html.count("End pause</button>") == 20
    assert "and 1,006 more" in html
    assert '<a href="../admin/pauses/list">All 1,026 pauses</a>' in html


def test_page_of_the_list_has_a_hundred() -> None:
    html = pause_list(fields(200, 150), 2, "../../", "token")  # workers whose pauses differ
    assert html.count("End pause</button>") == html.count('name="page" value="2"') == 100
    assert 'value="caller:099"' not in html
    assert "200 pauses" in html
    assert '<a href="?page=1" rel="prev">' in html
    assert "Page 2 of 2" in html


def test_list_without_pauses_says_so() -> None:
    assert "Nothing is paused." in pause_list(fields(0, 0), 1, "../../", "token")
