"""Virtual environment outside the project for packages that the gateway is compared with."""

import subprocess
import sys
import tempfile
from pathlib import Path

_HOME = f"halo-gateway-bench-{sys.version_info.major}.{sys.version_info.minor}"


def python_with(*packages: str, suffix: str = "") -> Path | None:
    """Interpreter of an environment with these packages, or None if they cannot be installed.

    `suffix` names a separate environment, for packages whose pinned versions conflict with other packages.
    """
    home = Path(tempfile.gettempdir()) / (_HOME + suffix)
    python = home / "bin" / "python"
    exists = python.exists() or _succeeds(sys.executable, "-m", "venv", str(home))
    install = (str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages)
    return python if exists and _succeeds(*install) else None


def _succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=100).returncode == 0
    except subprocess.TimeoutExpired:
        return False
