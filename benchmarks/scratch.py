"""A virtual environment outside the project for what is only measured against."""

import subprocess
import sys
import tempfile
from pathlib import Path

_HOME = f"halo-gateway-bench-{sys.version_info.major}.{sys.version_info.minor}"


def python_with(*packages: str, apart: str = "") -> Path | None:
    """An interpreter that has these packages; None when they cannot be had.

    `apart` names an environment of its own, for what pins versions that others cannot live with.
    """
    home = Path(tempfile.gettempdir()) / (_HOME + apart)
    python = home / "bin" / "python"
    made = python.exists() or _ran(sys.executable, "-m", "venv", str(home))
    install = (str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages)
    return python if made and _ran(*install) else None


def _ran(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=100).returncode == 0
    except subprocess.TimeoutExpired:
        return False
