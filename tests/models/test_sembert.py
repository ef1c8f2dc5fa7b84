"""What SemBERT promises: words from their own pieces, roles beside them, and nothing that depends on the rest of the batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from kplm.config import EncoderConfig, SemBertConfig
from kplm.errors import CheckpointError, KplmError, MissingFieldError
from kplm.heads import Answer, Classify, Tag
from kplm.hub import from_pretrained, save_pretrained, sembert
from kplm.models import Encoder, SemBert
from kplm.nn.pooling import Marked, Mean
from kplm.nn.words import AuthorsWordStates, WordStates
from kplm.objectives import MaskedWords, NextSentence, Weighted
from kplm.role_tags import INVENTORIES
from kplm.training import Finetune
from tests.conftest import SIZES, tiny_encoder, tiny_ernie
from tests.models.sembert_batch import TAGS, batch_of, tiny_sembert

ROWS = [[1, 3, 1, 2, 1], [1, 1, 1], [1, 5]]
WIDTH = SIZES["hidden"] + 6
rows = st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=7), min_size=1, max_size=4)


def pieces(states: Tensor, rows: list[list[int]]) -> list[list[Tensor]]:
    """The states of the pieces of each word, row by row."""
    return [list(row[: sum(sizes)].split(sizes)) for row, sizes in zip(states, rows)]


def by_hand(part: WordStates, word: Tensor, windows: int) -> Tensor:
    """The largest of so many windows of a word ``[K, D]``, ReLU, as PyTorch's convolution computes them."""
    padded = F.pad(word, (0, 0, 0, max(0, windows + 2 - len(word))))[: windows + 2]
    return part.windows(padded.T[None]).relu().amax(-1)[0]


@pytest.fixture
def states() -> Tensor:
    torch.manual_seed(7)
    return torch.randn(3, 8, SIZES["hidden"], dtype=torch.float64, requires_grad=True)


def test_a_word_is_the_largest_of_the_windows_that_begin_in_it(states: Tensor) -> None:
    part, batch = WordStates(EncoderConfig(**SIZES)).double().eval(), batch_of(ROWS)
    got = part(states, batch["word_of"], 5)
    for row, words in enumerate(pieces(states, ROWS)):
        want = torch.stack([by_hand(part, word, len(word)) for word in words])
        torch.testing.assert_close(got[row, : len(words)], want, atol=1e-12, rtol=0)


@pytest.mark.parametrize("longest", [1, 2, 3, 5, 7])
def test_the_authors_give_every_word_as_many_windows_as_the_longest_has(longest: int) -> None:
    torch.manual_seed(longest)
    rows = [[1, longest, 1, min(2, longest)], [1, 1]]
    part, batch = AuthorsWordStates(EncoderConfig(**SIZES)).double().eval(), batch_of(rows)
    states = torch.randn(*batch["word_of"].shape, SIZES["hidden"], dtype=torch.float64)
    got = part(states, batch["word_of"], 4)
    for row, words in enumerate(pieces(states, rows)):
        words += [states[0, :0]] * (4 - len(words))
        want = torch.stack([by_hand(part, word, max(3, longest) - 2) for word in words])
        torch.testing.assert_close(got[row], want, atol=1e-12, rtol=0)


@given(rows)
@settings(max_examples=25)
@pytest.mark.parametrize("pooling", ["max", "first"])
@pytest.mark.parametrize("tag_encoder", ["linear", "gru"])
def test_a_row_gives_the_same_whatever_else_is_in_the_batch(
    tag_encoder: str, pooling: str, rows: list[list[int]]
) -> None:
    model, head = tiny_sembert(tag_encoder=tag_encoder, pooling=pooling).double(), Classify().double().eval()
    head.build(model, ["a", "b", "c"])
    head.double()
    together = head(model, batch_of(rows))
    alone = torch.cat([head(model, batch_of([row])) for row in rows])
    torch.testing.assert_close(together, alone, atol=1e-10, rtol=0)


@pytest.mark.parametrize("tag_encoder", ["linear", "gru"])
def test_the_authors_code_depends_on_the_batch(tag_encoder: str) -> None:
    model = tiny_sembert(tag_encoder=tag_encoder, compat=True).double()
    together, alone = batch_of(ROWS), batch_of(ROWS[1:2])
    assert not torch.allclose(model.pooler(model(together), together)[1], model.pooler(model(alone), alone)[0])


