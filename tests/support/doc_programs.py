"""Programs of the docs that a test cannot run: why, and what is checked of their arguments instead.

`python doc_programs.py PROGRAM ARGUMENTS…` checks in the current folder, a copy of the checkout; code 1 and a
line on stderr if something is wrong.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

Words = Sequence[str]
#: Units and paths that only an installed system has.
_SYSTEM = ("/etc/", "/opt/", "/usr/local/", "/var/", "/run/")
_PACKAGES = {"nginx", "redis-server", "python3-venv", "openssl"}
_UNITS = {"nginx", "redis-server"}


class WrongError(Exception):
    """A command of the docs would fail."""


def expect(condition: object, text: str) -> None:
    """Raise WrongError unless the condition holds."""
    if not condition:
        raise WrongError(text)


def expect_file(name: str) -> None:
    """Raise WrongError unless a file of the checkout exists; files of a system are not looked for."""
    expect(name.startswith(_SYSTEM) or Path(name).exists(), f"{name} does not exist")


def values_of(words: Words, *options: str) -> list[str]:
    """Values of an option, as `--name VALUE`."""
    return [words[at + 1] for at, word in enumerate(words[:-1]) if word in options]


def check_docker(words: Words) -> None:
    """Check `docker build`, `push`, `run` and `compose`."""
    known = {"build": check_image, "run": check_container, "compose": check_compose, "push": lambda _: None}
    expect(words[0] in known, f"docker {words[0]}")
    known[words[0]](words[1:])


def check_image(words: Words) -> None:
    """Check the folder, the target and the build arguments."""
    dockerfile = (Path(words[-1]) / "Dockerfile").read_text(encoding="utf-8")
    for target in values_of(words, "--target"):
        expect(f" AS {target}\n" in dockerfile, target)
    for argument in values_of(words, "--build-arg"):
        expect(f"ARG {argument.partition('=')[0]}" in dockerfile, argument)


def check_container(words: Words) -> None:
    """Check that mounted files exist, and that the image is one of ours."""
    for volume in values_of(words, "-v"):
        expect_file(volume.split(":")[0])
    expect(any(word.startswith("halo-gateway") for word in words), "no image of ours")


def check_compose(words: Words) -> None:
    """Check the files, the profile and the services."""
    names = values_of(words, "-f") or ["compose.yaml"]
    services: set[str] = set()
    for name in names:
        expect_file(name)
        text = Path(name).read_text(encoding="utf-8").replace("!override", "")
        services |= set(yaml.safe_load(text)["services"])
    rest = [word for word in words if word not in {"-f", "--profile", *names, *values_of(words, "--profile")}]
    command, *options = rest
    known = {"up", "down", "build", "logs", "ps", "restart", "run", "exec"}
    expect(command in known, f"docker compose {command}")
    if command in {"run", "exec"}:
        service, *program = [word for word in options if not word.startswith("-")]
        check_cli([word for word in program if word != "halo-gateway"])
        options = [service]
    expect({word for word in options if not word.startswith("-")} <= services, f"services: {options}")


def check_cli(words: Words) -> None:
    """Check that `halo-gateway` has the command."""
    program = [str(Path(sys.executable).parent / "halo-gateway"), words[0], "--help"]
    expect(subprocess.run(program, capture_output=True, check=False).returncode == 0, words[0])


def check_kubectl(words: Words) -> None:
    """Check that what is applied can be rendered, and that what is named is in the example."""
    folders = values_of(words, "-k", "kustomize")
    rendered = subprocess.run(
        ["kubectl", "kustomize", *(folders or ["deploy/kubernetes/example"])],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    resources = [resource for resource in yaml.safe_load_all(rendered) if resource]
    names = {f"{each['kind'].lower()}/{each['metadata']['name']}" for each in resources}
    if not folders:
        named = {word for word in words if re.fullmatch(r"[a-z]+/[a-z-]+", word)}
        expect(named and named <= names, f"{named} of {sorted(names)}")
        spaces = {each["metadata"].get("namespace") for each in resources}
        expect(set(values_of(words, "-n")) <= spaces, "namespace")


def check_make(words: Words) -> None:
    """Check the target; leave what `make dist` would."""
    targets = re.findall(r"^([a-z-]+):", Path("Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    expect({word for word in words if "=" not in word} <= {*targets}, f"make {words}")
    if "dist" in words:
        Path("dist").mkdir(exist_ok=True)
        Path("dist/halo_gateway-0.1.0-py3-none-any.whl").touch()


def check_pip(words: Words) -> None:
    """Check that locks and packages exist, and extras are ours."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    expect(words[0] in {"install", "check"}, f"pip {words[0]}")
    for lock in values_of(words, "-r"):
        expect_file(lock)
    packages = [word for word in words[1:] if not word.startswith("-") and word not in values_of(words, "-r")]
    for package in packages:
        name, _, extra = package.removesuffix("]").partition("[")
        expect(name in {".", project["name"]} or Path(name).exists(), f"pip install {name}")
        expect(not extra or set(extra.split(",")) <= set(project["optional-dependencies"]), package)


