"""Markdown of the documentation as HTML."""

import re

import pytest

from gateway.web.markdown import render_markdown, slug


def keep_target(target: str) -> str:
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
def test_anchor_equals_githubs(heading: str, anchor: str) -> None:
    assert f'<h2 id="{anchor}">' in render_markdown(f"## {heading}", keep_target)


def test_equal_headings_are_numbered_from_the_second() -> None:
    text = "# Same\n\n# Same\n\n# Same 1\n\n# Same"
    assert re.findall(r'id="([^"]+)"', render_markdown(text, keep_target)) == [
        "same",
        "same-1",
        "same-1-1",
        "same-2",
    ]


def test_slug_has_no_special_characters() -> None:
    assert slug('x"><script>') == "xscript"


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "a <img src=x onerror=y> b", "`<b>`", "<!-- x -->"]
)
def test_raw_html_is_escaped(text: str) -> None:
    html = str(render_markdown(text, keep_target))
    assert set(re.findall(r"</?([a-z]+)", html)) <= {"p", "code"}
    assert "&lt;" in html


@pytest.mark.parametrize("target", ["javascript:alert(1)", "data:text/html,x", "vbscript:x"])
def test_script_link_has_no_target(target: str) -> None:
    assert "href" not in render_markdown(f"[x]({target})", keep_target)


def test_links_are_resolved_or_replaced_by_their_text() -> None:
    text = "[one](a.md#x) and [`two`](../code.py), [three](a.md)"
    html = render_markdown(text, lambda target: f"/at/{target}" if target.startswith("a.md") else "")
    expected = '<a href="/at/a.md#x">one</a> and <code>two</code>, <a href="/at/a.md">three</a>'
    assert html == f"<p>{expected}</p>\n"


def test_links_in_headings_and_tables_are_resolved() -> None:
    html = render_markdown("# [x](a)\n\n| [y](b) |\n| --- |\n| [z](c) |\n", lambda target: target * 2)
    assert re.findall(r'href="([^"]+)"', html) == ["aa", "bb", "cc"]


def test_tables_and_code_are_scrollable_without_style_attributes() -> None:
    html = render_markdown(
        "| a | b | c |\n| :-- | :-: | --: |\n| 1 | 2 | 3 |\n\n```sh\nmake\n```\n", keep_target
    )
    assert html.startswith('<div class="table" role="region" aria-label="Table" tabindex="0"><table>')
    assert "</table></div>" in html
    assert '<pre tabindex="0">' in html
    assert '<td class="right">3</td>' in html
    assert "style=" not in html


def test_text_that_looks_like_markup_is_unchanged() -> None:
    html = render_markdown('`<table>` and <pre> and style="text-align:right"', keep_target)
    assert "<div" not in html
    assert 'class="right"' not in html


def test_picture_is_its_text() -> None:
    html = render_markdown("See ![The <page> of a practice](images/practice.png).", lambda target: target)
    assert html == "<p>See The &lt;page&gt; of a practice.</p>\n"
