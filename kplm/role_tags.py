"""The tags a word may have in a predicate-argument structure; their order is that of the rows of SemBERT's tag table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from kplm.errors import KplmError, did_you_mean

Inventory = Literal["full", "sembert22"]
SPECIALS = ("[PAD]", "[CLS]", "[SEP]")
"""The first three of every inventory: padding, and the tags of BERT's special tokens."""
OUTSIDE = "O"

_NUMBERED = ("ARG0", "ARG1", "ARG2", "ARG3", "ARG4", "ARG5", "ARGA", "ARG1-DSP")
_FUNCTIONS = (
    *("ADJ", "ADV", "CAU", "COM", "CXN", "DIR", "DIS", "DSP", "EXT", "GOL", "LOC", "LVB", "MNR", "MOD"),
    *("NEG", "PNC", "PRD", "PRP", "PRR", "PRX", "REC", "SLC", "TMP"),
)
_ROLES = (*_NUMBERED, *(f"ARGM-{name}" for name in _FUNCTIONS))
ROLES = ("V", "C-V", *(before + name for before in ("", "C-", "R-") for name in _ROLES))
"""What PropBank's releases and CoNLL-2012 call the parts of a structure (Palmer et al., 2005; Pradhan et al., 2013)."""

_RELEASED = ("V", "ARG0", "ARG1", "ARG2", "ARG4", "ARGM-TMP", "ARGM-LOC", "ARGM-CAU", "ARGM-PRP")


def _inventory(roles: Sequence[str]) -> tuple[str, ...]:
    return (*SPECIALS, *(f"{begins}-{role}" for role in roles for begins in "BI"), OUTSIDE)


INVENTORIES: dict[str, tuple[str, ...]] = {"full": _inventory(ROLES), "sembert22": _inventory(_RELEASED)}
"""All of PropBank's, and the 22 of the released SemBERT, in its order."""


def tags_of(tags: Inventory | Sequence[str]) -> tuple[str, ...]:
    """The tags of an inventory, by its name or as a list of its own.

    Raises:
        KplmError: there is no inventory of that name, or the list has no row for padding, special tokens or 'O'.
    """
    if isinstance(tags, str):
        if tags not in INVENTORIES:
            raise KplmError(
                f"there is no inventory of role tags called '{tags}'; possible are {', '.join(INVENTORIES)}, or a list of tags."
                f"{did_you_mean(tags, INVENTORIES)}"
            )
        return INVENTORIES[tags]
    check_tags(tags)
    return tuple(tags)


def check_tags(tags: Sequence[str]) -> None:
    """Refuse a list that cannot be the rows of a tag table.

    Raises:
        KplmError: the list has no row for padding, special tokens or 'O', or a tag twice.
    """
    twice = sorted({tag for tag in tags if tags.count(tag) > 1})
    if tuple(tags[: len(SPECIALS)]) != SPECIALS or OUTSIDE not in tags or twice:
        told = f"names {', '.join(twice)} twice" if twice else f"begins with {', '.join(tags[:4]) or 'nothing'}"
        raise KplmError(
            f"the list of role tags {told}; it must begin with {', '.join(SPECIALS)}, go on with BIO tags such as B-V and I-ARG0, "
            f"and hold '{OUTSIDE}', each once."
        )
