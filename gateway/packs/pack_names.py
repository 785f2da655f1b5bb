"""Packs of one upstream: its setting carries them, so that each file is read when settings are checked."""

from collections.abc import Sequence

from gateway.packs.load import Pack, load_pack
from gateway.packs.problems import PackError
from gateway.packs.request_verbs import shared_name_problems


class LoadedPackNames(tuple[str, ...]):  # noqa: SLOT001 - it has an attribute
    """Names and paths of packs, with the packs."""

    packs: tuple[Pack, ...]


def with_packs(names: Sequence[str]) -> LoadedPackNames:
    """Return the names with their packs. Raises ValueError with the problems of all files, a line each."""
    problems, packs = list[str](), list[Pack]()
    for name in names:
        try:
            packs.append(load_pack(name))
        except PackError as error:
            problems.append(str(error))
    problems += [*_repeated_names(packs), *_shared_names(packs)]
    if problems:
        raise ValueError("\n".join(problems))
    loaded = LoadedPackNames(names)
    loaded.packs = tuple(packs)
    return loaded


def packs_of(names: Sequence[str]) -> tuple[Pack, ...]:
    """Return the packs of an upstream's setting. Raises ValueError if they are not valid."""
    return (names if isinstance(names, LoadedPackNames) else with_packs(names)).packs


def _repeated_names(packs: Sequence[Pack]) -> list[str]:
    names = [pack.name for pack in packs]
    return [
        f"two files are the pack {name}, so their issues would have the same ids: rename one, or leave it out"
        for name in sorted({name for name in names if names.count(name) > 1})
    ]


def _shared_names(packs: Sequence[Pack]) -> list[str]:
    return list(shared_name_problems([rename for pack in packs for rename in pack.renames]))
