"""What an adapter knows of all that it and those before it were taught: what examinations did not miss. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping


def find_known(
    line: Iterable[str], lessons: Mapping[str, Collection[str]], unlearned: Mapping[str, Collection[str]]
) -> set[str]:
    """`line`: an adapter, the one it went on from, and so on. What a later one does not know is known no more."""
    known: set[str] = set()
    missing: set[str] = set()
    for one in line:
        missing |= set(unlearned.get(one, ()))
        known |= set(lessons.get(one, ())) - missing
    return known