def check_sudo(words: Words) -> None:
    """Check the program behind sudo, and every file of the checkout that it reads."""
    program, *rest = words
    paths = [word.rpartition("=")[2] for word in rest if not word.startswith("-")]
    files = [path for path in paths if "/" in path and not path.startswith(_SYSTEM)]
    for name in files:
        if not re.fullmatch(r"[\d.:]+", name):
            expect_file(name)
    if program.endswith("/pip"):
        check_pip(rest)
    elif program in {"systemctl", "apt-get"}:
        {"systemctl": check_systemctl, "apt-get": check_apt}[program](rest)
    elif "/" in program:
        expect(Path(program).is_file() and Path(program).stat().st_mode & 0o100, program)
    else:
        known = {"cat", "chmod", "install", "ln", "nginx", "python3", "systemd-run", "tee"}
        expect(program in known, f"sudo {program}")
    if program == "tee":
        expect(sys.stdin.read() or "redis.conf" in " ".join(rest), "nothing to write")


def check_systemctl(words: Words) -> None:
    """Check that units are the kit's or those of packages."""
    command, *units = [word for word in words if not word.startswith("-")]
    expect(command in {"daemon-reload", "enable", "reload", "restart", "status", "stop"}, command)
    for unit in units:
        kit = Path("deploy/systemd") / f"{unit.partition('@')[0]}@.service"
        expect(unit in _UNITS or kit.is_file(), unit)


def check_apt(words: Words) -> None:
    """Check the names of packages."""
    command, *packages = [word for word in words if not word.startswith("-")]
    expect(command == "install" and set(packages) <= _PACKAGES, f"apt-get {words}")


def check_python(words: Words) -> None:
    """Check that only an environment is made."""
    expect(list(words[:2]) == ["-m", "venv"] and len(words) == 3, f"python3 {words}")


def check_git(words: Words) -> None:
    """Print a time for `git log --format=%ct`."""
    expect(words[0] == "log", f"git {words[0]}")
    sys.stdout.write("1767225600\n")


#: Program: why no test runs it, and the check instead.
NOT_RUN: dict[str, tuple[str, Callable[[Words], None]]] = {
    "docker": ("needs a Docker engine; tests/deploy checks files and settings", check_docker),
    "kubectl": ("needs a cluster; what is applied is rendered, tests/deploy checks it", check_kubectl),
    "sudo": ("changes the system", check_sudo),
    "systemctl": ("needs systemd; tests/deploy checks the unit", check_systemctl),
    "make": ("takes minutes; .ci/run runs the targets", check_make),
    "pip": ("needs a package index; tests/end_to_end/test_install.py installs", check_pip),
    "pipx": ("needs a package index; tests/end_to_end/test_install.py installs", check_pip),
    "python3": ("makes an environment, to install into", check_python),
    "git": ("a copy of the checkout has no history", check_git),
}


def main(program: str, *words: str) -> int:
    """Check one command; return its exit code."""
    try:
        NOT_RUN[program][1](words)
    except (WrongError, OSError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"{program} {' '.join(words)}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    assert shutil.which("kubectl") or sys.argv[1] != "kubectl"
    sys.exit(main(*sys.argv[1:]))
