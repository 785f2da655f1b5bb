from pathlib import Path

import pytest

from gateway.emulator.modes import MODES


@pytest.mark.parametrize("name", MODES)
def test_each_mode_is_created_from_a_file(name: str, tmp_path: Path) -> None:
    config = tmp_path / "emulator.toml"
    config.write_text("")
    assert MODES[name](config).routes
    config.write_text("Zzyzx = 1")
    with pytest.raises(ValueError, match="Zzyzx"):
        MODES[name](config)
