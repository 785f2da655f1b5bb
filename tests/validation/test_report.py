from io import BytesIO
from pathlib import Path

import pytest

from gateway.validation.report import report_lines

VALID = b'{"resourceType":"Patient"}'
INVALID = b'{"resourceType":"Patient","gender":"femail","nmae":1}'
UNCHECKED = b'{"resourceType":"MedicinalProduct"}'


def lines(file: str, stdin: bytes = b"") -> list[str]:
    return [line.text for line in report_lines(file, BytesIO(stdin))]


def write_file(folder: Path, name: str, content: bytes) -> str:
    (folder / name).write_bytes(content)
    return str(folder / name)


def test_valid_file_is_reported_as_valid(tmp_path: Path) -> None:
    file = write_file(tmp_path, "a.json", VALID)
    assert lines(file) == [f"{file}: valid"]
    assert not any(line.is_error for line in report_lines(file, BytesIO()))


def test_each_finding_has_one_line(tmp_path: Path) -> None:
    file = write_file(tmp_path, "a.json", INVALID)
    assert lines(file) == [
        f"{file}: Patient.gender: is none of the codes of R4: female, male, other, unknown",
        f"{file}: Patient: has an element that R4 does not define here: nmae",
    ]
    assert all(line.is_error for line in report_lines(file, BytesIO()))


@pytest.mark.parametrize("name", ["\\u001b[31m", "a b", "x" * 65, "\\ud800"])
def test_element_name_unsafe_for_terminal_is_omitted(name: str) -> None:
    (line,) = lines("-", f'{{"resourceType":"Patient","{name}":1}}'.encode())
    assert line == "-: Patient: has an element that R4 does not define here"


def test_ndjson_is_validated_line_by_line(tmp_path: Path) -> None:
    file = write_file(
        tmp_path, "a.ndjson", b"\n".join([VALID, b"", b'{"resourceType":"Patient","id":""}', VALID])
    )
    assert lines(file) == [f"{file}:3: Patient.id: is empty: leave the element out"]
    assert lines(write_file(tmp_path, "b.ndjson", VALID + b"\n" + VALID)) == [f"{tmp_path}/b.ndjson: valid"]


def test_uppercase_ndjson_is_validated_line_by_line(tmp_path: Path) -> None:
    assert lines(write_file(tmp_path, "a.NDJSON", VALID + b"\n" + VALID)) == [f"{tmp_path}/a.NDJSON: valid"]


def test_file_without_resource_is_an_error(tmp_path: Path) -> None:
    (line,) = report_lines(write_file(tmp_path, "a.ndjson", b"\n\n"), BytesIO())
    assert line.text.endswith("a.ndjson: contains no resource")
    assert line.is_error


def test_file_name_with_line_break_is_one_line(tmp_path: Path) -> None:
    (line,) = lines(write_file(tmp_path, "a\nb.json", VALID))
    assert line == f"{tmp_path}/a?b.json: valid"


def test_closed_standard_input_is_unreadable() -> None:
    (line,) = report_lines("-", None)
    assert line.text == "-: cannot be read: standard input is closed"
    assert line.is_unreadable


def test_standard_input_remains_open() -> None:
    stdin = BytesIO(VALID)
    assert [line.text for line in report_lines("-", stdin)] == ["-: valid"]
    assert not stdin.closed


def test_unchecked_resource_is_reported_without_error() -> None:
    assert lines("-", UNCHECKED) == [
        "-: MedicinalProduct: is not checked: it has no definition",
        "-: valid, except for the unchecked parts",
    ]
    assert not any(line.is_error for line in report_lines("-", BytesIO(UNCHECKED)))


def test_unlisted_errors_are_counted() -> None:
    contacts = b",".join([b"{}"] * 60)
    report = lines("-", b'{"resourceType":"Patient","contact":[' + contacts + b"]}")
    assert (len(report), report[-1]) == (51, "-: and 10 more")


@pytest.mark.parametrize("name", ["absent.json", "absent.ndjson", "."])
def test_unreadable_file_is_one_line(tmp_path: Path, name: str) -> None:
    file = str(tmp_path / name) if name != "." else str(tmp_path)
    (line,) = report_lines(file, BytesIO())
    assert line.text.startswith(f"{file}: cannot be read: ")
    assert line.is_error
    assert line.is_unreadable
