"""Plugin packages on Python's path, without pip."""

from pathlib import Path

import pytest
from support.plugins import PluginFolder


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PluginFolder:
    return PluginFolder(tmp_path, monkeypatch)
