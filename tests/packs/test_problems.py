"""Lines about a pack's problems."""

import pytest
from pydantic import ValidationError

from gateway.packs.file import VERBS, IssueTable, SetHeader
from gateway.packs.problems import PackError, keys_of, table_problems, unknown_verb_problem


def test_lines_name_the_file_and_are_bounded() -> None:
    assert str(PackError("a.toml", ["x", "y"])) == "a.toml: x\na.toml: y"
    lines = str(PackError("a.toml", map(str, range(1000)))).splitlines()
    assert (len(lines), lines[-1]) == (21, "and 980 more problems")


def test_keys_are_spelled_as_in_the_file() -> None:
    assert keys_of(SetHeader) == ["set-header", "value", "on"]


def test_unknown_key_gets_the_nearest_of_its_table() -> None:
    with pytest.raises(ValidationError) as error:
        IssueTable.model_validate(
            {
                "id": "one",
                "title": "A fault",
                "source": "https://vendor.example",
                "when": {"engine_version": "1"},
                "do": [{"limit-ids": 1}],
                "example": [{"request": "GET Patient", "expect": {"contain": "x"}}],
            }
        )
    assert list(table_problems(IssueTable, error.value, "issue one")) == [
        "issue one: when.engine_version: no such key. Did you mean engine-version?",
        "issue one: example.0.expect.contain: no such key. Did you mean contains?",
    ]


def test_unknown_verb_gets_the_nearest_or_all() -> None:
    assert unknown_verb_problem({"set_header": "x"}, "issue one").endswith("Did you mean set-header?")
    assert unknown_verb_problem({}, "issue one").endswith(f"Write one of {', '.join(VERBS)}.")