def test_every_token_carries_its_word_and_padding_never_wins() -> None:
    model, batch = tiny_sembert(), batch_of(ROWS)
    states = model(batch)
    words = model.described(Encoder.forward(model, batch), batch)
    assert states.shape == (3, 8, WIDTH)
    for row, sizes in enumerate(ROWS):
        want = words[row, : len(sizes)].repeat_interleave(torch.tensor(sizes), 0)
        assert torch.equal(states[row, : sum(sizes)], want)
        assert torch.equal(model.pooler.picked(states, batch)[row], words[row, : len(sizes)].amax(0))


def test_roles_change_the_words_they_stand_at() -> None:
    model, batch = tiny_sembert(), batch_of(ROWS)
    changed = {**batch, "role_tags": batch["role_tags"].clone()}
    changed["role_tags"][0, 1, 1] = 1 + changed["role_tags"][0, 1, 1] % 20
    different = (model(batch) != model(changed)).any(-1)
    assert different.nonzero().tolist() == [[0, 1], [0, 2], [0, 3]]
    assert torch.equal(model(batch)[..., : SIZES["hidden"]], model(changed)[..., : SIZES["hidden"]])


def test_a_gru_reads_along_the_words() -> None:
    model, batch = tiny_sembert(tag_encoder="gru"), batch_of(ROWS)
    changed = {**batch, "role_tags": batch["role_tags"].clone()}
    changed["role_tags"][0, 0, 2] = 1 + changed["role_tags"][0, 0, 2] % 20
    different = (model(batch) != model(changed)).any(-1)
    assert different.tolist() == [[True] * 8, [False] * 8, [False] * 8]


@pytest.mark.parametrize(
    "head", [Classify(), Classify(Mean()), Classify(Marked(1)), Tag()], ids=["pooler", "mean", "marked", "tags"]
)
@pytest.mark.parametrize("compat", [False, True])
def test_heads_build_on_the_width_of_words_with_roles_and_all_weights_learn(head: Classify | Tag, compat: bool) -> None:
    model, batch = tiny_sembert(compat=compat, tag_encoder="gru"), batch_of(ROWS)
    batch["label"] = torch.tensor([0, 1, 0])
    batch["mark_positions"] = torch.tensor([[1], [2], [3]])
    batch["word_positions"] = torch.tensor([[1, 4], [0, 2], [1, 1]])
    batch["tags"] = torch.tensor([[0, 1], [1, 0], [1, 1]])
    head.build(model, ["a", "b"])
    assert head.output.in_features == WIDTH
    head.loss(head(model, batch), batch).backward()
    assert not [name for name, weight in model.named_parameters() if weight.grad is None]
    assert model.roles.table.weight.grad[0].eq(0).all(), "the row of padding"


def test_an_answer_and_the_next_sentence_are_told_from_words_with_roles() -> None:
    batch = batch_of([[1, 2, 1], [1, 1]]) | {"labels": torch.rand(2, 3), "next_sentence": torch.tensor([0, 1])}
    encoder, head, objective = tiny_sembert(), Answer(Mean()), Weighted([NextSentence()])
    objective.build(encoder)
    objective(encoder, batch)["loss"].backward()
    assert encoder.pooler.dense.weight.grad.abs().sum() > 0
    head.build(encoder, ("a", "b", "c"))
    assert head(encoder, batch).shape == (2, 3)


def test_single_tokens_cannot_be_told_from_words() -> None:
    with pytest.raises(KplmError, match=r"SemBert are 38 wide, its word table 32, .* Pretrain the plain encoder"):
        Weighted([MaskedWords()]).build(tiny_sembert())


def test_weights_begin_as_published() -> None:
    model = tiny_sembert(hidden=64, init_std=0.02, tag_width=40, aspects=8)
    for weight in (model.roles.join.weight, model.pooler.dense.weight, model.roles.encode.weight):
        assert weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert model.roles.join.bias.eq(0).all()
    assert model.roles.table.weight[0].ne(0).all()
    assert model.words.windows.weight.std() > 0.03, "a convolution begins as PyTorch's do"


@pytest.mark.parametrize("tag_encoder", ["linear", "gru"])
def test_autocast_and_half_precision_give_finite_states(tag_encoder: str) -> None:
    model, batch = tiny_sembert(tag_encoder=tag_encoder), batch_of(ROWS)
    with torch.autocast("cpu", torch.bfloat16):
        states = model(batch)
        model.pooler(states, batch).sum().backward()
    torch.testing.assert_close(states.float(), model(batch), atol=0.2, rtol=0.1)
    assert model.bfloat16()(batch).dtype == torch.bfloat16


