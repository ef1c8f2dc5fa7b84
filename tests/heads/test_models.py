"""What ERNIE-THU promises: entities reach the words, slots are exact, and nothing that trains is unused."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from kplm.heads import Classify, Tag
from kplm.heads.base import Head
from kplm.models import ErnieThu
from kplm.nn.pooling import Marked, Mean
from tests.conftest import SIZES, WIDTH, tiny_encoder, tiny_ernie


def batch(lengths: tuple[int, ...] = (7, 4)) -> dict[str, Tensor]:
    """Ragged texts with [CLS] slots, and two and one entities."""
    torch.manual_seed(1)
    shape = (len(lengths), max(lengths))
    order = torch.arange(shape[1]).expand(shape)
    ids = torch.tensor([[0, 3, 1], [0, 2, -1]])
    return {
        "input_ids": torch.randint(5, SIZES["vocab_size"], shape),
        "position_ids": order,
        "segment_ids": torch.zeros(shape, dtype=torch.int64),
        "document": (order < torch.tensor(lengths)[:, None]).long(),
        "entity_positions": torch.tensor([[0, 2, 5], [0, 1, 0]]),
        "entity_ids": ids,
        "entity_vectors": torch.randn(*ids.shape, WIDTH) * (ids > 0)[..., None],
        "mark_positions": torch.tensor([[1], [2]]),
        "label": torch.tensor([0, 1]),
        "tags": torch.tensor([[0, 1], [1, 0]]),
        "word_positions": torch.tensor([[1, 2], [1, 2]]),
    }


def only_sentence(found: dict[str, Tensor]) -> dict[str, Tensor]:
    zeros = torch.zeros(2, 1, dtype=torch.int64)
    return {**found, "entity_positions": zeros, "entity_ids": zeros, "entity_vectors": torch.zeros(2, 1, WIDTH)}


def test_entities_change_the_states_of_all_words_that_see_them() -> None:
    model, found = tiny_ernie().eval(), batch()
    changed = {**found, "entity_vectors": found["entity_vectors"].clone()}
    changed["entity_vectors"][0, 1] += 1
    before, after = model(found), model(changed)
    assert not torch.isclose(before[0, :7], after[0, :7]).all(-1).any()
    assert torch.equal(before[1], after[1]), "another text's entity changes nothing here"


def test_an_empty_slot_changes_nothing_whatever_it_holds() -> None:
    model, found = tiny_ernie().eval(), batch()
    changed = {**found, "entity_vectors": found["entity_vectors"].clone()}
    changed["entity_vectors"][1, 2] = 9
    changed["entity_positions"] = found["entity_positions"].clone()
    changed["entity_positions"][1, 2] = 3
    torch.testing.assert_close(model(found), model(changed))


def test_without_entities_but_the_sentence_slot_states_and_gradients_are_finite() -> None:
    model = tiny_ernie()
    states = model(only_sentence(batch()))
    states.sum().backward()
    assert states.isfinite().all()
    assert all(weight.grad.isfinite().all() for weight in model.parameters() if weight.grad is not None)


def test_slots_only_where_entities_are_equal_a_slot_at_every_token() -> None:
    model, found = tiny_ernie().double().eval(), batch()
    found["entity_vectors"] = found["entity_vectors"].double()
    dense_ids, dense_vectors = torch.full((2, 7), -1), torch.zeros(2, 7, WIDTH).double()
    for row in range(2):
        for slot, position in enumerate(found["entity_positions"][row].tolist()):
            if found["entity_ids"][row, slot] >= 0:
                dense_ids[row, position] = found["entity_ids"][row, slot]
                dense_vectors[row, position] = found["entity_vectors"][row, slot]
    positions = torch.arange(7).expand(2, 7)
    dense = {**found, "entity_positions": positions, "entity_ids": dense_ids, "entity_vectors": dense_vectors}
    real = found["document"] > 0
    torch.testing.assert_close(model(found)[real], model(dense)[real], atol=1e-12, rtol=0)


@pytest.mark.parametrize(("head", "layers"), [
    (Classify(), ("sim", "mix", "norm")),
    (Classify(Mean()), ("mix", "norm")),
    (Classify(Marked(1)), ("sim", "mix", "norm", "norm")),
    (Tag(), ("sim", "mix")),
])  # fmt: skip
def test_every_trainable_weight_gets_a_gradient(head: Head, layers: tuple[str, ...]) -> None:
    model = tiny_ernie(layer_types=layers)
    head.build(model, ["a", "b"])
    found = batch()
    head.loss(head(model, found), found).backward()
    trainable = {
        name: weight for part in (model, head) for name, weight in part.named_parameters() if weight.requires_grad
    }
    assert [name for name, weight in trainable.items() if weight.grad is None] == []
    frozen = [name for name, weight in model.named_parameters() if not weight.requires_grad]
    last = f"layers.{len(layers) - 1}.fusion.entities"
    assert sorted(frozen) == sorted(
        f"{last}.{name}" for name in ("down.weight", "down.bias", "norm.weight", "norm.bias")
    )


def test_a_bert_start_fills_the_token_stream_and_names_what_is_fresh() -> None:
    encoder, model = tiny_encoder(seed=3), tiny_ernie(layer_types=("sim", "mix"))
    fresh = model.start_from(encoder)
    assert fresh == {name for name, _ in model.named_parameters() if "entities" in name}
    assert torch.equal(model.layers[1].fusion.tokens.up.weight, encoder.stack.layers[1].think.up.weight)
    assert torch.equal(model.layers[0].think.down.weight, encoder.stack.layers[0].think.down.weight)
    assert isinstance(model, ErnieThu)
