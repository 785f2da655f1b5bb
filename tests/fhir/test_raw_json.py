import pytest

from gateway.fhir.bundle import UnreadableError, opened


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":2}',
        b'{ "a" : 1 , "b": 3, "a" : 2 }',
        b'{"a":1,"\\u0061":2}',
        b'{"\xc3\xa9":1,"\xc3\xa9":1}',
    ],
)
def test_a_name_given_twice_is_refused_rather_than_half_lost(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        opened(body)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"{ }",
        b'{"a":1}',
        b'{\n "a": [1, 2],\n "b": {"c": 1, "c": 2}}',
        b'{"\\u0061":1}',
        '{"é": 1}'.encode(),
    ],
)
def test_names_given_once_are_kept_whatever_the_layout(body: bytes) -> None:
    assert len(opened(body)) == body.count(b":") - 2 * body.count(b'"c": 1')
