"""nginx with the configuration of deploy/compose, on this machine."""

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from conftest import ROOT
from support.programs import require_program

FOLDER = ROOT / "deploy" / "compose" / "nginx"
CONFIG = (FOLDER / "nginx.conf").read_text(encoding="utf-8")


def config_by_practice() -> str:
    """The kit's configuration as docs/scaling.md changes it: each practice has one gateway."""
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```nginx\n(.*?)```", page, re.DOTALL)
    return replace_upstream(example).replace("http://gateways;", "http://$gateways;")


def replace_upstream(block: str) -> str:
    """The kit's configuration with something else in the place of `upstream gateways`."""
    return re.sub(r"    upstream gateways \{.*?\n    \}\n", lambda _: block, CONFIG, flags=re.DOTALL)


#: Every configuration of nginx that this project shows, by the page or file.
CONFIGS = {"nginx.conf": CONFIG, "scaling.md": config_by_practice()}


@dataclass(frozen=True)
class Nginx:
    """A running nginx: its URL, the file with its access and error log, and its process."""

    url: str
    log: Path
    process: "subprocess.Popen[bytes]"

    @property
    def port(self) -> int:
        """The port on which it listens."""
        return int(self.url.rpartition(":")[2])

    def reload(self) -> None:
        """Read the configuration again."""
        self.process.send_signal(signal.SIGHUP)

    def wait_for_line(self, text: str) -> None:
        """Wait until the log has a text: nginx writes a line after the response."""
        deadline = monotonic() + 20
        while text not in self.log.read_text(encoding="utf-8"):
            assert monotonic() < deadline, text
            sleep(0.02)

    def requests(self) -> list[dict[str, object]]:
        """Lines of the access log."""
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def write_config(
    folder: Path, gateways: Sequence[str], port: int, listen: str = "listen.conf", kit: str = CONFIG
) -> Path:
    """Write the configuration with these addresses of gateways, and everything else in `folder`."""
    config = kit.replace("/tmp/", f"{folder}/").replace("/etc/nginx/", f"{folder}/")  # noqa: S108
    config = config.replace("/dev/stdout", f"{folder}/log")
    for number, address in enumerate(gateways, 1):
        config = config.replace(f"gateway-{number}:8080", address)
    for name in ("listen.conf", "listen-tls.conf"):
        text = (FOLDER / name).read_text(encoding="utf-8").replace("/run/secrets/", f"{folder}/")
        (folder / name).write_text(re.sub(r"listen \d+", f"listen 127.0.0.1:{port}", text))
    (folder / "nginx.conf").write_text(config.replace("/listen.conf", f"/{listen}"))
    return folder / "nginx.conf"


@contextmanager
def run_nginx(
    folder: Path, gateways: Sequence[str], listen: str = "listen.conf", kit: str = CONFIG
) -> Iterator[Nginx]:
    """Run nginx before two gateways, `host:port` each."""
    program, port = require_program("nginx"), free_port()
    config = write_config(folder, gateways, port, listen, kit)
    # Started by root, its workers would be another user, who may not use the folder.
    user = "user root;" if os.geteuid() == 0 else ""
    command = [program, "-p", str(folder), "-c", str(config), "-g", f"daemon off; {user}"]
    with (folder / "log").open("a") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _wait_until_listening(process, port)
            scheme = "https" if listen == "listen-tls.conf" else "http"
            yield Nginx(f"{scheme}://127.0.0.1:{port}", folder / "log", process)
        finally:
            process.terminate()


def _wait_until_listening(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = monotonic() + 20
    while monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        sleep(0.02)
    raise RuntimeError("nginx did not start")
