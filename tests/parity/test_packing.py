"""Several texts packed in a row give the very states they have alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kplm.config import EncoderConfig, ErnieThuConfig
from kplm.models import Encoder, ErnieThu

SIZES = {"vocab_size": 31, "hidden": 16, "layers": 3, "heads": 4, "ffn": 24, "positions": 12, "init_std": 0.3}
LENGTHS = (5, 3, 4)
PAD = 2


def text(length: int) -> dict[str, Tensor]:
    fields = {"input_ids": torch.randint(0, 31, (1, length)), "segment_ids": torch.randint(0, 2, (1, length))}
    return fields | {"position_ids": torch.arange(length)[None], "document": torch.ones(1, length, dtype=torch.int64)}


def with_entities(fields: dict[str, Tensor], seed: int) -> dict[str, Tensor]:
    vectors = torch.randn(1, 2, 8, dtype=torch.float64)
    vectors[:, 0] = 0
    slots = {"entity_positions": torch.tensor([[0, 2]]), "entity_ids": torch.tensor([[0, seed + 1]])}
    return fields | slots | {"entity_vectors": vectors}


def packed(texts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    starts = [sum(LENGTHS[:i]) for i in range(len(LENGTHS))]
    moved = []
    for number, (start, fields) in enumerate(zip(starts, texts), 1):
        fields = fields | {"document": fields["document"] * number}
        if "entity_positions" in fields:
            fields |= {"entity_positions": fields["entity_positions"] + start}
        moved.append(fields)
    batch = {name: torch.cat([fields[name] for fields in moved], 1) for name in moved[0]}
    tokens = ("input_ids", "segment_ids", "position_ids", "document")
    return batch | {name: nn.functional.pad(batch[name], (0, PAD)) for name in tokens}


def check(encoder: nn.Module, texts: list[dict[str, Tensor]]) -> None:
    encoder.double().eval()
    alone = torch.cat([encoder(fields) for fields in texts], 1)
    together = encoder(packed(texts))
    assert torch.isfinite(together).all()
    torch.testing.assert_close(together[:, :-PAD], alone, atol=1e-10, rtol=0)


def test_packed_texts_do_not_see_each_other() -> None:
    torch.manual_seed(0)
    check(Encoder(EncoderConfig(**SIZES)), [text(length) for length in LENGTHS])


def test_entities_of_packed_texts_do_not_see_each_other() -> None:
    torch.manual_seed(0)
    config = ErnieThuConfig(**SIZES, layer_types=("mix", "norm", "norm"), entity_width=8, entity_heads=2)
    check(ErnieThu(config), [with_entities(text(length), i) for i, length in enumerate(LENGTHS)])
