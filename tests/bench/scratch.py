"""A virtual environment outside the project for what is only measured against."""

import subprocess
import sys
import tempfile
from pathlib import Path

_HOME = Path(tempfile.gettempdir()) / f"halo-gateway-bench-{sys.version_info.major}.{sys.version_info.minor}"


def python_with(*packages: str) -> Path | None:
    """An interpreter that has these packages; None when they cannot be had."""
    python = _HOME / "bin" / "python"
    made = python.exists() or _ran(sys.executable, "-m", "venv", str(_HOME))
    install = (str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages)
    return python if made and _ran(*install) else None


def _ran(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False, timeout=100).returncode == 0
