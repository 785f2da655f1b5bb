import pytest

from gateway.errors.documented_texts import documented_end


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("halo guid must be provided.", 26),
        ("rate limit is exceeded. try again in 60 seconds", 47),
        ("rate limit is exceeded. try again in 600000 seconds", 22),
        ("immediate query results beyond message size limit (8mb)", 55),
        ("not found", 9),
        ("not founded", 0),
        ("invalid requests", 0),
        ("zzyzx", 0),
        ("", 0),
        ("…", 0),
    ],
)
def test_documented_text_ends_with_its_last_word(text: str, length: int) -> None:
    assert documented_end(text, 0) == length
    assert documented_end(f"of {text}", 3) == 3 + length
