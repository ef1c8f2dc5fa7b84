"""Entity typing: which of many types a marked mention has; several may hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kplm.data.example import Example, Link, Mark, join_words
from kplm.data.sources.base import Source, json_lines
from kplm.data.sources.row import Row


class EntityTyping(Source):
    """JSON Lines ``{id?, tokens, start, end, qid?, labels}``; tokens ``start`` to ``end`` (exclusive) are the mention.

    Made for mentions whose Wikidata entity is known. The text is the tokens joined by single spaces.

    Args:
        gold_links: link the mention to the entity ``qid``. A row without one stays unlinked, so that a linker may run.
            False: every row stays unlinked.
    """

    form = "Entity typing rows need tokens, start, end and labels; start and end count tokens, end is exclusive."

    def __init__(self, gold_links: bool = True) -> None:
        self.gold_links = gold_links

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield one example a line."""
        for where, fields in json_lines(path):
            yield self._example(Row(fields, where, self.form))

    def _example(self, row: Row) -> Example:
        text, words = join_words(row.strings("tokens"))
        first, end = row.get("start", int), row.get("end", int)
        if not 0 <= first < end <= len(words):
            raise row.error(f"the mention is the tokens {first} up to {end}, but the row has {len(words)} tokens.")
        mention = Mark(words[first][0], words[end - 1][1], "mention")
        linked = self.gold_links and row.has("qid")
        return Example(
            text=text,
            marks=(mention,),
            links=(Link(mention.start, mention.end, row.get("qid", str)),) if linked else None,
            labels=tuple(row.strings("labels")),
            id=row.id(),
            where=row.where,
        )


class Ufet(Source):
    """Ultra-fine entity typing (Choi et al., 2018), JSON Lines.

    Rows are ``{id?, left_context_token, mention_span, right_context_token, labels}``: a list of words, a string, a list
    of words, a list of types. The text is all of them joined by single spaces. The official release calls the id
    ``annot_id``; that is read where ``id`` is absent.

    Args:
        labels: the field that holds the types. The official release has its free-form types in ``y_str``.
    """

    def __init__(self, labels: str = "labels") -> None:
        self.labels = labels

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield one example a line."""
        form = f"UFET rows need left_context_token, mention_span, right_context_token and {self.labels}."
        for where, fields in json_lines(path):
            yield self._example(Row(fields, where, form))

    def _example(self, row: Row) -> Example:
        left, right = row.strings("left_context_token"), row.strings("right_context_token")
        text, spans = join_words([*left, row.get("mention_span", str), *right])
        return Example(
            text=text,
            marks=(Mark(*spans[len(left)], "mention"),),
            labels=tuple(row.strings(self.labels)),
            id=row.name("annot_id") if row.has("annot_id") and not row.has("id") else row.id(),
            where=row.where,
        )
