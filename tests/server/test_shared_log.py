"""Log stream of several processes."""

import io
import os

from gateway.server.kept_pages import anonymous_file
from gateway.server.shared_log import SharedLogStream

LINES, PROCESSES = 40, 3


def write_lines(descriptor: int, lock: int, letter: bytes) -> None:
    """Write lines longer than a pipe takes at once."""
    stream = SharedLogStream(descriptor, lock)
    for _ in range(LINES):
        assert stream.write(letter * 99_999 + b"\n") == 100_000


def test_lines_of_several_processes_never_mix() -> None:
    read, write = os.pipe()
    lock, pids = anonymous_file(), list[int]()
    for number in range(PROCESSES):
        pid = os.fork()
        if not pid:
            try:
                write_lines(write, lock, b"%d" % number)
            finally:
                os._exit(0)
        pids.append(pid)
    os.close(write)
    with os.fdopen(read, "rb") as stream:
        lines = stream.read().splitlines()
    for pid in pids:
        os.waitpid(pid, 0)
    assert len(lines) == LINES * PROCESSES
    assert all(len(set(line)) == 1 and len(line) == 99_999 for line in lines)


def test_text_stream_on_top_writes_through() -> None:
    read, write = os.pipe()
    text = io.TextIOWrapper(SharedLogStream(write, anonymous_file()), write_through=True)
    text.write("line\n")
    assert os.read(read, 10) == b"line\n"
    os.close(read)
    text.close()
    os.close(write)
