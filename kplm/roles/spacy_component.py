"""The spaCy component ``kplm_srl``: semantic roles as spans of the document."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import minibatch

from kg.parsing import parse_of
from kplm.data.roles.base import Predicate, RoleSource, written
from kplm.data.roles.base import Span as RoleSpan
from kplm.data.roles.rules import Rules
from kplm.roles.opening import open_source

PREDICATES, ROLES = "kplm_predicates", "kplm_roles"
READ = ("DEP", "TAG", "LEMMA")
"""What rules read of a parse."""


class SpacyRoles:
    """Puts predicates and their arguments into span groups, which ``doc._.predicates`` reads as :class:`Predicate`.

    ``doc.spans["kplm_predicates"]`` has a span a predicate, whose ``kb_id_`` is the roleset where it is known, and
    ``doc.spans["kplm_roles"]`` those of V and the arguments, whose ``label_`` is the role. The ``id_`` of both is the number of
    the predicate's token, so they find each other, and both are written and read with the document. Rules read the parse
    that the document has; where a part of it is missing, and for other sources, its words are labelled, by sentences where it
    has them.
    """

    def __init__(self, make: Callable[[], RoleSource]) -> None:
        """Wait with ``make`` until the first document, since a source may be slow to open."""
        self._make = make
        if not Doc.has_extension("predicates"):
            Doc.set_extension("predicates", getter=predicates_of)

    @cached_property
    def source(self) -> RoleSource:
        """Where the roles come from; another one may be set."""
        return self._make()

    def __call__(self, doc: Doc) -> Doc:
        """Label one document."""
        self._label([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Label documents, so many at a time."""
        for docs in minibatch(stream, batch_size):
            self._label(docs)
            yield from docs

    def _label(self, docs: Sequence[Doc]) -> None:
        sentences = [span for doc in docs for span in _sentences(doc)]
        found: dict[int, list[Predicate]] = defaultdict(list)
        for span, predicates in zip(sentences, self._predicates(sentences)):
            found[id(span.doc)] += predicates
        for doc in docs:
            _write(doc, found[id(doc)])

    def _predicates(self, sentences: Sequence[Span]) -> list[list[Predicate]]:
        """The predicates of each sentence, in tokens of its document."""
        if isinstance(self.source, Rules) and all(_parsed(span.doc) for span in sentences):
            places = [list(range(span.start, span.end)) for span in sentences]
            found = [tuple(self.source.predicates(parse_of(span))) for span in sentences]
        else:
            places = [[word.i for word in span if not word.is_space] for span in sentences]
            found = self.source.ask([[span.doc[i].text for i in own] for span, own in zip(sentences, places)])
        return [
            [_placed(one, own, len(span.doc)) for one in predicates]
            for span, own, predicates in zip(sentences, places, found)
        ]


def predicates_of(doc: Doc) -> list[Predicate]:
    """The predicates of a document, in its tokens."""
    roles: dict[str, list[RoleSpan]] = defaultdict(list)
    for span in doc.spans.get(ROLES, ()):
        roles[span.id_].append((span.label_, span.start, span.end))
    groups = doc.spans.get(PREDICATES, ())
    return [Predicate(span.start, written(len(doc), roles[span.id_]), span.kb_id_ or None) for span in groups]


def _sentences(doc: Doc) -> list[Span]:
    return list(doc.sents) if len(doc) and doc.has_annotation("SENT_START") else [doc[:]]


def _parsed(doc: Doc) -> bool:
    return all(doc.has_annotation(name) for name in READ)


def _placed(predicate: Predicate, places: Sequence[int], size: int) -> Predicate:
    """A predicate of some tokens as one of the whole document."""
    spans = [(label, places[begin], places[end - 1] + 1) for label, begin, end in predicate.spans]
    return Predicate(places[predicate.index], written(size, spans), predicate.roleset)


def _write(doc: Doc, predicates: Sequence[Predicate]) -> None:
    doc.spans[PREDICATES] = [
        Span(doc, one.index, one.index + 1, "V", kb_id=one.roleset or "", span_id=str(one.index)) for one in predicates
    ]
    doc.spans[ROLES] = [
        Span(doc, begin, end, label, span_id=str(one.index)) for one in predicates for label, begin, end in one.spans
    ]


@Language.factory("kplm_srl", assigns=["doc.spans", "doc._.predicates"], default_config={"source": "rules"})
def make_roles(nlp: Language, name: str, source: str) -> SpacyRoles:
    """Make the component.

    Args:
        nlp: the pipeline.
        name: the component's name in it.
        source: 'rules', a file of roles, or the folder of a trained labeller, see :func:`kplm.roles.opening.open_source`.
    """
    return SpacyRoles(lambda: open_source(source))
