from gateway.errors.error_words import VOCABULARY
from gateway.errors.person_words import (
    CODE_LABELS,
    NAME_LIKE,
    NUMBER_LABELS,
    PERSON_WORDS,
    TITLES,
    UNITS,
    WORDS_AFTER_PERSON,
)


def test_no_word_like_a_name_ends_the_place_of_names() -> None:
    assert not NAME_LIKE & WORDS_AFTER_PERSON


def test_words_that_stay_are_in_the_vocabulary() -> None:
    contractions = {word for word in WORDS_AFTER_PERSON if "'" in word}
    assert WORDS_AFTER_PERSON - contractions <= VOCABULARY


def test_titles_are_words_before_names() -> None:
    assert {"dr", "mr", "mrs", "ms", "prof"} <= TITLES
    assert {"patient", "user", "surname"} <= PERSON_WORDS


def test_only_one_unit_is_also_a_title() -> None:
    assert {"ms"} == (NUMBER_LABELS | CODE_LABELS | UNITS) & PERSON_WORDS
