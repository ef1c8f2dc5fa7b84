"""Semantic roles by rules over a dependency tree: nothing is trained, so no data are needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tqdm import tqdm

from kg.parsing import Parse, Parser
from kplm import __version__
from kplm.data.roles.arguments import of_adjective, of_verb
from kplm.data.roles.base import VERB, Predicate, RoleSource, Span, Words, written
from kplm.data.roles.tree import Tree

NO_PREDICATES = {"amod", "compound", "prep"}
"""Participles before a noun, and those used as prepositions ("regarding", "according")."""
AUXILIARIES = {"aux", "auxpass"}
MANY = 2048
"""Of more sentences the progress is shown."""


class Rules(RoleSource):
    """Verbs, and adjectives behind be, with their arguments by rules over spaCy's dependencies.

    The labels are PropBank's, as far as syntax tells them: nominal predicates, senses of verbs and most of what the frame
    of a single verb says are out of reach.

    Args:
        pipeline: an English pipeline of spaCy, a package or a folder; by default en_core_web_sm, under either of the names
            it is packaged by.
        adjectives: whether adjectives behind be are predicates too.
    """

    def __init__(self, pipeline: str | None = None, adjectives: bool = True) -> None:
        self.init_args = {"pipeline": pipeline, "adjectives": adjectives}
        self.pipeline, self.adjectives = pipeline, adjectives
        self._parser: Parser | None = None

    @property
    def parser(self) -> Parser:
        """The pipeline, opened at the first use.

        Raises:
            KgError: it is not installed, or no English one with a parser.
        """
        if self._parser is None:
            self._parser = Parser(self.pipeline)
        return self._parser

    @property
    def edition(self) -> str:
        """The versions of the rules and of the pipeline."""
        return f"{__version__} {self.parser.edition}"

    def __call__(self, sentences: Sequence[Words]) -> list[tuple[Predicate, ...]]:
        """The predicates of each sentence.

        Raises:
            KgError: there is no such pipeline.
        """
        parses = tqdm(
            self.parser(sentences), "roles", len(sentences), unit=" sentences", disable=len(sentences) <= MANY
        )
        return [tuple(self.predicates(parse)) for parse in parses]

    def predicates(self, parse: Parse) -> Iterator[Predicate]:
        """The predicates of a sentence that is parsed already."""
        tree = Tree(parse)
        for word in range(len(tree.words)):
            if tree.labels[word] in AUXILIARIES and tree.verb(word):
                yield _predicate(tree, word, ())
            elif tree.verb(word) and tree.labels[word] not in NO_PREDICATES:
                yield _predicate(tree, word, of_verb(tree, word))
            elif self.adjectives and tree.labels[word] == "acomp" and tree.tags[word].startswith("JJ"):
                yield _predicate(tree, word, of_adjective(tree, word))


def _predicate(tree: Tree, word: int, found: Iterable[Span]) -> Predicate:
    """What comes first keeps its words; a particle right behind the verb is part of it."""
    particle = word + 1 in tree.children[word] and tree.labels[word + 1] == "prt"
    kept: list[Span] = [(VERB, word, word + 1 + particle)]
    for label, begin, end in found:
        if begin < end and all(end <= other[1] or begin >= other[2] for other in kept):
            kept.append((label, begin, end))
    return Predicate(word, written(len(tree.words), kept))
