"""The mentions of a document that can be used: inside one paragraph, none overlapping another."""

from __future__ import annotations

from collections import Counter

from kplm.data.corpus.document import Mention


def usable(text: str, mentions: list[Mention], counts: Counter[str]) -> list[Mention]:
    """Mentions from left to right; of those that overlap the leftmost stays, of those that begin together the longest.

    Args:
        text: the document.
        mentions: in any order.
        counts: those left out are added to ``mentions_empty``, ``mentions_across_paragraphs`` and
            ``mentions_overlapping``.
    """
    kept: list[Mention] = []
    end = 0
    for mention in sorted(mentions, key=lambda one: (one.start, -one.end, one.entity)):
        inside = text[mention.start : mention.end]
        if not inside.strip() or not mention.entity:
            counts["mentions_empty"] += 1
        elif "\n" in inside:
            counts["mentions_across_paragraphs"] += 1
        elif mention.start < end:
            counts["mentions_overlapping"] += 1
        else:
            kept.append(mention)
            end = mention.end
    return kept
