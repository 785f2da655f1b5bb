"""TOML file of the configuration."""

import os
from pathlib import Path
from threading import Thread

import pytest

from gateway.settings.toml_file import read_tables


def write_file(folder: Path, content: bytes) -> Path:
    file = folder / "gateway.toml"
    file.write_bytes(content)
    return file


@pytest.mark.parametrize(
    "content",
    [b"[log]\nlevel = 'x'", b"\xef\xbb\xbf[log]\r\nlevel = 'x'\r\n", b"log = {level = 'x'}"],
    ids=["plain", "from Windows", "inline"],
)
def test_file_with_or_without_byte_order_mark_is_read(content: bytes, tmp_path: Path) -> None:
    assert read_tables(write_file(tmp_path, content)) == {"log": {"level": "x"}}


def test_pipe_and_device_are_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = Thread(target=pipe.write_bytes, args=(b"[log]\n",))
    writer.start()
    assert read_tables(pipe) == {"log": {}}
    writer.join()
    assert read_tables(Path("/dev/null")) == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[log]\nlevel = '\xff'", r"is not UTF-8 text \(at line 2\)"),
        (b"a = " + b"[" * 5_000, "is nested too deeply"),
        (b"[server\n", r"\(at line 1, column 8\)"),
        (b"[Zzyzx]\n[Zzyzx]\n", r"^contains a name twice \(at line 2, column 7\)$"),
        (b"a = {Zzyzx = 1, Zzyzx = 2}", r"^contains a name twice"),
        (b"Zzyzx = 1\nZzyzx = 2", r"^contains a name twice"),
        (b"Zzyzx = {}\nZzyzx.b = 2", r"^contains a name twice"),
        (b"a = " + b"1" * 5_000, "limit"),
        (b"#" * 16_000_001, "is longer than 16000000 bytes"),
    ],
)
def test_invalid_file_is_described_in_one_line(content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message) as error:
        read_tables(write_file(tmp_path, content))
    assert "Zzyzx" not in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_folder_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        read_tables(tmp_path)
