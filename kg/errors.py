"""The one exception of the package."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class KgError(Exception):
    """Something about a graph, a table or a linker is wrong: says what was got, what is possible, and the fix."""


def did_you_mean(name: str, possible: Iterable[str]) -> str:
    """The sentence that names the nearest possible names, or lists all when none is near.

    >>> did_you_mean("TransX", ["TransE", "RotatE"])
    "Did you mean 'TransE'?"
    """
    names = sorted(possible)
    folded = {known.casefold(): known for known in names}
    near = [folded[key] for key in get_close_matches(name.casefold(), folded, n=3, cutoff=0.6)]
    if near:
        return f"Did you mean {' or '.join(repr(known) for known in near)}?"
    return f"Possible: {', '.join(names) or 'none'}."
