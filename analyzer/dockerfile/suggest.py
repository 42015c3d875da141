"""The nearest name to a mistyped one, as BuildKit suggests it: an edit distance of two at most."""

from __future__ import annotations

from collections.abc import Iterable

MAX_DISTANCE = 2


def nearest(name: str, options: Iterable[str]) -> str | None:
    """The option with the smallest edit distance, None where all are farther than two edits or one is the
    name.
    """
    best, best_distance = None, MAX_DISTANCE + 1
    for option in sorted(options):
        if option == name:
            return None
        distance = edit_distance(name, option, best_distance)
        if distance < best_distance:
            best, best_distance = option, distance
    return best


def did_you_mean(message: str, name: str, options: Iterable[str]) -> str:
    """The message, with the nearest name where there is one."""
    found = nearest(name, options)
    return f"{message} (did you mean {found}?)" if found else message


def edit_distance(first: str, second: str, limit: int) -> int:
    """Levenshtein distance, or `limit` where it is at least that."""
    if abs(len(first) - len(second)) >= limit:
        return limit
    row = list(range(len(second) + 1))
    for index, char in enumerate(first, 1):
        previous, row[0] = row[0], index
        for column, other in enumerate(second, 1):
            previous, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, previous + (char != other)),
            )
    return min(row[-1], limit)
