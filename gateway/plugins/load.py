"""Repairs and dialects of installed packages, found by their entry points. Only those named are imported."""

import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import Distribution, EntryPoint, entry_points
from typing import Any, NamedTuple

from gateway.plugins.api import (
    API_VERSION,
    REPAIRS_GROUP,
    UPSTREAMS_GROUP,
    VERSION_ATTRIBUTE,
    PluginError,
    normal_name,
    with_namespace,
)
from gateway.plugins.code_digest import modules_digest
from gateway.plugins.order import in_order
from gateway.plugins.shapes import shape_problems
from gateway.repairs import KNOWN_ISSUES, REPAIRS
from gateway.repairs.repair import Repair
from gateway.upstreams import mountable_dialects
from gateway.upstreams.dialect import Dialect
from gateway.upstreams.halo_connect import HALO_CONNECT

_TYPES: dict[str, type[Repair] | type[Dialect]] = {REPAIRS_GROUP: Repair, UPSTREAMS_GROUP: Dialect}
_OUR_IDS = frozenset(issue.id for issue in KNOWN_ISSUES)
#: Maximum number of characters of another package's error text, and of names in one message.
_MAX_TEXT, _MAX_NAMES = 200, 20


class Plugins(NamedTuple):
    """What plugins bring, with ids `package:id`. `version` changes with their code."""

    repairs: tuple[Repair, ...] = ()
    dialects: tuple[Dialect, ...] = ()
    version: str = ""

    def dialect(self, name: str) -> Dialect | None:
        """Return the dialect `package:name`, or None."""
        return next((dialect for dialect in self.dialects if dialect.name == name), None)


class _Point(NamedTuple):
    """Entry point of a package."""

    package: str
    distribution: Distribution
    entry: EntryPoint

    def __str__(self) -> str:
        return f"{self.package}: entry point {self.entry.name} ({self.entry.value})"


def load_plugins(names: Sequence[str]) -> Plugins:
    """Return what the named packages or entry points bring.

    Raises PluginError with all problems; then nothing of any plugin is used.
    """
    if not names:
        return Plugins()
    points = list(_named_points(names, list(_installed_points())))
    problems = list[str]()
    found = [each for point in points for each in _without_error(problems, _load_point, point)]
    repairs = [each for each in found if isinstance(each, Repair)]
    dialects = tuple(each for each in found if isinstance(each, Dialect))
    problems += _duplicates([repair.issue.id for repair in repairs] + [each.name for each in dialects])
    problems += _unknown_dialects(repairs, dialects)
    if problems:
        raise PluginError("; ".join(problems))
    ordered = in_order(repairs, [repair.issue.id for repair in REPAIRS])
    return Plugins(ordered, dialects, _version(points))


def _installed_points() -> Iterator[_Point]:
    for group in _TYPES:
        for entry in entry_points(group=group):
            if entry.dist is not None:
                yield _Point(normal_name(entry.dist.name), entry.dist, entry)


def _named_points(names: Sequence[str], installed: Sequence[_Point]) -> Iterator[_Point]:
    """Yield each point that a name selects, once."""
    problems, points = list[str](), dict[tuple[str, str, str], _Point]()
    for name in names:
        for point in _without_error(problems, lambda name: _points_of(name, installed), name):
            points.setdefault((point.package, point.entry.group, point.entry.name), point)
    if problems:
        raise PluginError("; ".join(problems))
    yield from points.values()


def _points_of(name: str, installed: Sequence[_Point]) -> list[_Point]:
    by_package = [point for point in installed if point.package == normal_name(name)]
    by_entry = [point for point in installed if point.entry.name == name]
    packages = sorted({point.package for point in by_package or by_entry})
    if len(packages) > 1:
        raise PluginError(f"{name!r} is an entry point of {_name_list(packages)}: name one of these packages")
    if not packages:
        known = _name_list(sorted({point.package for point in installed})) or "none"
        raise PluginError(
            f"{name[:60]!r} is no installed package with an entry point in {REPAIRS_GROUP} or"
            f" {UPSTREAMS_GROUP}; installed with one: {known}. Install it into the gateway's environment"
        )
    return by_package or by_entry


