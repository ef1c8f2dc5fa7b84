"""VL-BERT: words and image regions in one encoder (Su et al., ICLR 2020).

A row is its tokens, its regions and one [END]. The authors pack the three without gaps; here they stand in fixed places,
``[text L | regions R | END 1]``, and what is padding is hidden. Attention does not care about the order, only position ids do:
tokens have their own, all regions share the next one, [END] has the one after.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from kplm.config import VlBertConfig
from kplm.errors import KplmError
from kplm.fields import ALL_VISIBLE, Batch
from kplm.models.base import BaseEncoder, initialise
from kplm.models.encoder import Encoder
from kplm.nn.embeddings import Embeddings, bert_terms
from kplm.nn.layer import EncoderLayer
from kplm.nn.packing import Rows
from kplm.nn.pooling import BertPooler, taken
from kplm.nn.regions import (
    Computed,
    FrozenWords,
    Look,
    RegionEmbedding,
    RegionFeatures,
    Stored,
    hidden_regions,
    required,
)
from kplm.nn.relations import Relations
from kplm.nn.stack import LayerStack
from kplm.nn.visibility import by_fields, can_look

VISUAL = 2
"""The segment of regions and [END]; 0 and 1 are the texts'."""
SEGMENTS = "embeddings.terms.segment_ids.weight"


