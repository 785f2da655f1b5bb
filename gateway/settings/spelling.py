"""Edit distance of two words."""

from collections.abc import Iterable
from typing import Final

#: Maximum length of words that are compared. The work is proportional to the product of both lengths.
_MAX_LENGTH: Final = 40


def nearest_word(word: str, others: Iterable[str]) -> str:
    """Return the word that differs by the fewest typing errors; empty if none is near."""
    distances = ((edit_distance(word, other), other) for other in others)
    distance, nearest = min(distances, default=(_MAX_LENGTH, ""))
    return nearest if distance <= max(1, len(nearest) // 3) else ""


def edit_distance(word: str, other: str) -> int:
    """Return the number of letters that are missing, added, wrong or swapped, regardless of case.

    This is the optimal string alignment distance; above 40 characters, the length of the longer word.
    """
    word, other = word.lower(), other.lower()
    if max(len(word), len(other)) > _MAX_LENGTH:
        return max(len(word), len(other))
    last = list(range(len(other) + 1))
    before = last
    for row in range(len(word)):
        line = [row + 1]
        for column in range(len(other)):
            line.append(_cell_distance(word, other, row, column, (before, last, line)))
        before, last = last, line
    return last[-1]


def _cell_distance(word: str, other: str, row: int, column: int, lines: tuple[list[int], ...]) -> int:
    before, last, line = lines
    least: int = min(line[-1] + 1, last[column + 1] + 1, last[column] + (word[row] != other[column]))
    if row and column and word[row - 1 : row + 1] == other[column] + other[column - 1]:
        return min(least, before[column - 1] + 1)
    return least
