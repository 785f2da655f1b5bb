from io import BytesIO
from pathlib import Path

import pytest

from gateway.validation.report import report_lines

VALID = b'{"resourceType":"Patient"}'
WRONG = b'{"resourceType":"Patient","gender":"femail","nmae":1}'
UNCHECKED = b'{"resourceType":"MedicinalProduct"}'


def lines(file: str, stdin: bytes = b"") -> list[str]:
    return [each.text for each in report_lines(file, BytesIO(stdin))]


def written(folder: Path, name: str, content: bytes) -> str:
    (folder / name).write_bytes(content)
    return str(folder / name)


def test_a_valid_file_is_called_so(tmp_path: Path) -> None:
    file = written(tmp_path, "a.json", VALID)
    assert lines(file) == [f"{file}: valid"]
    assert not any(each.is_error for each in report_lines(file, BytesIO()))


def test_each_finding_has_a_line_and_an_unknown_element_its_name(tmp_path: Path) -> None:
    file = written(tmp_path, "a.json", WRONG)
    assert lines(file) == [
        f"{file}: Patient.gender: is none of the codes of R4: female, male, other, unknown",
        f"{file}: Patient: holds an element that R4 does not know here: nmae",
    ]
    assert all(each.is_error for each in report_lines(file, BytesIO()))


@pytest.mark.parametrize("name", ["\\u001b[31m", "a b", "x" * 65, "\\ud800"])
def test_a_name_that_a_terminal_might_obey_is_not_shown(name: str) -> None:
    (line,) = lines("-", f'{{"resourceType":"Patient","{name}":1}}'.encode())
    assert line == "-: Patient: holds an element that R4 does not know here"


def test_ndjson_is_judged_line_by_line(tmp_path: Path) -> None:
    file = written(
        tmp_path, "a.ndjson", b"\n".join([VALID, b"", b'{"resourceType":"Patient","id":""}', VALID])
    )
    assert lines(file) == [f"{file}:3: Patient.id: is empty: leave the element out"]
    assert lines(written(tmp_path, "b.ndjson", VALID + b"\n" + VALID)) == [f"{tmp_path}/b.ndjson: valid"]


def test_ndjson_in_capitals_is_read_line_by_line(tmp_path: Path) -> None:
    assert lines(written(tmp_path, "a.NDJSON", VALID + b"\n" + VALID)) == [f"{tmp_path}/a.NDJSON: valid"]


def test_a_file_without_resources_is_wrong(tmp_path: Path) -> None:
    (line,) = report_lines(written(tmp_path, "a.ndjson", b"\n\n"), BytesIO())
    assert line.text.endswith("a.ndjson: holds no resource")
    assert line.is_error


def test_a_file_name_takes_one_line(tmp_path: Path) -> None:
    (line,) = lines(written(tmp_path, "a\nb.json", VALID))
    assert line == f"{tmp_path}/a?b.json: valid"


def test_closed_standard_input_cannot_be_read() -> None:
    (line,) = report_lines("-", None)
    assert line.text == "-: cannot be read: standard input is closed"
    assert line.is_unreadable


def test_standard_input_stays_open() -> None:
    stdin = BytesIO(VALID)
    assert [line.text for line in report_lines("-", stdin)] == ["-: valid"]
    assert not stdin.closed


def test_what_is_not_checked_is_said_and_is_not_wrong() -> None:
    assert lines("-", UNCHECKED) == [
        "-: MedicinalProduct: is not checked: there is no model of it",
        "-: valid, but for what is not checked",
    ]
    assert not any(each.is_error for each in report_lines("-", BytesIO(UNCHECKED)))


def test_findings_beyond_the_list_are_counted() -> None:
    contacts = b",".join([b"{}"] * 60)
    found = lines("-", b'{"resourceType":"Patient","contact":[' + contacts + b"]}")
    assert (len(found), found[-1]) == (51, "-: and 10 more")


@pytest.mark.parametrize("name", ["absent.json", "absent.ndjson", "."])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, name: str) -> None:
    file = str(tmp_path / name) if name != "." else str(tmp_path)
    (line,) = report_lines(file, BytesIO())
    assert line.text.startswith(f"{file}: cannot be read: ")
    assert line.is_error
    assert line.is_unreadable