def test_the_cost_grows_with_the_text_and_not_with_its_longest_word() -> None:
    def cost(rows: list[list[int]]) -> int:
        part, batch = tiny_sembert().words, batch_of(rows)
        with FlopCounterMode(display=False) as counted:
            part(torch.randn(*batch["word_of"].shape, SIZES["hidden"]), batch["word_of"], len(rows[0]))
        return counted.get_total_flops()

    assert cost([[1] * 12]) == cost([[12]]) == 12 * 2 * 3 * SIZES["hidden"] ** 2


def test_a_start_from_bert_keeps_its_weights_and_names_the_fresh_ones(tmp_path: Path) -> None:
    plain = tiny_encoder(seed=3)
    model = sembert(str(save_pretrained(plain, tmp_path / "bert")), tags="sembert22", tag_width=6, tag_encoder="gru")
    own = model.state_dict()
    kept = {name: weight for name, weight in plain.state_dict().items() if not name.startswith("pooler.")}
    assert all(torch.equal(own[name], weight) for name, weight in kept.items())
    assert set(model.fresh) == set(own) - set(kept)
    assert {name.split(".")[0] for name in model.fresh} == {"words", "roles", "pooler"}
    assert model.config.aspects == 3


def test_all_of_it_comes_back_from_a_folder(tmp_path: Path) -> None:
    model = tiny_sembert(seed=5, tag_encoder="gru", pooling="first", compat=True)
    folder = str(save_pretrained(model, tmp_path / "model"))
    found = sembert(folder, tags="full", pooling="max", aspects=9)
    assert found.config == model.config, "what a saved model is, is not chosen again"
    assert torch.equal(found.eval()(batch_of(ROWS)), model(batch_of(ROWS)))
    assert isinstance(from_pretrained(folder), SemBert)


def test_inventories_by_name_or_as_a_list_and_no_others(tmp_path: Path) -> None:
    folder = str(save_pretrained(tiny_encoder(), tmp_path / "bert"))
    assert sembert(folder).config.tags == INVENTORIES["full"]
    assert sembert(folder, tags=[*TAGS[:5], "O"]).config.tag_rows == 6
    with pytest.raises(KplmError, match=r"called 'sembert23'; possible are full, sembert22.*Did you mean 'sembert22'"):
        sembert(folder, tags="sembert23")
    with pytest.raises(KplmError, match=r"begins with B-V, O; it must begin with \[PAD\], \[CLS\], \[SEP\]"):
        sembert(folder, tags=["B-V", "O"])
    with pytest.raises(KplmError, match="names B-V twice"):
        sembert(folder, tags=[*TAGS, "B-V"])


def test_another_system_is_no_start(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds a ErnieThu; SemBERT starts from BERT or from itself"):
        sembert(str(save_pretrained(tiny_ernie(), tmp_path / "ernie")))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tag_encoder": "lstm"}, "tag_encoder='lstm'; possible are linear, gru"),
        ({"pooling": "mean"}, "pooling='mean'; possible are max, first"),
        ({"aspects": 0}, "aspects=0 and tag_width=10; both must be 1 or more"),
    ],
)
def test_a_config_that_makes_no_sense(change: dict[str, object], said: str) -> None:
    with pytest.raises(KplmError, match=said):
        SemBertConfig(**{"tags": TAGS, **change})


def test_a_batch_without_roles_or_with_too_few_is_refused() -> None:
    model, batch = tiny_sembert(), batch_of(ROWS)
    assert {"word_of", "role_tags", "input_ids", "document"} <= model.reads
    with pytest.raises(MissingFieldError, match="SemBert reads batch field 'word_of'"):
        model({name: value for name, value in batch.items() if name != "word_of"})
    with pytest.raises(KplmError, match=r"1 predicate-argument structures a row, but this model reads aspects=2"):
        model({**batch, "role_tags": batch["role_tags"][:, :1]})


@pytest.mark.parametrize("sizes", [{"aspects": 1}, {"aspects": 3}, {"tag_rows": 30}, {"tag_rows": 4}])
def test_data_of_other_sizes_are_refused_before_training(sizes: dict[str, int]) -> None:
    model = Finetune(tiny_sembert(), Classify(), ["a", "b"])
    model._check_sizes({"aspects": 2, "tag_rows": len(TAGS)})
    with pytest.raises(
        KplmError, match=f"the data needs {next(iter(sizes))}=.*, but this SemBert has .*Give the annotator"
    ):
        model._check_sizes(sizes)