class VlBert(BaseEncoder):
    """BERT over words and regions; every token also carries the look of the whole picture, or of the region it names.

    One text a row. Rows without a picture are text alone with [END]; their tokens carry a learned vector instead.

    Args:
        config: sizes.
        features: computes region features from pixels, see :class:`kplm.nn.regions.Computed`; by default they come stored.

    Raises:
        KplmError: the width of these features is not the config's.
    """

    def __init__(self, config: VlBertConfig, features: nn.Module | None = None) -> None:
        super().__init__()
        self.config: VlBertConfig = config
        self.embeddings = Embeddings(_terms(config), config)
        self.region, self.hidden_region, self.end = (nn.Embedding(1, config.hidden) for _ in range(3))
        self.no_picture = nn.Embedding(1, config.visual_size)
        self.regions = RegionEmbedding(config)
        self.features: RegionFeatures = Stored(config.feature_width)
        self.text_look, self.region_look = Look(config), Look(config)
        self.stack = LayerStack(EncoderLayer(config) for _ in range(config.layers))
        self.pooler = BertPooler(config)
        self.apply(lambda module: initialise(module, config.init_std))
        nn.init.zeros_(self.features.hidden.weight)  # type: ignore[union-attr]
        if features is not None:
            self.compute(features)

    @property
    def reads(self) -> frozenset[str]:
        """Names of the batch fields the forward pass needs; ``token_regions`` and ``hidden_regions`` are read where they are there."""
        return frozenset(self.embeddings.terms) | {"document", "regions", "region_boxes"} | self.features.reads

    @property
    def parts(self) -> dict[str, Any]:
        """The module that computes features, if one does."""
        return {"features": self.features.module} if isinstance(self.features, Computed) else {}

    @property
    def pictures(self) -> Mapping[str, Any]:
        """See :attr:`BaseEncoder.pictures`; what the module that computes features says of itself."""
        return getattr(self.parts.get("features"), "expects", {})

    def compute(self, features: nn.Module) -> None:
        """Compute region features with this module from now on.

        Args:
            features: see :class:`kplm.nn.regions.Computed`; its ``init_args`` are what a checkpoint rebuilds it from.

        Raises:
            KplmError: their width is not the one this model reads, or a checkpoint could not rebuild the module.
        """
        if not hasattr(features, "init_args"):
            raise KplmError(
                f"{type(features).__name__} keeps no init_args, so no checkpoint could build it again. "
                f"Set self.init_args to its constructor arguments."
            )
        width = getattr(features, "width", None)
        if width != self.config.feature_width:
            raise KplmError(
                f"{type(features).__name__} gives features of width {width}, but this model reads feature_width="
                f"{self.config.feature_width}. Use the module it was trained with, or start from BERT."
            )
        self.features = Computed(features)

    def forward(self, batch: Batch, positions: Tensor | None = None) -> Tensor:
        """Encode a batch into states ``[B, L + R + 1, D]``: tokens, regions, [END]; :meth:`split` takes them apart.

        With ``positions [B, P]`` int the states ``[B, P, D]`` of these tokens alone.

        Raises:
            MissingFieldError: the batch lacks a field in :attr:`reads`.
            KplmError: a text is too long, or features have another width.
        """
        required(self, batch, self.reads)
        looks = self.regions(batch["region_boxes"], self.features(batch))  # [B, R, V]
        roles = torch.where(hidden_regions(batch)[..., None], self.hidden_region.weight, self.region.weight)
        states, fields = self.elements(batch, self.seen(batch, looks), looks, roles), _placed_in(batch)
        rows = Rows.of(batch, fields["document"])
        return rows.through(self.stack, states, Relations.of(by_fields(rows.fields(fields))), positions)

    def seen(self, batch: Batch, looks: Tensor) -> Tensor:
        """What each token sees, ``[B, L, V]``: the whole picture, the region it names, or the vector for no picture.

        Args:
            batch: has ``token_regions`` where tokens name regions.
            looks: ``[B, R, V]`` float.
        """
        aside = self.no_picture.weight.to(looks.dtype).expand(len(looks), 1, -1)
        table = torch.cat([looks, aside], dim=1)  # [B, R + 1, V]
        index = batch.get("token_regions", torch.zeros_like(batch["input_ids"]))
        index = index.masked_fill(~batch["regions"].any(1, keepdim=True), looks.shape[1])
        return taken(table, index)

    def elements(self, batch: Batch, seen: Tensor, looks: Tensor, roles: Tensor) -> Tensor:
        """The input of the layers, ``[B, L + R + 1, D]``.

        Args:
            batch: the text.
            seen: ``[B, L, V]`` float, the visual vectors of the tokens.
            looks: ``[B, R, V]`` float, those of the regions.
            roles: ``[B, R, D]`` float, what stands in the place of a word at the regions.
        """
        behind = self._behind(batch)
        words = self.embeddings.total(batch) + self.text_look(seen)
        regions = roles + self.region_look(looks) + self._placed(behind)
        end = self.end.weight + self._placed(behind + 1)
        return self.embeddings.close(torch.cat([words, regions, end], dim=1))

    def relations(self, batch: Batch) -> Relations:
        """Who sees whom: all that is no padding; the branches of a sentence tree as without a picture."""
        return Relations.of(by_fields(_placed_in(batch)))

    def split(self, states: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """States of tokens ``[B, L, D]`` and of regions ``[B, R, D]``."""
        length = batch["input_ids"].shape[1]
        return states[:, :length], states[:, length:-1]

    def tokens(self, states: Tensor, batch: Batch) -> Tensor:
        """The states of the tokens ``[B, L, D]`` among those of :meth:`forward`."""
        return self.split(states, batch)[0]

    @torch.no_grad()
    def start_from(self, encoder: Encoder) -> frozenset[str]:
        """Copy a plain encoder's weights; returns the names of the weights that stay fresh.

        The segment table keeps its fresh third row. A table of one row, as RoBERTa's, is copied to both texts.
        """
        state, own = encoder.state_dict(), self.state_dict()
        rows = state[SEGMENTS][:VISUAL].expand(VISUAL, -1)
        state[SEGMENTS] = torch.cat([rows, own[SEGMENTS][VISUAL:]])
        fresh = frozenset(self.load_state_dict(state, strict=False).missing_keys)
        if not isinstance(words := self.embeddings.terms["input_ids"], FrozenWords):
            return fresh
        words.copy_special()
        return fresh - {"embeddings.terms.input_ids.special.weight"}

    def _behind(self, batch: Batch) -> Tensor:
        """``[B, 1]``: the first position behind each text."""
        behind = (batch["position_ids"] + 1).masked_fill(batch["document"] == 0, 0).amax(1, keepdim=True)
        if can_look(behind) and int(behind.max()) + 2 > self.config.positions:
            raise KplmError(
                f"a text of {int(behind.max())} tokens and its regions need {int(behind.max()) + 2} positions, but this model "
                f"has positions={self.config.positions}. Lower data.max_length to {self.config.positions - 2}."
            )
        return behind

    def _placed(self, at: Tensor) -> Tensor:
        """Position and segment of something that is no token: ``[B, 1]`` int to ``[B, 1, D]``."""
        place, segment = (self.embeddings.terms[name] for name in ("position_ids", "segment_ids"))
        return place(at) + segment(torch.full_like(at, VISUAL))


def _placed_in(batch: Batch) -> dict[str, Tensor]:
    """What decides who sees whom, ``[B, L + R + 1]`` int each."""
    regions = batch["regions"].ne(0).long()
    end = regions.new_ones(len(regions), 1)
    found = {"document": torch.cat([batch["document"], regions, end], dim=1)}
    for name in ("branch", "anchor"):
        if name in batch:
            found[name] = torch.cat([batch[name], 0 * regions, 0 * end], dim=1)
    return found | ({ALL_VISIBLE: batch[ALL_VISIBLE]} if ALL_VISIBLE in batch else {})


def _terms(config: VlBertConfig) -> dict[str, nn.Module]:
    return bert_terms(config) | ({"input_ids": FrozenWords(config)} if config.special_words else {})
