"""The encoder against transformers' BertModel in float64: every hidden state, the pooled output and a gradient."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from transformers import BertConfig, BertForPreTraining, BertModel

from kplm.convert.bert import config_from, encoder_state, encoder_to_hf
from kplm.convert.weights import read_weights
from kplm.models import Encoder

LENGTHS = (9, 4, 1)
EXACT = {"atol": 1e-10, "rtol": 0.0}


@pytest.fixture(params=["gelu", "gelu_new", "relu", "silu"])
def bert(request: pytest.FixtureRequest) -> BertModel:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=41,
        hidden_size=24,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=36,
        max_position_embeddings=16,
        type_vocab_size=3,
        layer_norm_eps=1e-7,
        initializer_range=0.4,
        hidden_act=request.param,
        attn_implementation="eager",
    )
    model = BertModel(config).double().eval()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)  # biases and gains matter too
    return model


def ours(bert: BertModel) -> Encoder:
    encoder = Encoder(config_from(bert.config.to_dict())).double().eval()
    state, fresh = encoder_state(bert.state_dict(), encoder.config)
    assert not fresh
    encoder.load_state_dict(state)
    return encoder


def ragged() -> dict[str, Tensor]:
    torch.manual_seed(1)
    shape = (len(LENGTHS), max(LENGTHS))
    order = torch.arange(shape[1]).expand(shape)
    return {
        "input_ids": torch.randint(0, 41, shape),
        "position_ids": order,
        "segment_ids": torch.randint(0, 3, shape),
        "document": (order < torch.tensor(LENGTHS)[:, None]).long(),
    }


def theirs(bert: BertModel, batch: dict[str, Tensor]) -> tuple[list[Tensor], Tensor]:
    names = {"input_ids": "input_ids", "attention_mask": "document", "token_type_ids": "segment_ids"}
    out = bert(**{key: batch[name] for key, name in names.items()}, output_hidden_states=True)
    return list(out.hidden_states), out.pooler_output


def test_every_hidden_state_the_pooled_output_and_a_gradient_equal_transformers(bert: BertModel) -> None:
    encoder, batch = ours(bert), ragged()
    want, want_pooled = theirs(bert, batch)
    embedded = encoder.embeddings(batch)
    got = [embedded, *encoder.stack.walk(embedded, encoder.relations(batch))]
    assert len(got) == len(want)
    for mine, other in zip(got, want, strict=True):
        torch.testing.assert_close(mine, other, **EXACT)
    pooled = encoder.pooler(got[-1])
    torch.testing.assert_close(pooled, want_pooled, **EXACT)

    weigh = torch.randn_like(want[-1])
    ((got[-1] * weigh).sum() + pooled.sum()).backward()
    ((want[-1] * weigh).sum() + want_pooled.sum()).backward()
    mine, other = encoder.embeddings.terms["input_ids"].weight.grad, bert.embeddings.word_embeddings.weight.grad
    mine[bert.config.pad_token_id] = 0  # as transformers keeps it
    torch.testing.assert_close(mine, other, **EXACT)


def test_a_saved_folder_is_read(bert: BertModel, tmp_path) -> None:
    bert.save_pretrained(tmp_path)
    config = config_from(BertConfig.from_pretrained(tmp_path).to_dict())
    encoder, batch = Encoder(config).double().eval(), ragged()
    state, fresh = encoder_state(read_weights(tmp_path), config)
    encoder.load_state_dict(state)
    assert not fresh
    torch.testing.assert_close(encoder(batch), theirs(bert, batch)[0][-1], **EXACT)


def test_an_exported_encoder_runs_in_transformers(bert: BertModel) -> None:
    encoder, batch = ours(bert), ragged()
    config, state = encoder_to_hf(encoder)
    back = BertModel(BertConfig(**config, attn_implementation="eager")).double().eval()
    back.load_state_dict(state)
    torch.testing.assert_close(theirs(back, batch)[0][-1], encoder(batch), **EXACT)


def test_a_pretraining_checkpoint_gives_the_same_encoder(bert: BertModel) -> None:
    whole = BertForPreTraining(bert.config).double()
    whole.bert = bert
    state, fresh = encoder_state(whole.state_dict(), config_from(bert.config.to_dict()))
    assert not fresh
    assert all(torch.equal(tensor, ours(bert).state_dict()[name]) for name, tensor in state.items())
