"""Problems of a pack's file: one line each, with what to write instead."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.packs.file import VERBS, Table

#: Maximum number of lines, of characters of a key that is shown.
_MAX_LINES, _MAX_KEY = 20, 60


class PackError(ValueError):
    """A pack that cannot be used; its text has one line per problem."""

    def __init__(self, file: str, problems: Iterable[str]) -> None:
        lines = [f"{file}: {problem}" for problem in problems]
        more = [f"and {len(lines) - _MAX_LINES} more problems"] if len(lines) > _MAX_LINES else []
        super().__init__("\n".join(lines[:_MAX_LINES] + more))


def table_problems(model: type[Table], error: ValidationError, place: str) -> Iterator[str]:
    """Yield a line per problem of one table; `place` names the issue, and the verb if any."""
    for detail in error.errors(include_url=False):
        path = ".".join(str(step) for step in detail["loc"])[:_MAX_KEY]
        yield f"{place}: {path}: {_problem_text(model, detail)}"


def unknown_verb_problem(table: Mapping[str, Any], place: str) -> str:
    """Line for a table of `do` without a verb."""
    near = next((match for key in table if (match := _nearest(str(key), VERBS))), "")
    advice = f"Did you mean {near}?" if near else f"Write one of {', '.join(VERBS)}."
    return f"{place}: do: no verb in this table. {advice}"


def _problem_text(model: type[Table], detail: ErrorDetails) -> str:
    if detail["type"] != "extra_forbidden":
        return detail["msg"].removeprefix("Value error, ")
    keys = keys_of(_model_at(model, detail["loc"][:-1]))
    near = _nearest(str(detail["loc"][-1]), keys)
    return "no such key. " + (f"Did you mean {near}?" if near else f"Write one of {', '.join(keys)}.")


def keys_of(model: type[Table]) -> list[str]:
    """Keys of a table, as the file spells them."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_at(model: type[Table], path: Iterable[str | int]) -> type[Table]:
    """Table below another one at the path of a problem."""
    for step in path:
        field = next((each for name, each in model.model_fields.items() if step in {name, each.alias}), None)
        types = [] if field is None else [field.annotation, *getattr(field.annotation, "__args__", ())]
        tables = [each for each in types if isinstance(each, type) and issubclass(each, Table)]
        model = tables[0] if tables else model
    return model


def _nearest(key: str, known: Iterable[str]) -> str:
    return next(iter(get_close_matches(key[:_MAX_KEY].lower().replace("_", "-"), [*known], 1)), "")
