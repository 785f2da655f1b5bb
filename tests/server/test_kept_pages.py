"""Pages that outlive the workers that wrote them."""

import os

from gateway.server.kept_pages import KeptPages


def test_page_is_that_of_its_worker_and_empty_before() -> None:
    pages = KeptPages(2)
    pages.write(1, b"one")
    assert (pages.read(1), pages.read(2)) == (b"one", b"")


def test_later_page_replaces_a_longer_one() -> None:
    pages = KeptPages(1)
    for page in (b"a" * 10_000, b"b", b"", b"c" * 100):
        pages.write(1, page)
        assert pages.read(1) == page


def test_page_outlives_its_writer() -> None:
    pages = KeptPages(1)
    pid = os.fork()
    if not pid:
        try:
            pages.write(1, b"last words")
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert pages.read(1) == b"last words"
