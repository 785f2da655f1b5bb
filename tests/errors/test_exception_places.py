from gateway.errors.exception_places import exception_fields


def raised(depth: int) -> ValueError:
    """An exception raised below this many calls."""
    try:
        _raise_below(depth)
    except ValueError as error:
        return error
    raise AssertionError


def _raise_below(depth: int) -> None:
    if depth:
        _raise_below(depth - 1)
    raise ValueError("Zzyzx")


def test_fields_are_type_and_places_without_text() -> None:
    fields = exception_fields(raised(0))
    assert fields["exception"] == "ValueError"
    assert [str(place).partition("tests/")[2].partition(":")[0] for place in list(fields["places"])] == [
        "errors/test_exception_places.py"
    ] * 2
    assert "Zzyzx" not in str(fields)


def test_number_of_places_is_limited() -> None:
    places = exception_fields(raised(500))["places"]
    assert len(places) == 20


def test_exception_that_was_not_raised_has_no_places() -> None:
    assert exception_fields(KeyError("Zzyzx")) == {"exception": "KeyError", "places": []}