def _load_point(point: _Point) -> list[Repair | Dialect]:
    """Import an entry point and return what it brings, with namespaced ids. Raises PluginError."""
    value = _run(point, "cannot be imported", point.entry.load)
    _require_version(point)
    kind = _TYPES[point.entry.group]
    if callable(value) and not isinstance(value, type):
        value = _run(point, "failed when it was called without arguments", value)
    values = value if isinstance(value, tuple) else (value,)
    wrong = next((each for each in values if not isinstance(each, kind)), None)
    if wrong is not None or not values:
        got = type(wrong).__name__ if values else "an empty tuple"
        raise PluginError(f"{point} gives {got}: it must give a {kind.__name__}, or a tuple of them")
    if problems := [problem for each in values for problem in shape_problems(each)]:
        raise PluginError(f"{point}: {'; '.join(problems)}")
    return [_named_repair(point.package, each, values) if isinstance(each, Repair)
            else _named_dialect(point.package, each) for each in values]  # fmt: skip


def _run(point: _Point, problem: str, call: Callable[[], Any]) -> Any:
    """Call code of a plugin. Raises PluginError for whatever it raises, except Ctrl-C."""
    try:
        return call()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise PluginError(f"{point} {problem}: {type(error).__name__}: {_line(error)}") from error


def _line(error: BaseException) -> str:
    """Beginning of an error's text, in one line; empty if it has none."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - code of the plugin
        return ""
    return "".join(char if char.isprintable() else " " for char in text[:_MAX_TEXT])


def _require_version(point: _Point) -> None:
    """Raise PluginError if the module was written for another version of the API."""
    stated = getattr(sys.modules.get(point.entry.module), VERSION_ATTRIBUTE, None)
    if type(stated) is int and stated == API_VERSION:
        return
    if stated is None:
        raise PluginError(
            f"{point} does not state its version of the API: its author must set {VERSION_ATTRIBUTE} ="
            f" {API_VERSION} in the module {point.entry.module}"
        )
    raise PluginError(
        f"{point} was written for version {repr(stated)[:20]} of the plugin API, this halo-gateway has"
        f" version {API_VERSION}: install another release of {point.package}, or another halo-gateway"
    )


def _named_repair(package: str, repair: Repair, siblings: Sequence[Any]) -> Repair:
    """Return a repair with namespaced ids. A plain id in `after` is a sibling's, else the gateway's."""
    plain_ids = {each.issue.id for each in siblings if isinstance(each, Repair)}
    if repair.issue.id in _OUR_IDS:
        raise PluginError(f"{package}: {repair.issue.id} is a repair of the gateway: choose another id")
    if repair.local_response is not None:
        raise PluginError(f"{package}: {repair.issue.id} has local_response: a plugin cannot answer requests")
    own_id = with_namespace(package, repair.issue.id)
    after = tuple(with_namespace(package, name) if name in plain_ids else name for name in repair.after)
    return replace(repair, issue=replace(repair.issue, id=own_id), after=after)


def _named_dialect(package: str, dialect: Dialect) -> Dialect:
    if dialect.apis or not dialect.is_mountable:
        raise PluginError(f"{package}: dialect {dialect.name} must be mountable, without apis")
    return replace(
        dialect, name=with_namespace(package, dialect.name), product=dialect.product or dialect.name
    )


def _without_error(problems: list[str], call: Callable[[Any], list[Any]], argument: Any) -> list[Any]:
    """Return the result of a call; nothing if it raises PluginError, whose text is added to the problems."""
    try:
        return call(argument)
    except PluginError as error:
        problems.append(str(error))
        return []


def _duplicates(ids: Sequence[str]) -> list[str]:
    return [f"{name} exists twice" for name in dict.fromkeys(ids) if ids.count(name) > 1]


def _name_list(names: Sequence[str]) -> str:
    return ", ".join(names[:_MAX_NAMES])


def _unknown_dialects(repairs: Iterable[Repair], dialects: Iterable[Dialect]) -> list[str]:
    known = (HALO_CONNECT.name, *mountable_dialects(), *(dialect.name for dialect in dialects))
    return [
        f"{repair.issue.id}: dialects names {name[:60]!r}, which is none of {_name_list(known)}"
        for repair in repairs
        for name in repair.dialects
        if name not in known
    ]


def _version(points: Sequence[_Point]) -> str:
    """Digest of the packages' names, versions and lists of files with hashes, and of their modules' files."""
    found = {point.package: point.distribution for point in points}.values()
    texts = {f"{each.name}={each.version} {each.read_text('RECORD') or ''}" for each in found}
    modules = modules_digest(sorted({point.entry.module for point in points}))
    return hashlib.sha256("\n".join([*sorted(texts), modules]).encode()).hexdigest()
