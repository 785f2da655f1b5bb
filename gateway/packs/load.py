"""Loading of a pack: its file read, checked and compiled to repairs and error rules."""

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from stat import S_ISREG
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from gateway.packs.facets import Facets, make_repair
from gateway.packs.file import MAX_ISSUES, VERBS, Example, IssueTable, Rename, Table, When
from gateway.packs.problems import PackError, table_problems, unknown_verb_problem
from gateway.packs.request_verbs import shared_name_problems
from gateway.packs.verbs import verb_facets, verb_problems
from gateway.repairs.repair import KnownIssue, Repair
from gateway.upstreams.error_rule import ErrorRule

#: Maximum size of a file, in bytes.
MAX_BYTES: Final = 262_144
_NAME: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
_SUFFIX: Final = ".toml"


class PackIssue(NamedTuple):
    """An issue of a pack: its verbs' facets in order, its examples, and its `rename` verbs."""

    issue: KnownIssue
    verbs: tuple[Facets, ...]
    examples: tuple[Example, ...]
    renames: tuple[tuple[Rename, When], ...] = ()

    def repair(self) -> Repair:
        """Return the repair of the issue."""
        return make_repair(self.issue, self.verbs)

    def rules(self) -> tuple[ErrorRule, ...]:
        """Return the error rules of the issue."""
        return tuple(rule for verb in self.verbs for rule in verb.rules)


class Pack(NamedTuple):
    """A compiled pack: known issues, repairs in the order of the file, error rules, digest of the file."""

    name: str
    issues: tuple[KnownIssue, ...]
    repairs: tuple[Repair, ...]
    rules: tuple[ErrorRule, ...]
    digest: str
    renames: tuple[tuple[Rename, When], ...] = ()


def shipped_packs() -> tuple[str, ...]:
    """Names of the packs that the gateway brings."""
    names = (item.name for item in files("gateway.packs").iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)))


def load_pack(name_or_path: str) -> Pack:
    """Return a pack by the name of one that the gateway brings, or by the path of its file.

    Raises PackError with a line per problem.
    """
    content = _read_content(name_or_path)
    issues = _issues_of(content, name_or_path)
    return Pack(
        pack_name(name_or_path),
        tuple(each.issue for each in issues),
        tuple(each.repair() for each in issues),
        tuple(rule for each in issues for rule in each.rules()),
        hashlib.sha256(content).hexdigest(),
        tuple(rename for each in issues for rename in each.renames),
    )


def is_name(name_or_path: str) -> bool:
    """Whether a text names a pack that the gateway brings, and no file."""
    return bool(_NAME.fullmatch(name_or_path))


def pack_name(name_or_path: str) -> str:
    """Name of a pack: that of its file without `.toml`."""
    return name_or_path if is_name(name_or_path) else Path(name_or_path).stem


def read_issues(name_or_path: str) -> tuple[PackIssue, ...]:
    """Return the issues of a pack's file. Raises PackError."""
    return _issues_of(_read_content(name_or_path), name_or_path)


def _issues_of(content: bytes, name_or_path: str) -> tuple[PackIssue, ...]:
    name, problems, issues = pack_name(name_or_path), list[str](), list[PackIssue]()
    for number, table in enumerate(_read_tables(content, name_or_path), 1):
        read = _read_issue(name, table, number)
        if isinstance(read, PackIssue):
            issues.append(read)
        else:
            problems += read
    problems += _repeated_ids(issues)
    problems += shared_name_problems([rename for issue in issues for rename in issue.renames])
    if problems:
        raise PackError(name_or_path, problems)
    return tuple(issues)


def _read_content(name_or_path: str) -> bytes:
    """Return the bytes of a pack's file, at most one more than it may have. Raises PackError."""
    file = _file_of(name_or_path)
    if not is_name(pack_name(name_or_path)):
        raise PackError(name_or_path, ["name the file in lower case with hyphens, such as my-vendor.toml"])
    try:
        if isinstance(file, Path) and not S_ISREG(file.stat().st_mode):  # a device or a pipe may have no end
            raise PackError(name_or_path, ["is no file"])
        with file.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise PackError(name_or_path, [f"cannot be read: {error.strerror}"]) from None


def _file_of(name_or_path: str) -> Traversable:
    if "\0" in name_or_path:
        raise PackError("a pack", ["write the path of a file"])
    if not is_name(name_or_path):
        return Path(name_or_path)
    names = shipped_packs()
    if name_or_path not in names:
        text = f"no such pack. The gateway brings {', '.join(names)}; write the path of any other file"
        raise PackError(name_or_path, [text])
    return files("gateway.packs").joinpath(name_or_path + _SUFFIX)


def _read_tables(content: bytes, shown: str) -> list[Any]:
    if len(content) > MAX_BYTES:
        raise PackError(shown, [f"is longer than {MAX_BYTES} bytes: write several packs"])
    try:
        tables = tomllib.loads(content.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PackError(shown, [f"is no TOML in UTF-8: {error}"]) from None
    issues = tables.get("issue")
    if set(tables) != {"issue"} or not isinstance(issues, list) or not issues:
        raise PackError(shown, ["write tables [[issue]], and no other keys beside them"])
    if len(issues) > MAX_ISSUES:
        raise PackError(shown, [f"has more than {MAX_ISSUES} issues: write several packs"])
    return issues


def _read_issue(pack: str, table: Any, number: int) -> PackIssue | list[str]:
    """Return an issue, or its problems."""
    place = f"issue {number}"
    if not isinstance(table, Mapping):
        return [f"{place}: write a table [[issue]]"]
    if isinstance(table.get("id"), str):
        place = f"issue {table['id'][:64]}"
    try:
        content = IssueTable.model_validate(table)
    except ValidationError as error:
        return list(table_problems(IssueTable, error, place))
    verbs, problems = list[Table](), list[str]()
    for verb_table in content.do:
        verb = _read_verb(verb_table, place)
        if isinstance(verb, Table):
            verbs.append(verb)
        else:
            problems += verb
    problems += [f"{place}: {problem}" for verb in verbs for problem in verb_problems(verb, content.when)]
    return problems or _compile(pack, content, verbs)


def _read_verb(table: Mapping[str, Any], place: str) -> Table | list[str]:
    name = next((name for name in VERBS if name in table), None)
    if name is None:
        return [unknown_verb_problem(table, place)]
    try:
        return VERBS[name].model_validate(table)
    except ValidationError as error:
        return list(table_problems(VERBS[name], error, f"{place}: {name}"))


def _compile(pack: str, content: IssueTable, verbs: Sequence[Table]) -> PackIssue:
    id_ = f"{pack}:{content.id}"
    issue = KnownIssue(id_, content.title, str(content.source), content.vendor_status)
    facets = tuple(verb_facets(verb, content.when, id_) for verb in verbs)
    renames = tuple((verb, content.when) for verb in verbs if isinstance(verb, Rename))
    return PackIssue(issue, facets, tuple(content.example), renames)


def _repeated_ids(issues: Sequence[PackIssue]) -> Iterator[str]:
    ids = [each.issue.id for each in issues]
    yield from (
        f"issue {id_.partition(':')[2]}: the id is there twice"
        for id_ in sorted({*ids})
        if ids.count(id_) > 1
    )
