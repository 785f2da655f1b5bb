"""Spelling distance of two words."""

from typing import Final

#: Longer words are not compared: work grows with the product of both lengths.
_LONGEST: Final = 40


def distance(one: str, other: str) -> int:
    """How many letters are missing, added, wrong or swapped with their neighbour, in upper or lower case.

    It is the optimal string alignment distance; at least the length of the longer word above 40 characters.
    """
    one, other = one.lower(), other.lower()
    if max(len(one), len(other)) > _LONGEST:
        return max(len(one), len(other))
    last = list(range(len(other) + 1))
    before = last
    for row in range(len(one)):
        line = [row + 1]
        for column in range(len(other)):
            line.append(_step(one, other, row, column, (before, last, line)))
        before, last = last, line
    return last[-1]


def _step(one: str, other: str, row: int, column: int, lines: tuple[list[int], ...]) -> int:
    before, last, line = lines
    least: int = min(line[-1] + 1, last[column + 1] + 1, last[column] + (one[row] != other[column]))
    if row and column and one[row - 1 : row + 1] == other[column] + other[column - 1]:
        return min(least, before[column - 1] + 1)
    return least
