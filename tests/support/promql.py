"""What an expression of PromQL names: metrics with their labels. For tests; Prometheus itself parses."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_METRIC = re.compile(
    r"(?<![\w:$])((?:halo_gateway|process)_[a-z0-9_]+|halo_gateway:[a-z0-9_:]+|up|ALERTS)\b(\{[^}]*\})?"
)
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")
_GROUPING = re.compile(r"\b(?:by|on|without|group_left)\s*\(([^)]*)\)")
_STRING = re.compile(r'"[^"]*"')
#: Labels of Prometheus itself.
TARGET_LABELS = frozenset({"instance", "job"})
_HISTOGRAM = re.compile(r"_(?:bucket|sum|count)$")


class Selector(NamedTuple):
    """A metric in an expression, and the labels that select its series."""

    metric: str
    labels: frozenset[str]


def selectors(expression: str) -> Iterator[Selector]:
    """Yield the selectors of an expression."""
    for name, matchers in _METRIC.findall(expression):
        yield Selector(name, frozenset(_MATCHER.findall(matchers)))


def grouped_labels(expression: str) -> set[str]:
    """Labels by which an expression groups or joins."""
    lists = _GROUPING.findall(_STRING.sub("", expression))
    return {label.strip() for labels in lists for label in labels.split(",") if label.strip()}


def base_name(metric: str) -> str:
    """Name of a metric in the table: without prefix and a histogram's suffix; of `_created`, its counter."""
    return re.sub("_created$", "_total", _HISTOGRAM.sub("", metric.removeprefix("halo_gateway_")))
