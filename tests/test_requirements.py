"""Lock files: complete and consistent, so that pip resolves nothing."""

import re
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FOLDER = ROOT / "requirements"
PROJECT = "halo-gateway"
#: Lock -> extras of the project that it installs.
LOCKS = {"gateway": set[str](), "emulator": {"emulator"}, "otel": {"otel"}, "dev": {"dev"}}
PIN = re.compile(r"^([A-Za-z0-9][^\s;\\]*)\s*(?:;\s*([^\\]+?))?\s*\\?$")

Pins = dict[str, Requirement]


def pins(lock: str) -> Pins:
    """Pins of a lock by normalised name, including those of other platforms."""
    lines = (FOLDER / f"{lock}.txt").read_text(encoding="utf-8").splitlines()
    rows = [row for line in lines if (row := PIN.match(line))]
    requirements = [
        Requirement(f"{pin}; {marker}" if marker else pin) for pin, marker in (row.groups() for row in rows)
    ]
    return {canonicalize_name(pin.name): pin for pin in requirements}


def applies(requirement: Requirement, extras: set[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or {""})


def requirements_of(name: str, extras: set[str]) -> Iterator[Requirement]:
    """Requirements of an installed distribution on this platform, by its metadata, with these extras."""
    for text in distribution(name).requires or ():
        requirement = Requirement(text)
        if applies(requirement, extras):
            yield requirement


def missing_requirements(locked: Pins, extras: set[str]) -> list[str]:
    """Direct and indirect requirements of the project that a lock does not satisfy."""
    problems = list[str]()
    queue, visited = [(PROJECT, frozenset(extras))], set[tuple[str, frozenset[str]]]()
    while queue:
        entry = name, active_extras = queue.pop()
        if entry in visited:
            continue
        visited.add(entry)
        for requirement in requirements_of(name, set(active_extras)):
            required_name = canonicalize_name(requirement.name)
            if required_name != PROJECT and not satisfies(locked.get(required_name), requirement):
                problems.append(f"{name} requires {requirement}")
            else:
                queue.append((required_name, frozenset(requirement.extras)))
    return problems


def satisfies(pin: Requirement | None, requirement: Requirement) -> bool:
    if pin is None or not applies(pin, set()):
        return False
    (version,) = pin.specifier
    return requirement.specifier.contains(version.version, prereleases=True)


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_satisfies_every_requirement(lock: str) -> None:
    assert missing_requirements(pins(lock), LOCKS[lock]) == []


@pytest.mark.parametrize("lock", LOCKS)
def test_installed_releases_match_the_lock(lock: str) -> None:
    for name, pin in pins(lock).items():
        if applies(pin, set()):
            assert pin.specifier.contains(distribution(name).version, prereleases=True), name


def test_lock_without_the_extra_of_a_dependency_is_incomplete() -> None:
    locked = pins("gateway")
    del locked["hiredis"]  # `redis[hiredis]` requires it
    assert [line.split()[0] for line in missing_requirements(locked, set())] == ["redis"]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_every_pin_is_exact_and_hashed(path: Path) -> None:
    blocks = re.split(r"\n(?=\S)", path.read_text(encoding="utf-8").strip())
    assert len(blocks) == len(pins(path.stem))
    for block in blocks:
        assert "==" in block.splitlines()[0]
        assert "--hash=sha256:" in block


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_no_lock_names_an_index_or_an_option(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^-", text, re.MULTILINE)


@pytest.mark.parametrize("lock", ["gateway", "emulator", "build"])
def test_all_locks_agree_on_a_release(lock: str) -> None:
    dev_pins = pins("dev")
    for name, pin in pins(lock).items():
        assert pin.specifier == dev_pins.get(name, pin).specifier, name


def test_gateway_lock_has_no_validator_emulator_or_tools() -> None:
    absent = {"fhir-resources", "fhirpathpy", "fhirpy", "setuptools", "pip", "pytest"}
    assert absent & set(pins("gateway")) == set()


@pytest.mark.parametrize("file", ["Makefile", "Dockerfile"])
def test_installation_of_a_lock_resolves_nothing_and_is_checked(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [
        line
        for line in text.splitlines()
        if "install " in line and " -r " in line and "--dry-run" not in line
    ]
    assert lines
    assert all("--no-deps" in line and "--require-hashes" in line for line in lines)
    assert "pip check" in text
