"""The 45 supersenses: the names of WordNet's lexicographer files (``man lexnames``)."""

from __future__ import annotations

import re

from kg.errors import KgError

_NOUN = """Tops act animal artifact attribute body cognition communication event feeling food group location motive object
person phenomenon plant possession process quantity relation shape state substance time"""
_VERB = """body change cognition communication competition consumption contact creation emotion motion perception possession
social stative weather"""
SUPERSENSES: tuple[str, ...] = (
    "adj.all",
    "adj.pert",
    "adv.all",
    *(f"noun.{name}" for name in _NOUN.split()),
    *(f"verb.{name}" for name in _VERB.split()),
    "adj.ppl",
)
"""In the order of the files' numbers, 00 to 44."""

_KEY = re.compile(r"[^%\s]+%[1-5]:(\d\d):\d\d:[^:\s]*:\d*")


def supersense_of_key(key: str) -> str:
    """The supersense of a sense key, which holds the number of its lexicographer file (``man senseidx``).

    >>> supersense_of_key("dog%1:05:00::")
    'noun.animal'

    Raises:
        KgError: it is no sense key.
    """
    found = _KEY.fullmatch(key)
    if found is None or int(found[1]) >= len(SUPERSENSES):
        example = "lemma%pos:file:id:head:head_id with a file from 00 to 44, such as dog%1:05:00::"
        raise KgError(f"'{key}' is no sense key of WordNet. Expected {example}.")
    return SUPERSENSES[int(found[1])]
