from hypothesis import given
from hypothesis import strategies as st

from gateway.errors.error_tokens import ascii_lower, tokens_of


def kinds(line: str) -> list[tuple[str, str]]:
    return [(token.kind, token.core) for token in tokens_of(line)]


def test_tokens_are_documented_texts_words_and_quoted_texts() -> None:
    assert kinds("Not Found: 'Will Page', smith;") == [
        ("documented", "Found"),
        ("word", ""),
        ("quoted", "Will Page"),
        ("word", ""),
        ("word", "smith"),
    ]


def test_values_brackets_and_markup_are_tokens() -> None:
    assert [kind for kind, _ in kinds('name=x [x y] {"x": 1} <x y> (x) & “x y”')] == [
        *("assignment", "bracketed", "markup", "markup", "other", "word", "other", "quoted"),
    ]


def test_unclosed_quotation_extends_to_the_end() -> None:
    assert kinds("value 'will page") == [("word", "value"), ("quoted", "will page")]


@given(st.text(max_size=200).map(lambda text: " ".join(text.split())))
def test_tokens_are_the_whole_line(line: str) -> None:
    assert "".join(" " * token.has_space + token.text for token in tokens_of(line)) == line


@given(st.text())
def test_lower_case_has_the_same_length(text: str) -> None:
    assert len(ascii_lower(text)) == len(text)
    assert ascii_lower("İSO É") == "İso É"
