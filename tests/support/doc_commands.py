"""The commands of a page's section as one bash script, with the ports of this machine that are free."""

import re
import shutil
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from conftest import ROOT
from support.doc_programs import NOT_RUN

#: Ports of the docs; each section gets free ones in their place.
PORTS = ("6380", "8080", "8081", "8082", "8090", "9090", "9091", "9092")
_PORT = re.compile(rf"(?<![\d.-])({'|'.join(PORTS)})(?!\d)")
_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_SERVERS = ("halo-gateway serve", "halo-gateway emulate", "python -m gateway serve")
_BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Section:
    """A part of a page under one heading of the second level, with its blocks (language, text)."""

    page: str
    title: str
    blocks: tuple[tuple[str, str], ...]

    @property
    def id(self) -> str:
        return f"{self.page}-{self.title}".replace(" ", "-")

    @property
    def shell(self) -> str:
        return "\n".join(text for language, text in self.blocks if language == "sh").replace("\\\n", " ")

    @property
    def has_servers(self) -> bool:
        """Whether its commands start servers, so that they need no running ones."""
        return any(server in self.shell for server in _SERVERS)


def sections(page: Path) -> list[Section]:
    """Sections of a page with shell blocks."""
    parts = re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = [
        Section(page.name, part.partition("\n")[0].lstrip("# "), tuple(_BLOCK.findall(part)))
        for part in parts
    ]
    return [section for section in found if section.shell]


def _blocks(part: str) -> list[tuple[str, str]]:
    """Blocks of a part of a page; those in lists are indented."""
    return [(language, dedent(text)) for language, text in _BLOCK.findall(part)]


def free_ports() -> dict[str, str]:
    """A free port for each port of the docs."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in PORTS]
    found = {port: str(each.getsockname()[1]) for port, each in zip(PORTS, listeners, strict=True)}
    for listener in listeners:
        listener.close()
    return found


def replace_ports(text: str, ports: Mapping[str, str]) -> str:
    return _PORT.sub(lambda match: ports[match[1]], text)


def copy_checkout(folder: Path, ports: Mapping[str, str]) -> None:
    """Copy what commands of the docs read, with other ports."""
    for name in ("deploy", "requirements"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("secrets"))
    for name in ("Dockerfile", "Makefile", "compose.yaml", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    for path in [*(folder / "deploy/local").iterdir(), *(folder / "deploy/compose/nginx").iterdir()]:
        path.write_text(replace_ports(path.read_text(encoding="utf-8"), ports))
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "halo-gateway").symlink_to(_BIN / "halo-gateway")
    for name in ("pip", "python"):
        text = f'#!/bin/sh\nexec "{sys.executable}" "{ROOT}/tests/support/doc_programs.py" pip "$@"\n'
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)


def prelude() -> str:
    """Bash that checks what cannot be run, lets curl fail on a refusal, and waits for a port."""
    checked = "\n".join(
        f'{name}() {{ "{sys.executable}" "{ROOT}/tests/support/doc_programs.py" {name} "$@"; }}'
        for name in [*NOT_RUN]
    )
    venv = '/opt/halo-gateway/bin/pip() { pip "$@"; }'
    curl = 'curl() { command curl --fail-with-body --max-time 20 "$@"; }'
    ready = '(echo >"/dev/tcp/127.0.0.1/$1") 2>/dev/null'
    wait = f"wait_for() {{ for _ in {{1..300}}; do {ready} && return; sleep 0.1; done; return 1; }}"
    trap = "trap 'kill $(jobs -p) 2>/dev/null || true; wait || true' EXIT"
    path = f'PATH="{_BIN}:$PATH"'
    return f"set -euo pipefail\n{trap}\n{path}\n{checked}\n{venv}\n{curl}\n{wait}\n"


def script(section: Section, ports: Mapping[str, str], words: Mapping[str, str]) -> str:
    """A script of every command, in order; `words` replace what a reader would fill in.

    A server in the foreground gets a terminal of its own, as a reader would give it.
    """
    lines = [prelude()]
    for line in section.shell.splitlines():
        command = line.partition(" #")[0].rstrip()
        if any(server in command for server in _SERVERS):
            port = next(iter(re.findall(r"--port (\d+)", command)), "8080")
            missing = "" if "--port" in command else f" --port {port}"
            lines.append(f"{command.removesuffix('&').rstrip()}{missing} &")
        else:
            lines.append(line)
        if any(server in command for server in _SERVERS):
            lines.append(f"STARTED=$!; wait_for {port}; : $STARTED")
    text = "\n".join(lines[1:])
    for old, new in words.items():
        text = text.replace(old, new)
    return lines[0] + replace_ports(text, ports) + "\n"
