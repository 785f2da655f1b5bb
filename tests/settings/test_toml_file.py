"""What is read of a file, and what is said of one that cannot be read."""

import os
from pathlib import Path
from threading import Thread

import pytest

from gateway.settings.toml_file import read_tables


def written(folder: Path, content: bytes) -> Path:
    file = folder / "gateway.toml"
    file.write_bytes(content)
    return file


@pytest.mark.parametrize(
    "content",
    [b"[log]\nlevel = 'x'", b"\xef\xbb\xbf[log]\r\nlevel = 'x'\r\n", b"log = {level = 'x'}"],
    ids=["plain", "from Windows", "inline"],
)
def test_file_is_read_with_or_without_a_mark(content: bytes, tmp_path: Path) -> None:
    assert read_tables(written(tmp_path, content)) == {"log": {"level": "x"}}


def test_what_is_no_ordinary_file_is_read_too(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = Thread(target=pipe.write_bytes, args=(b"[log]\n",))
    writer.start()
    assert read_tables(pipe) == {"log": {}}
    writer.join()
    assert read_tables(Path("/dev/null")) == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[log]\nlevel = '\xff'", r"is not UTF-8 text \(at line 2\)"),
        (b"a = " + b"[" * 5_000, "is nested too deeply"),
        (b"[server\n", r"\(at line 1, column 8\)"),
        (b"[Zzyzx]\n[Zzyzx]\n", r"^gives a name twice \(at line 2, column 7\)$"),
        (b"a = {Zzyzx = 1, Zzyzx = 2}", r"^gives a name twice"),
        (b"Zzyzx = 1\nZzyzx = 2", r"^gives a name twice"),
        (b"Zzyzx = {}\nZzyzx.b = 2", r"^gives a name twice"),
        (b"a = " + b"1" * 5_000, "limit"),
        (b"#" * 16_000_001, "is longer than 16000000 bytes"),
    ],
)
def test_text_that_cannot_be_read_is_a_line(content: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said) as found:
        read_tables(written(tmp_path, content))
    assert "Zzyzx" not in str(found.value)
    assert len(str(found.value).splitlines()) == 1


def test_folder_is_none(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        read_tables(tmp_path)
