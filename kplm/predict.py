"""Raw text in, with or without a picture; answers out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from kg.parsing import english_words
from kplm.data.annotate import Regions
from kplm.data.batches import OwnShare
from kplm.data.collate import Collator
from kplm.data.encode import TextEncoder, answered, unlabelled
from kplm.data.example import Example
from kplm.data.module import OF_WORDS, TARGETS, EncodedRows
from kplm.data.questions import QuestionCollator, Windowed
from kplm.data.sources import example_from_json
from kplm.errors import CheckpointError, DataError, KplmError
from kplm.fields import Batch
from kplm.heads import TagRoles
from kplm.hub import load_finetuned
from kplm.knowledge import Knowledge
from kplm.roles.answers import marked_predicates, role_answer, with_words, words_of
from kplm.roles.tagger import RoleTagger
from kplm.training.finetune import Finetune


class Predictor:
    """A fine-tuned model with everything between a raw sentence and an answer, the linking included.

    Args:
        model: the fine-tuned model.
        text: how texts become batches.
        task: what is asked for, see :class:`kplm.data.module.TextData`.
        bf16: compute in bfloat16, which is faster on processors and devices that know it.
    """

    def __init__(self, model: Finetune, text: TextEncoder, task: str, bf16: bool = False) -> None:
        self.model, self.text, self.task, self.bf16 = model.eval(), text, task, bf16
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
            found.update(self._step({name: field.to(self.model.device) for name, field in whole.items()}))
        return [answered(example, found[i]) for i, example in enumerate(examples)]

    def _step(self, batch: Batch) -> list[tuple[int, dict[str, Any]]]:
        with torch.autocast(self.model.device.type, torch.bfloat16, enabled=self.bf16):
            return self.model.predict_step(batch, 0)

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

    def __init__(self, model: Finetune, text: TextEncoder, task: str, bf16: bool = False) -> None:
        super().__init__(model, text, task, bf16)
        self.tagger = RoleTagger(model, text, bf16)

    def _answers(self, examples: list[Example], batch_tokens: int) -> list[dict[str, Any]]:
        """One of :func:`kplm.roles.answers.role_answer` an example."""
        examples = with_words(examples, english_words)
        found = self.tagger([words_of(one) for one in examples], list(map(marked_predicates, examples)), batch_tokens)
        return [role_answer(*one) for one in zip(examples, found)]


def load(
    path: str | Path,
    device: str = "cpu",
    knowledge: Knowledge = "on",
    graph: str | Path | None = None,
    boxes: str | None = None,
    bf16: bool = False,
) -> Predictor:
    """A model ready to answer, from a saved folder or a Lightning checkpoint.

    Args:
        path: folder written by ``save_pretrained``, hub repository, or ``.ckpt`` file.
        device: where it runs.
        knowledge: 'on', 'off', 'shuffled', or an ablation.
        graph: take the knowledge from this graph instead of the one the model was trained with.
        boxes: where boxes come from of pictures without any, for a model that looks at pixels: a file, 'detector', 'search'
            or 'grid:3x3', see :class:`kplm.data.looks.Pixels`.
        bf16: compute in bfloat16, which is faster on processors and devices that know it.

    Raises:
        CheckpointError: there is no fine-tuned kplm model.
        KplmError: the model has no knowledge source that reads a graph, or none that knows the setting.
        KgError: there is no such graph.
        VisionError: there is no such source of boxes.
    """
    model, description = load_finetuned(path)
    text, task = TextEncoder.from_description(description), description.get("task")
    if str(task) not in TARGETS:
        raise CheckpointError(f"{path} was trained for the task {task!r}; possible are {', '.join(TARGETS)}.")
    text.switch(knowledge)
    if graph is not None:
        text.swap_graph(str(graph))
    if boxes is not None:
        _find_boxes(text, boxes)
    kind = RolePredictor if isinstance(model.head, TagRoles) else Predictor
    return kind(model.to(device), text, str(task), bf16)


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
