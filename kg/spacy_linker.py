"""The spaCy component ``kplm_linker``: links to a graph as entities of the document."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import srsly
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import filter_spans

from kg.aliases import Case
from kg.errors import KgError
from kg.link import Link, Linker, open_linker

SPANS = "kplm_links"
LINKER = "linker"


class SpacyLinker:
    """Puts links into ``doc.spans["kplm_links"]``, and into ``doc.ents`` where they overlap no entity that is there.

    Each span has the entity's id as ``kb_id_`` and the score as ``span._.kplm_score``. An entity of an earlier
    component keeps its label; a link that covers exactly its tokens gives it the id.
    """

    def __init__(self, make: Callable[[], Linker] | None = None, label: str = "ENTITY") -> None:
        """Wait with ``make`` until a linker is needed, since reading the component from disk brings another one."""
        self._make, self.label = make, label
        self._linker: Linker | None = None
        self._unpacked: tempfile.TemporaryDirectory[str] | None = None
        if not Span.has_extension("kplm_score"):
            Span.set_extension("kplm_score", default=None)

    @property
    def linker(self) -> Linker:
        """The linker, made at the first use.

        Raises:
            KgError: the component has no graph, or the graph cannot be read.
        """
        if self._linker is None:
            self._linker = self._made()
        return self._linker

    def __call__(self, doc: Doc) -> Doc:
        """Link one document."""
        spans = [self._span(doc, link) for link in self.linker.link(doc.text)]
        doc.spans[SPANS] = spans
        doc.ents = _joined(doc, spans)
        return doc

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the linker, with its graph, into the folder ``path``."""
        if self._linker is not None or self._make is not None:
            self.linker.save(Path(path) / LINKER)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> SpacyLinker:
        """Read what `to_disk` wrote."""
        if (Path(path) / LINKER).exists():
            self._linker = Linker.open(Path(path) / LINKER)
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """The files that `to_disk` writes."""
        with tempfile.TemporaryDirectory() as folder:
            self.to_disk(folder)
            files = [file for file in sorted(Path(folder).rglob("*")) if file.is_file()]
            content: bytes = srsly.msgpack_dumps({str(file.relative_to(folder)): file.read_bytes() for file in files})
            return content

    def from_bytes(self, content: bytes, *, exclude: Iterable[str] = ()) -> SpacyLinker:
        """Read what `to_bytes` gave; the linker maps its files, so they lie in a temporary folder as long as it lives.

        Raises:
            KgError: the content names a file outside of the component.
        """
        self._unpacked = tempfile.TemporaryDirectory(prefix="kplm_linker.")
        root = Path(self._unpacked.name).resolve()
        for name, data in srsly.msgpack_loads(content).items():
            file = (root / name).resolve()
            if not file.is_relative_to(root):
                raise KgError(f"The bytes of kplm_linker name a file outside of the component: '{name}'.")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        return self.from_disk(root)

    def _made(self) -> Linker:
        if self._make is None:
            fix = 'Give it one: nlp.add_pipe("kplm_linker", config={"graph": "FOLDER"}), or read it from disk.'
            raise KgError(f"The component kplm_linker has no graph. {fix}")
        return self._make()

    def _span(self, doc: Doc, link: Link) -> Span:
        span = doc.char_span(link.start, link.end, self.label, kb_id=link.entity, alignment_mode="expand")
        assert span is not None, "expanded to whole tokens, a part of the text is always a span"
        span._.kplm_score = link.score
        return span


def _joined(doc: Doc, spans: list[Span]) -> list[Span]:
    """The entities of the document, with ids where a link has the same tokens, and the links that overlap none."""
    links = {(span.start, span.end): span for span in spans}
    ents = []
    for ent in doc.ents:
        link = links.get((ent.start, ent.end))
        ents.append(ent if link is None else Span(doc, ent.start, ent.end, ent.label_, kb_id=link.kb_id_))
    taken = {token.i for ent in ents for token in ent}
    free = [span for span in spans if not any(token.i in taken for token in span)]
    return sorted([*ents, *filter_spans(free)], key=lambda span: span.start)


@Language.factory(
    "kplm_linker",
    assigns=["doc.ents", "doc.spans", "token.ent_kb_id"],
    default_config={"graph": None, "names": None, "case": "smart", "threshold": 0.0, "label": "ENTITY"},
)
def make_linker(
    nlp: Language, name: str, graph: str | None, names: str | None, case: Case, threshold: float, label: str
) -> SpacyLinker:
    """Make the component.

    Args:
        nlp: the pipeline.
        name: the component's name in it.
        graph: as for `TripleStore.open`, or the folder of a saved linker, whose own rules then hold; None if the
            component will be read from disk.
        names: a file of labels and aliases besides those of a graph.
        case: see `kg.aliases.Rules`.
        threshold: links with a smaller score are left out.
        label: the label of the entities that links become.
    """
    if graph is None:
        return SpacyLinker(None, label)
    return SpacyLinker(lambda: open_linker(graph, names, case=case, threshold=threshold), label)
