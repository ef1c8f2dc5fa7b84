"""Tags as files have them: one a word, and each I- behind a B- or I- of its role."""

from __future__ import annotations

from collections.abc import Sequence

from kplm.data.roles.base import OUTSIDE, Words
from kplm.errors import DataError


def checked(tags: Sequence[str], words: Words, where: str, repair: bool) -> tuple[str, ...]:
    """The tags of a predicate, if they are BIO tags of these words; roles may be any.

    Args:
        tags: as the file has them.
        words: the words of the sentence.
        where: file and line, for messages.
        repair: read an I- that continues nothing as a B-, instead of refusing it.

    Raises:
        DataError: there are more or fewer tags than words, or a tag is not one.
    """
    if len(tags) != len(words):
        raise DataError(f"{where}: {len(tags)} tags for {len(words)} words. Give one tag a word.")
    found, before = [], OUTSIDE
    for at, tag in enumerate(tags):
        if tag != OUTSIDE and (tag[:2] not in {"B-", "I-"} or not tag[2:]):
            raise DataError(f"{where}: word {at} '{words[at]}' has the tag '{tag}'. Tags are O, B-ROLE and I-ROLE.")
        if tag.startswith("I-") and before[2:] != tag[2:]:
            if not repair:
                raise DataError(
                    f"{where}: word {at} '{words[at]}' has '{tag}' behind '{before}', which begins no {tag[2:]}. "
                    f"Write B-{tag[2:]}, or have it read so with repair=True."
                )
            tag = f"B-{tag[2:]}"
        found.append(tag)
        before = tag
    return tuple(found)
