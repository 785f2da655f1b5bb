"""Programs that a test needs and a developer's machine may lack."""

import os
import shutil

import pytest


def require_program(name: str) -> str:
    """Path of a program; without it the test is skipped, or fails with REQUIRE_EVERYTHING=1."""
    path = shutil.which(name)
    if path is None:
        if os.environ.get("REQUIRE_EVERYTHING") == "1":
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return path
