import re

import pytest

from gateway.web.markdown import render_markdown, slug


def same(target: str) -> str:
    return target


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("The cache", "the-cache"),
        ("`halo-connect`", "halo-connect"),
        ("Every upstream, by status", "every-upstream-by-status"),
        ("What's new? (2026)", "whats-new-2026"),
        ("a_b - c", "a_b---c"),
        ("Größe", "größe"),
        ("`sites.<guid>` & more", "sitesguid--more"),
        ("  Space  ", "space"),
    ],
)
def test_an_anchor_is_githubs(heading: str, anchor: str) -> None:
    assert f'<h2 id="{anchor}">' in render_markdown(f"## {heading}", same)


def test_equal_headings_are_numbered_from_the_second() -> None:
    text = "# Same\n\n# Same\n\n# Same 1\n\n# Same"
    assert re.findall(r'id="([^"]+)"', render_markdown(text, same)) == [
        "same",
        "same-1",
        "same-1-1",
        "same-2",
    ]


def test_a_slug_keeps_letters_digits_hyphens_and_underscores_alone() -> None:
    assert slug('x"><script>') == "xscript"


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "a <img src=x onerror=y> b", "`<b>`", "<!-- x -->"]
)
def test_raw_html_is_text(text: str) -> None:
    html = str(render_markdown(text, same))
    assert set(re.findall(r"</?([a-z]+)", html)) <= {"p", "code"}
    assert "&lt;" in html


@pytest.mark.parametrize("target", ["javascript:alert(1)", "data:text/html,x", "vbscript:x"])
def test_a_link_never_runs_anything(target: str) -> None:
    assert "href" not in render_markdown(f"[x]({target})", same)


def test_links_lead_where_they_are_served_and_others_are_words() -> None:
    text = "[one](a.md#x) and [`two`](../code.py), [three](a.md)"
    html = render_markdown(text, lambda target: f"/at/{target}" if target.startswith("a.md") else "")
    expected = '<a href="/at/a.md#x">one</a> and <code>two</code>, <a href="/at/a.md">three</a>'
    assert html == f"<p>{expected}</p>\n"


def test_a_link_in_a_heading_and_a_table_is_served_too() -> None:
    html = render_markdown("# [x](a)\n\n| [y](b) |\n| --- |\n| [z](c) |\n", lambda target: target * 2)
    assert re.findall(r'href="([^"]+)"', html) == ["aa", "bb", "cc"]


def test_tables_and_code_scroll_by_keyboard_without_style_attributes() -> None:
    html = render_markdown("| a | b | c |\n| :-- | :-: | --: |\n| 1 | 2 | 3 |\n\n```sh\nmake\n```\n", same)
    assert html.startswith('<div class="table" role="region" aria-label="Table" tabindex="0"><table>')
    assert "</table></div>" in html
    assert '<pre tabindex="0">' in html
    assert '<td class="right">3</td>' in html
    assert "style=" not in html


def test_words_that_look_like_our_markup_stay_words() -> None:
    html = render_markdown('`<table>` and <pre> and style="text-align:right"', same)
    assert "<div" not in html
    assert 'class="right"' not in html
