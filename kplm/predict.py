"""Raw text in, with or without a picture; answers out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from kplm.data.annotate import Regions
from kplm.data.batches import OwnShare
from kplm.data.collate import Collator
from kplm.data.encode import TextEncoder, answered, unlabelled
from kplm.data.example import Example
from kplm.data.module import OF_WORDS, TARGETS, EncodedRows
from kplm.data.questions import QuestionCollator, Windowed
from kplm.data.roles.base import Predicate
from kplm.data.sources import JsonLines, PlainText, Source, example_from_json
from kplm.errors import DataError, KplmError
from kplm.heads import TagRoles
from kplm.hub import load_finetuned
from kplm.knowledge import Knowledge
from kplm.roles.stretches import PREDICATE
from kplm.roles.tagger import RoleTagger
from kplm.training.finetune import Finetune


class Predictor:
    """A fine-tuned model with everything between a raw sentence and an answer, the linking included.

    Args:
        model: the fine-tuned model.
        text: how texts become batches.
        task: what is asked for, see :class:`kplm.data.module.TextData`.
    """

    def __init__(self, model: Finetune, text: TextEncoder, task: str) -> None:
        self.model, self.text, self.task = model.eval(), text, task
        self.text.suit(model.encoder.pictures)
        self.text.targets = TARGETS[task]([])

    @torch.inference_mode()
    def predict(
        self,
        inputs: Iterable[str | Mapping[str, Any] | Example] = (),
        batch_tokens: int = 4096,
        *,
        image: str | None = None,
        question: str | None = None,
        boxes: Sequence[Sequence[float]] | None = None,
    ) -> list[dict[str, Any]]:
        """Answer each input, in input order.

        Args:
            inputs: sentences, or dicts with ``text`` and perhaps ``pair``, ``marks`` (``head``, ``tail``, ``mention``) and
                ``links``; or with ``image`` and ``question``.
            batch_tokens: most positions computed at once.
            image: a PNG or JPEG file; with ``question`` it is an input behind the others.
            question: asked about it.
            boxes: what to look at in it, each x1, y1, x2, y2 in pixels; beside the whole picture, which is always seen.

        Returns: one dict an input, with the text and what the head decodes: ``label`` and ``scores``, ``labels``, or ``tags``.

        Raises:
            DataError: an input is neither, or a picture cannot be read.
        """
        if image is not None and question is None:
            raise DataError(f"what should be told about {image}? Give a question beside the image.")
        if boxes is not None and image is None:
            raise DataError("boxes of which picture? Give an image and a question beside the boxes.")
        given = None if boxes is None else [list(map(float, box)) for box in boxes]
        asked = [] if question is None else [{"image": image, "question": question, "boxes": given}]
        examples = unlabelled([_example(i, one) for i, one in enumerate([*inputs, *asked])])
        if not examples:
            return []
        self._check_pictures(examples)
        return self._answers(examples, batch_tokens)

    def _answers(self, examples: list[Example], batch_tokens: int) -> list[dict[str, Any]]:
        if self.task in OF_WORDS:
            examples = self.text.with_words(examples)
        rows = EncodedRows(self.text(examples), self.text)
        questions = Windowed(rows, [row["row"] for row in rows.rows])
        found: dict[int, dict[str, Any]] = {}
        collate = QuestionCollator(Collator([annotator.complete for annotator in self.text.annotators]))
        for batch in OwnShare(questions.lengths, batch_tokens, 64):
            whole = collate([questions[i] for i in batch])
            found.update(self.model.predict_step({k: v.to(self.model.device) for k, v in whole.items()}, 0))
        return [answered(example, found[i]) for i, example in enumerate(examples)]

    def _check_pictures(self, examples: Sequence[Example]) -> None:
        """Refuse pictures that the model would not look at."""
        shown = next((one for one in examples if one.picture is not None), None)
        if shown is not None and not any(isinstance(one, Regions) for one in self.text.annotators):
            kind, able = type(self.model.encoder).__name__, "regions" in self.model.encoder.reads
            told = "comes without the features of pictures" if able else "was trained without pictures"
            fix = "convert it with --features" if able else "load a model that reads them"
            raise DataError(f"{shown.where or 'input'}: this {kind} {told}. Leave out 'image', or {fix}.")


class RolePredictor(Predictor):
    """A role labeller with everything between a raw sentence and its predicates.

    Raw texts are cut into words by spaCy's English tokenizer, which cuts as PropBank does ("do", "n't"); inputs may bring
    their ``words`` or ``tokens``. An input with marks of the role 'predicate' is asked about these words alone.
    """

    def __init__(self, model: Finetune, text: TextEncoder, task: str) -> None:
        super().__init__(model, text, task)
        self.tagger = RoleTagger(model, text)

    def _answers(self, examples: list[Example], batch_tokens: int) -> list[dict[str, Any]]:
        """``{"id", "text", "words", "verbs"}`` an example; a verb is ``{"verb", "index", "tags"}``, as AllenNLP writes them."""
        spans = [one.words for one in examples]
        raw = [i for i, one in enumerate(spans) if not one]
        for i, cut in zip(raw, _english_words([examples[i].text for i in raw])):
            spans[i] = tuple(cut)
        sentences = [[one.text[start:end] for start, end in cut] for one, cut in zip(examples, spans)]
        given = [_predicates(one, cut) for one, cut in zip(examples, spans)]
        found = self.tagger(sentences, given, batch_tokens)
        return [_roles(*one) for one in zip(examples, sentences, found)]


def _english_words(texts: Sequence[str]) -> list[list[tuple[int, int]]]:
    from kg.parsing import english_words

    try:
        return english_words(texts) if texts else []
    except ImportError as error:
        raise KplmError(
            f"raw texts are cut into words by spaCy: {error}. pip install 'kplm[kg]', or give words."
        ) from None


def _predicates(example: Example, words: Sequence[tuple[int, int]]) -> list[int] | None:
    """The words that are marked as predicates; None where nothing is marked."""
    marks = [mark for mark in example.marks if mark.role == PREDICATE]
    holding = [next((i for i, (_, end) in enumerate(words) if end > mark.start), None) for mark in marks]
    return [i for i in holding if i is not None] if marks else None


def _roles(example: Example, words: Sequence[str], found: Sequence[Predicate]) -> dict[str, Any]:
    verbs = [{"verb": words[one.index], "index": one.index, "tags": list(one.tags)} for one in found]
    return {"id": example.id, "text": example.text, "words": list(words), "verbs": verbs}


def load(
    path: str | Path,
    device: str = "cpu",
    knowledge: Knowledge = "on",
    graph: str | Path | None = None,
    boxes: str | None = None,
) -> Predictor:
    """A model ready to answer, from a saved folder or a Lightning checkpoint.

    Args:
        path: folder written by ``save_pretrained``, hub repository, or ``.ckpt`` file.
        device: where it runs.
        knowledge: 'on', 'off', 'shuffled', or an ablation.
        graph: take the knowledge from this graph instead of the one the model was trained with.
        boxes: where boxes come from of pictures without any, for a model that looks at pixels: a file, 'detector', 'search'
            or 'grid:3x3', see :class:`kplm.data.looks.Pixels`.

    Raises:
        CheckpointError: there is no fine-tuned kplm model.
        KplmError: the model has no knowledge source that reads a graph, or none that knows the setting.
        KgError: there is no such graph.
        VisionError: there is no such source of boxes.
    """
    model, description = load_finetuned(path)
    text = TextEncoder.from_description(description)
    text.switch(knowledge)
    if graph is not None:
        text.swap_graph(str(graph))
    if boxes is not None:
        _find_boxes(text, boxes)
    kind = RolePredictor if isinstance(model.head, TagRoles) else Predictor
    return kind(model.to(device), text, description["task"])


def _find_boxes(text: TextEncoder, boxes: str) -> None:
    readers = [one for one in text.annotators if isinstance(one, Regions)]
    if not readers:
        raise KplmError(f"this model reads no pictures, so there is no use for boxes='{boxes}'.")
    for reader in readers:
        reader.looks = reader.looks.with_boxes(boxes)


def _example(row: int, one: str | Mapping[str, Any] | Example) -> Example:
    if isinstance(one, Example):
        return one
    if isinstance(one, str):
        return Example(text=one, id=str(row))
    if isinstance(one, Mapping):
        return example_from_json(dict(one), f"input {row}")
    raise DataError(f"input {row} is a {type(one).__name__}; give a string, or a dict with at least 'text'.")


def predict_file(
    predictor: Predictor, source: str | Path, target: str | Path, chunk: int = 2000, reader: Source | None = None
) -> None:
    """Answer a file of texts, a chunk at a time with a progress bar; the target appears only when it is whole.

    Args:
        predictor: a loaded model.
        source: ``.txt`` with one text a line, or kplm's JSON lines; or whatever ``reader`` reads.
        target: JSON lines to write, in the order of the source.
        chunk: examples in memory at once.
        reader: how the source is written, where it is neither; such as the source of a test set.

    Raises:
        DataError: the source cannot be read.
        KplmError: the target cannot be written.
    """
    from tqdm import tqdm

    reader = reader or (PlainText() if str(source).endswith(".txt") else JsonLines())
    target = Path(target)
    building = target.with_name(f".{target.name}.part")
    try:
        with building.open("w", encoding="utf-8") as file, tqdm(unit="text") as bar:
            examples = iter(reader.read(source))
            while some := list(islice(examples, chunk)):
                file.writelines(json.dumps(answer, ensure_ascii=False) + "\n" for answer in predictor.predict(some))
                bar.update(len(some))
        building.replace(target)
    except OSError as error:
        raise KplmError(f"{target} cannot be written: {error}. Choose another file.") from error
    finally:
        with suppress(OSError):
            building.unlink()
