"""One number a text: squared error, correlations that do not depend on batches or ranks, and data that are numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from kplm.data.module import TextData
from kplm.data.sources import JsonLines, Source, Tsv
from kplm.errors import LabelError, MissingFieldError
from kplm.heads import Regress
from kplm.nn.pooling import Mean
from kplm.predict import load
from kplm.spec import from_spec, to_spec
from kplm.training import Finetune, Optimization
from tests.conftest import tiny_encoder, write_rows
from tests.training import run

NAN = math.nan


def built() -> Regress:
    head = Regress(Mean())
    head.build(tiny_encoder(), ())
    return head


def numbers(*values: float) -> dict[str, Tensor]:
    return {"number": torch.tensor(values)}


def test_the_loss_is_the_mean_squared_error_of_the_rows_with_gold() -> None:
    guess = torch.tensor([1.0, 2.0, 5.0], requires_grad=True)
    loss = built().loss(guess, numbers(0.0, NAN, 2.0))
    loss.backward()
    assert loss.item() == pytest.approx((1 + 9) / 2)
    assert guess.grad.tolist() == pytest.approx([1.0, 0.0, 3.0])


def test_without_gold_the_loss_is_0_and_nothing_is_scored() -> None:
    head, guess = built(), torch.randn(2, requires_grad=True)
    loss = head.loss(guess, numbers(NAN, NAN))
    loss.backward()
    assert loss.item() == 0
    assert guess.grad.tolist() == [0, 0]
    head.score(head.metrics(), guess.detach(), numbers(NAN, NAN))


@given(st.lists(st.tuples(st.floats(-9, 9, width=16), st.floats(0, 5, width=16)), min_size=4, max_size=20), st.data())
def test_both_correlations_are_those_of_all_rows_however_they_are_batched(pairs: list, data: st.DataObject) -> None:
    guess, gold = (np.array(values) for values in zip(*pairs))
    if guess.std() < 1e-3 or gold.std() < 1e-3:
        return
    cut = data.draw(st.integers(1, len(pairs) - 1))
    head = built()
    metrics = head.metrics()
    for part in (slice(cut), slice(cut, None)):
        head.score(metrics, torch.tensor(guess[part]), numbers(*gold[part]))
    found = metrics.compute()
    ranks = [np.array([(np.sum(v < x) + np.sum(v <= x) + 1) / 2 for x in v]) for v in (guess, gold)]
    assert float(found["pearson"]) == pytest.approx(np.corrcoef(guess, gold)[0, 1], abs=1e-6)
    assert float(found["spearman"]) == pytest.approx(np.corrcoef(*ranks)[0, 1], abs=2e-5)  # torchmetrics adds 1e-6
    assert head.headline in found


def test_it_has_no_classes_whatever_is_named_and_answers_with_a_number() -> None:
    head = Regress(Mean(), dropout=0.2)
    head.build(tiny_encoder(), ["a"])
    assert head.names == ()
    assert head.output.out_features == 1
    assert head.decode(torch.tensor([1.23456789, -2.0]), {}) == [{"score": 1.234568}, {"score": -2.0}]
    again = from_spec(json.loads(json.dumps(to_spec(head))), Regress)
    assert to_spec(again) == to_spec(head)


def test_mixed_precision_does_not_tie_numbers_that_differ() -> None:
    head, encoder = built().eval(), tiny_encoder().eval()
    batch = {name: torch.ones(64, 4, dtype=torch.int64) for name in ("document", "segment_ids")}
    batch |= {"input_ids": torch.arange(5, 69)[:, None].expand(64, 4), "position_ids": torch.arange(4).expand(64, 4)}
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        found = head(encoder, batch)
    assert found.dtype == torch.float32
    assert len(found.unique()) == 64


def table(folder: Path, scores: list[str]) -> str:
    lines = [f"{i}\trome was {'good' if i % 2 else 'bad'}\trome was fine\t{score}" for i, score in enumerate(scores)]
    (folder / "sts.tsv").write_text("\n".join(["index\tsentence1\tsentence2\tscore", *lines]) + "\n")
    return str(folder / "sts.tsv")


def module(source: Source, path: str, tokenizer: Path, **options: object) -> TextData:
    return TextData(source, str(tokenizer), "number", train=path, val=path, batch_rows=4, **options)  # type: ignore[arg-type]


STS = Tsv("sentence1", "sentence2", "score")


def test_numbers_are_read_from_a_table_and_from_json_lines(tiny_bert: Path, tmp_path: Path) -> None:
    task = module(STS, table(tmp_path, ["3.8", "0", " 5.000"]), tiny_bert)
    assert [row["number"] for row in task.read("train").rows] == [3.8, 0.0, 5.0]
    rows = [{"text": "a", "label": 2.5}, {"text": "b", "label": 3}, {"text": "c", "label": "1e-1"}, {"text": "d"}]
    found = module(JsonLines(), str(write_rows(tmp_path / "a.jsonl", rows)), tiny_bert).read("train").rows
    assert [row["number"] for row in found][:3] == [2.5, 3.0, 0.1]
    assert math.isnan(found[3]["number"])


@pytest.mark.parametrize("wrong", ["entailment", "", "nan", "inf", "3,8"])
def test_a_label_that_is_no_number_is_named_with_its_file_and_line(wrong: str, tiny_bert: Path, tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=rf"sts.tsv:3: label '{wrong}' is no number, such as 3.8"):
        module(STS, table(tmp_path, ["1.0", wrong]), tiny_bert).read("train")


def test_the_head_asks_for_the_task_where_the_data_have_classes(tiny_bert: Path, tmp_path: Path) -> None:
    path = table(tmp_path, ["1.0", "2.0"])
    data = TextData(STS, str(tiny_bert), train=path, val=path)
    with pytest.raises(MissingFieldError, match="Regress reads batch field 'number'"):
        run.trainer(tmp_path, [], enable_checkpointing=False).fit(Finetune(tiny_encoder(), Regress(Mean())), data)


def test_it_learns_and_a_saved_model_answers_alike(tiny_bert: Path, tmp_path: Path) -> None:
    task = module(STS, table(tmp_path, ["0.5", "4.5"] * 8), tiny_bert)
    model = Finetune(tiny_encoder(dropout=0.0), Regress(Mean(), 0.0), [], Optimization(lr=3e-3, fresh_lr=3e-2))
    checkpoint, folder = run.saved(tmp_path, model, task, 12)
    asked = [{"text": f"rome was {word}", "pair": "rome was fine"} for word in ("bad", "good")]
    low, high = (answer["score"] for answer in load(folder).predict(asked))
    assert low < 1.5
    assert high > 3.5
    assert [one["score"] for one in load(checkpoint).predict(asked)] == [low, high]
