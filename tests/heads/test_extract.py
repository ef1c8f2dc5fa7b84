"""Extractive question answering: the best valid span of all windows, no answer by [CLS], and SQuAD's scores of the texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kplm.config import SemBertConfig
from kplm.data.annotate import Annotator, Entities, Roles, Tree
from kplm.data.batches import OwnShare
from kplm.data.collate import Collator
from kplm.data.encode import TextEncoder
from kplm.data.example import Example
from kplm.data.module import EncodedRows, TextData
from kplm.data.questions import QuestionCollator, Windowed
from kplm.data.sources import JsonLines, example_from_json
from kplm.data.span_targets import SpanTargets
from kplm.errors import DataError, KplmError
from kplm.fields import IGNORE
from kplm.heads import Extract
from kplm.heads.answer_f1 import AnswerF1
from kplm.heads.whole_words import word_edges
from kplm.hub import save_pretrained
from kplm.models import SemBert
from kplm.predict import Predictor, load
from kplm.role_tags import tags_of
from kplm.spec import from_spec, to_spec
from kplm.text import Tokenizer
from kplm.training import Finetune, Optimization
from kplm.training.callbacks import PredictionFile
from tests.conftest import SIZES, tiny_encoder, tiny_ernie, write_rows
from tests.data.role_source import SecondWord
from tests.training import run

INF = float("inf")


def built(**options: Any) -> Extract:
    head = Extract(**options)
    head.build(tiny_encoder(), ())
    return head


def encoded(tokenizer: Tokenizer, *examples: Example, length: int = 40, stride: int = 4) -> dict[str, Tensor]:
    text = TextEncoder(tokenizer, max_length=length, targets=SpanTargets([]), stride=stride)
    return Collator()(text(list(examples)))


def logits_for(batch: dict[str, Tensor], *scores: dict[str, tuple[float, float]], none: float = 0.0) -> Tensor:
    """Begin and end of each window by the text of a token; tokens that are not named score -9."""
    words = batch["character_spans"]
    found = torch.full((*words.shape[:2], 2), -9.0).masked_fill((words[..., :1] < 0), -INF)
    for row, told in enumerate(scores):
        base = int(words[row, :, 0][words[row, :, 0] >= 0].min())
        text = "".join(chr(c) for c in batch["characters"][row].tolist() if c >= 0)
        for at, (start, end) in enumerate(words[row].tolist()):
            if start >= 0 and text[start - base : end - base] in told:
                found[row, at] = torch.tensor(told[text[start - base : end - base]])
    found[:, 0] = none / 2
    return found


def test_the_answer_is_cut_from_the_context_and_ends_do_not_come_before_beginnings(tokenizer: Tokenizer) -> None:
    batch = encoded(tokenizer, Example("the", "Rome was in PARIS ."))
    logits = logits_for(batch, {"Rome": (-9, 9), "was": (5, 1), "PARIS": (4, 3)})
    [answer] = built().decode(logits, batch)
    assert (answer["answer"], answer["start"], answer["end"]) == ("was in PARIS", 5, 17)  # not Rome as the end of it
    scores = built().spans(logits).flatten()
    assert answer["score"] == pytest.approx(float((8 - scores.logsumexp(0)).exp()), abs=1e-5)
    assert list(answer["scores"])[:2] == ["was in PARIS", "PARIS"]
    assert len(answer["scores"]) == 5
    assert "no_answer" not in answer


@pytest.mark.parametrize(("longest", "want"), [(1, "rome"), (2, "rome was"), (30, "rome was in paris")])
def test_an_answer_is_no_longer_than_allowed(longest: int, want: str, tokenizer: Tokenizer) -> None:
    batch = encoded(tokenizer, Example("the", "rome was in paris"))
    logits = logits_for(batch, {"rome": (50, 0), "was": (0, 1), "in": (0, 0), "paris": (0, 9)})
    assert built(longest=longest).decode(logits, batch)[0]["answer"] == want


@given(st.integers(1, 9), st.integers(3, 12), st.integers(0, 99))
def test_the_best_span_is_that_of_trying_all(longest: int, length: int, seed: int) -> None:
    logits = torch.randn(1, length, 2, generator=torch.Generator().manual_seed(seed))
    logits[:, 1:2] = -INF  # a token of the question
    every = {
        (i, j): float(logits[0, i, 0] + logits[0, j, 1])
        for i in range(1, length)
        for j in range(i, length)
        if j - i < longest
    }
    spans = built(longest=longest).spans(logits)[0]
    assert spans.shape == (length - 1, longest)
    assert spans[spans > -INF].logsumexp(0) == pytest.approx(
        float(torch.tensor(list(every.values())).logsumexp(0)), abs=1e-4
    )
    at = int(spans.flatten().argmax())
    first = at // longest + 1
    assert (first, first + at % longest) == max(every, key=every.__getitem__)


def test_the_loss_is_cross_entropy_over_the_context_and_cls_alone(tokenizer: Tokenizer) -> None:
    batch = encoded(tokenizer, Example("the", "rome was", spans=((5, 8),)), Example("of", "in rome was of", spans=()))
    places = torch.zeros(2, batch["input_ids"].shape[1], 2).masked_fill(batch["character_spans"][..., :1] < 0, -INF)
    places[:, 0] = 0
    want = (torch.tensor(3.0).log() + torch.tensor(5.0).log()) / 2  # even chances: [CLS] and two tokens, [CLS] and four
    assert built().loss(places, batch) == pytest.approx(float(want), abs=1e-6)
    assert batch["answer_tokens"].tolist() == [[4, 4], [0, 0]]


def test_without_gold_the_loss_is_0_and_nothing_is_scored(tokenizer: Tokenizer) -> None:
    head, batch = built(), encoded(tokenizer, Example("the", "rome was"))
    assert batch["answer_tokens"].tolist() == [[IGNORE, IGNORE]]
    logits = head(tiny_encoder(), batch)
    loss = head.loss(logits, batch)
    loss.backward()
    assert loss.item() == 0
    metrics = head.metrics()
    head.score(metrics, logits.detach(), batch)
    assert metrics["squad"].questions.sum() == 0


def test_the_loss_of_a_row_does_not_depend_on_what_else_is_in_the_batch(tokenizer: Tokenizer) -> None:
    head, encoder = built(), tiny_encoder().eval()
    examples = [
        Example("the", "rome", spans=((0, 4),)),
        Example("the river was", "in rome was of paris", spans=((3, 7),)),
    ]
    batches = [encoded(tokenizer, *some) for some in (examples, examples[:1], examples[1:])]
    both, *alone = (float(head.loss(head(encoder, batch), batch)) for batch in batches)
    assert both == pytest.approx(sum(alone) / 2, abs=1e-5)


@pytest.mark.parametrize(
    ("threshold", "none", "answer"),
    [(None, 99.0, "rome"), (0.0, 11.0, ""), (0.0, 10.0, "rome"), (2.0, 11.0, "rome"), (-1.0, 9.5, "")],
)
def test_there_is_no_answer_where_cls_is_better_by_more_than_the_threshold(
    threshold: float | None, none: float, answer: str, tokenizer: Tokenizer
) -> None:
    batch = encoded(tokenizer, Example("the", "rome was"))
    logits = logits_for(batch, {"rome": (5, 5)}, none=none)
    [found] = built(no_answer=threshold is not None, threshold=threshold or 0.0).decode(logits, batch)
    assert found["answer"] == answer
    if threshold is not None:
        assert found["no_answer"] == pytest.approx(none - 10)
        assert sum(found["scores"].values()) == pytest.approx(1, abs=1e-4)
        assert (found["start"], found["end"]) == ((0, 4) if answer else (None, None))
        assert found["score"] == found["scores"][answer]


def test_the_best_of_all_windows_is_the_answer_and_each_question_counts_once(tokenizer: Tokenizer) -> None:
    context = "rome was in the good river of paris fine"
    asked = Example("the", context, spans=((30, 35),), id="a")
    batch = encoded(tokenizer, asked, Example("of", "bad rome", spans=()), length=9, stride=2)
    assert batch["row"].tolist() == [0, 0, 0, 1]
    assert batch["answer_tokens"].tolist() == [[0, 0], [0, 0], [6, 6], [0, 0]]
    told = ({"rome": (3, 3)}, {"river": (2, 2)}, {"paris": (5, 5)}, {"rome": (1, 1)})
    head, logits = built(no_answer=True), logits_for(batch, *told, none=7.0)
    answers = head.decode(logits, batch)
    assert [one["answer"] for one in answers] == ["paris", "paris", "paris", ""]
    assert context[answers[0]["start"] : answers[0]["end"]] == "paris"
    assert answers[0]["no_answer"] == pytest.approx(7 - 10)
    assert list(answers[0]["scores"])[:3] == ["paris", "rome", "river"]
    metrics = head.metrics()
    head.score(metrics, logits, batch)
    assert {name: float(value) for name, value in metrics.compute().items()} == {
        **dict.fromkeys(("f1", "exact", "f1_no_answer", "exact_no_answer", "f1_has_answer", "exact_has_answer"), 1.0)
    }
    assert metrics["squad"].questions.tolist() == [1, 1]


def test_one_window_that_finds_the_answer_beats_the_cls_of_others(tokenizer: Tokenizer) -> None:
    batch = encoded(tokenizer, Example("the", "rome was in the good river of paris"), length=9, stride=4)
    logits = logits_for(batch, {}, {"paris": (5, 5)})
    logits[0, 0] = 40.0  # the first window is sure that it holds nothing
    assert built(no_answer=True).decode(logits, batch)[0]["answer"] == "paris"


def test_an_empty_context_has_no_answer(tokenizer: Tokenizer) -> None:
    batch = encoded(tokenizer, Example("the", "", spans=()), Example("of", "\u200b"))
    logits = built()(tiny_encoder(), batch)
    empty = {"answer": "", "score": 0.0, "start": None, "end": None, "scores": {}}
    assert built().decode(logits, batch) == [empty, empty]
    for one in built(no_answer=True).decode(logits, batch):
        assert one == {**empty, "score": 1.0, "scores": {"": 1.0}, "no_answer": None}


def test_scores_computed_by_hand() -> None:
    metric = AnswerF1()
    answers = ["the Eiffel Tower!", "in Paris in 1889", "", "", "Lyon"]
    right = [["Eiffel tower", "tower"], ["Paris", "in Paris 1889"], ["1889"], [], []]
    metric.update(answers, right)
    f1 = 2 * (3 / 4) * 1 / (3 / 4 + 1)  # "in paris in 1889" has four words, three of them shared with "in paris 1889"
    found = {name: float(value) for name, value in metric.compute().items()}
    assert found["exact"] == pytest.approx((1 + 0 + 0 + 1 + 0) / 5)
    assert found["f1"] == pytest.approx((1 + f1 + 0 + 1 + 0) / 5, abs=1e-6)
    assert found["exact_has_answer"] == pytest.approx(1 / 3)
    assert found["f1_has_answer"] == pytest.approx((1 + f1) / 3, abs=1e-6)
    assert found["f1_no_answer"] == found["exact_no_answer"] == 0.5
    alone = AnswerF1()
    alone.update(["paris"], [["Paris"]])
    assert {name: float(value) for name, value in alone.compute().items()} == {"f1": 1.0, "exact": 1.0}


def test_scores_add_up_over_parts_as_they_do_over_ranks() -> None:
    answers, right = ["a b", "c", "", "d"], [["b"], ["c d"], [], ["d e f"]]
    whole, parts = AnswerF1(), [AnswerF1(), AnswerF1()]
    whole.update(answers, right)
    for part, some in zip(parts, (slice(1), slice(1, None))):
        part.update(answers[some], right[some])
    for name in ("exact", "f1", "questions"):  # states that are summed over ranks
        assert torch.equal(getattr(whole, name), sum(getattr(part, name) for part in parts))
        assert whole._reductions[name] is torch.sum or "sum" in str(whole._reductions[name])


def test_options_that_make_no_sense_are_refused_and_others_survive_a_checkpoint() -> None:
    with pytest.raises(KplmError, match="longest=0, but an answer has a token at least"):
        Extract(longest=0)
    spec = to_spec(Extract(no_answer=True, threshold=-1.5, longest=7, dropout=0.2))
    assert to_spec(from_spec(json.loads(json.dumps(spec)), Extract)) == spec


def graph(folder: Path) -> str:
    """One triple about Rome."""
    (folder / "triples.tsv").write_text("Q1\tof\tQ2\n")
    (folder / "entities.tsv").write_text("id\tlabel\taliases\nQ1\tRome\trome\nQ2\tParis\tparis\n")
    return str(folder)


def systems(folder: Path, table: Path) -> dict[str, tuple[Any, list[Annotator]]]:
    """Encoders with the knowledge they read."""
    words = SemBert(SemBertConfig(**SIZES, tags=tags_of("full")))
    return {
        "bert": (tiny_encoder(), []),
        "kbert": (tiny_encoder(), [Tree(graph(folder))]),
        "ernie_thu": (tiny_ernie(), [Entities(str(table), graph(folder))]),
        "sembert": (words, [Roles(SecondWord())]),
    }


@pytest.mark.parametrize("system", ["bert", "kbert", "ernie_thu", "sembert"])
def test_raw_questions_are_answered_whatever_the_encoder(
    system: str, tokenizer: Tokenizer, tiny_table: Path, tmp_path: Path
) -> None:
    encoder, annotators = systems(tmp_path, tiny_table)[system]
    model = Finetune(encoder, Extract())
    predictor = Predictor(model, TextEncoder(tokenizer, annotators, max_length=32, stride=6), "spans")
    context = "Rome — was\tin 北京 “the” good river. " * 6
    asked = [{"text": "where was rome?", "pair": context}, {"text": "who?", "pair": "paris", "id": "q"}]
    long, short = predictor.predict(asked)
    for answer, pair in ((long, context), (short, "paris")):
        span = slice(answer["start"], answer["end"])
        assert answer["answer"] == pair[span] != ""
    assert (short["id"], short["text"]) == ("q", "who?")
    alone = [predictor.predict([one])[0] for one in asked]
    assert [one["answer"] for one in alone] == [long["answer"], short["answer"]]


def test_a_question_without_a_context_or_without_room_for_one_is_named(tokenizer: Tokenizer) -> None:
    predictor = Predictor(Finetune(tiny_encoder(), Extract()), TextEncoder(tokenizer, max_length=12, stride=4), "spans")
    with pytest.raises(DataError, match="there is no context to find the answer in"):
        predictor.predict(["where?"])
    with pytest.raises(
        DataError, match=r"input 0: the question has 9 tokens, which leaves room for 0 tokens of its context"
    ):
        predictor.predict([{"text": "the " * 9, "pair": "rome"}])
    with pytest.raises(
        DataError, match="room for 3 tokens .* fewer than a stride of 4. Shorten the question, raise data.max_length"
    ):
        predictor.predict([{"text": "the " * 6, "pair": "rome was in paris"}])
    assert predictor.predict([{"text": "the " * 6, "pair": "rome was in"}])[0]["answer"]
    with pytest.raises(KplmError, match="stride=0"):
        TextEncoder(tokenizer, stride=0)([Example("a", "b")])


def test_where_tokens_carry_words_the_answer_is_made_of_whole_words(tokenizer: Tokenizer) -> None:
    model = SemBert(SemBertConfig(**SIZES, tags=tags_of("full"))).eval()
    text = TextEncoder(tokenizer, [Roles(SecondWord())], max_length=40, targets=SpanTargets([]), stride=4)
    batch = Collator()(text([Example("the", "rome was xyz-ab in", spans=((10, 14),)), Example("of", "in", spans=())]))
    head = Extract()
    head.build(model, ())
    logits = head(model, batch)
    starts, ends = (logits[0, :, side].isfinite().nonzero()[:, 0].tolist() for side in (0, 1))
    assert starts == [0, 3, 4, 5, 11]  # [CLS], then the first piece of each word
    assert ends == [0, 3, 4, 10, 11]
    assert batch["answer_tokens"].tolist() == [[6, 9], [0, 0]]  # inside the word
    told = torch.full_like(logits, -INF).where(~logits.isfinite(), torch.zeros(()))
    told[0, 5, 0] = told[0, 10, 1] = 50.0
    told[1, 0] = 50.0
    assert head.loss(told, batch) == pytest.approx(0, abs=1e-6)
    assert head.decode(told, batch)[0]["answer"] == "xyz-ab"


@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.integers(0, 3))
def test_edges_of_words_are_those_of_counting(sizes: list[int], padding: int) -> None:
    word_of = [number for number, size in enumerate(sizes, 1) for _ in range(size)] + [0] * padding
    want = [[word_of.index(word), len(word_of) - 1 - word_of[::-1].index(word)] for word in word_of]
    assert word_edges(torch.tensor([word_of]))[0].tolist() == want


def rows(count: int) -> list[dict[str, Any]]:
    """The answer is the name of a city, before it or behind it fillers, in some rows so many that there are windows."""
    made, random = [], np.random.default_rng(0)
    for i in range(count):
        city = ("rome", "paris")[i % 2]
        before, behind = (
            " ".join(random.choice(["was", "in", "of", "good"], size)) for size in random.integers(0, 14, 2)
        )
        context = f"{before} {city} {behind}".strip()
        start = context.index(city)
        made.append({"id": f"q{i}", "text": "the river", "pair": context, "spans": [[start, start + len(city)]]})
    return made


def test_it_learns_and_checkpoint_folder_and_prediction_file_answer_alike(tiny_bert: Path, tmp_path: Path) -> None:
    path = str(write_rows(tmp_path / "rows.jsonl", rows(24)))
    options = {"train": path, "val": path, "predict": path, "max_length": 16, "stride": 4, "batch_rows": 6}
    task = TextData(JsonLines(), str(tiny_bert), "spans", **options)  # type: ignore[arg-type]
    model = Finetune(tiny_encoder(dropout=0.0), Extract(), [], Optimization(lr=3e-3, fresh_lr=3e-2))
    file = PredictionFile(str(tmp_path / "answers.jsonl"))
    trainer = run.trainer(tmp_path, [file], max_epochs=6, enable_checkpointing=False)
    trainer.fit(model, datamodule=task)
    scores = {name: float(value) for name, value in trainer.callback_metrics.items()}
    assert len(task._rows["train"]) > 24  # windows are learnt from one by one
    assert len(task._rows["val"]) == 24  # and scored together
    assert scores["val/f1"] > 0.9
    assert scores["val/f1"] == scores["val/exact"]
    trainer.predict(model, datamodule=task, return_predictions=False)
    found = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [one["id"] for one in found] == [f"q{i}" for i in range(24)]
    assert sum(one["answer"] == ("rome", "paris")[i % 2] for i, one in enumerate(found)) / 24 == pytest.approx(
        scores["val/exact"]
    )
    again = load(save_pretrained(model, tmp_path / "model"))
    assert again.text.stride == 4
    asked = [{name: row[name] for name in ("id", "text", "pair")} for row in rows(24)]
    assert [one["answer"] for one in again.predict(asked)] == [one["answer"] for one in found]


def test_two_ranks_score_as_one_does_although_contexts_have_windows(tokenizer: Tokenizer) -> None:
    text = TextEncoder(tokenizer, max_length=16, targets=SpanTargets([]), stride=4)
    encoded_rows = EncodedRows(text([example_from_json(row, "") for row in rows(11)]), text)
    items = Windowed(encoded_rows, [row["row"] for row in encoded_rows.rows])
    encoder, collate = tiny_encoder().eval(), QuestionCollator(Collator())
    head = Extract(no_answer=True)
    head.build(encoder, ())

    def states(rank: int, ranks: int) -> tuple[Tensor, ...]:
        metrics = head.metrics()
        for some in OwnShare(items.lengths, 64, 4, rank, ranks):
            batch = collate([items[i] for i in some])
            head.score(metrics, head(encoder, batch), batch)
        return metrics["squad"].questions, metrics["squad"].f1, metrics["squad"].exact

    with torch.no_grad():
        for whole, *parts in zip(states(0, 1), states(0, 2), states(1, 2)):
            assert torch.equal(whole, sum(parts))
        assert states(0, 1)[0].sum() == 11


@settings(max_examples=25)
@given(text=st.text(st.sampled_from("ro m.éß北😀\u200b "), min_size=1, max_size=24), data=st.data())
def test_gold_answers_survive_the_way_to_the_tokens_and_back(
    text: str, data: st.DataObject, tokenizer: Tokenizer
) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    batch = encoded(tokenizer, Example("the", text, spans=((start, end),)), length=40)
    first, last = batch["answer_tokens"][0].tolist()
    spans = batch["character_spans"][0]
    if first > 0:
        asked = text[start:end].strip()
        got = text[spans[first, 0] : spans[last, 1]]
        assert asked.strip("\u200b ") in got or got in asked  # whole tokens
