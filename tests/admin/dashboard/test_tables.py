"""Tables of the dashboard."""

from markupsafe import Markup

from gateway.admin.dashboard.tables import Column, NumberColumn, missing_note, table

EVIL = "<script>alert('x')</script>"


def test_table_escapes_cells_and_names_rows() -> None:
    html = table(
        "Many", (Column("Name"), NumberColumn("Count")), [(EVIL, "3"), (Markup("<b>a</b>"), EVIL)], ""
    )
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 2
    assert '<th scope="row"><b>a</b></th><td class="right">' in html
    assert '<th scope="col">Name</th><th scope="col" class="right">Count</th>' in html
    assert 'role="region" aria-label="Many" tabindex="0"' in html


def test_table_without_rows_is_a_text() -> None:
    assert table("Many", (Column("Name"),), [], "Nothing.") == '<p class="note">Nothing.</p>\n'


def test_note_names_workers_that_did_not_answer() -> None:
    assert missing_note({"found": 1}) == ""
    assert "These workers did not answer in half a second: 2, 3." in missing_note({"missingWorkers": [2, 3]})
