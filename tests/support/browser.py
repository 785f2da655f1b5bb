"""A real Chromium, without its own network traffic."""

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

ARGUMENTS: Final = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
#: Milliseconds that a busy machine may take for a step.
TIMEOUT: Final = 15_000


@contextmanager
def launched_browser() -> Iterator[Browser]:
    """Chromium; without it, skip, or fail if REQUIRE_EVERYTHING=1."""
    path = shutil.which("chromium")
    if path is None:
        if os.environ.get("REQUIRE_EVERYTHING") == "1":
            pytest.fail("chromium is not installed")
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def browser_context(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """A fresh profile."""
    context = browser.new_context(**options)
    context.set_default_timeout(TIMEOUT)
    yield context
    context.close()


def free_address() -> str:
    """Address of this machine with a port that nothing uses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"
