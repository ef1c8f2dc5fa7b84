"""Sizes of the models as frozen dataclasses; numbers only, never behaviour."""

from __future__ import annotations

from dataclasses import dataclass

from kplm.errors import KplmError

LAYER_TYPES = ("sim", "mix", "norm")


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """Sizes of a post-norm transformer encoder. Defaults are BERT-base, uncased (Devlin et al., 2019)."""

    vocab_size: int = 30522
    """Rows of the word table, special tokens included."""
    hidden: int = 768
    """Width D of every hidden state."""
    layers: int = 12
    """Number of encoder layers."""
    heads: int = 12
    """Attention heads H; must divide ``hidden``."""
    ffn: int = 3072
    """Width of the feed-forward block between its two linear maps."""
    positions: int = 512
    """Longest sequence L the position table can address."""
    segments: int = 2
    """Rows of the segment (token type) table."""
    dropout: float = 0.1
    """Dropout on embeddings and on the output of every block."""
    attention_dropout: float = 0.1
    """Dropout on attention probabilities."""
    eps: float = 1e-12
    """Added to the variance in every LayerNorm."""
    activation: str = "gelu"
    """Feed-forward non-linearity: 'gelu' (exact), 'gelu_tanh', 'relu' or 'silu'."""
    init_std: float = 0.02
    """Standard deviation of freshly initialised weights."""

    def __post_init__(self) -> None:
        if self.hidden % self.heads:
            raise KplmError(
                f"hidden={self.hidden} is not a multiple of heads={self.heads}; "
                f"every head needs the same width. Change one of them."
            )

    @property
    def head_dim(self) -> int:
        """Width d of one attention head."""
        return self.hidden // self.heads


@dataclass(frozen=True, kw_only=True)
class ErnieThuConfig(EncoderConfig):
    """ERNIE-THU: a token stream and a narrow entity stream (Zhang et al., 2019). Defaults are the published model."""

    layer_types: tuple[str, ...] = ("sim",) * 5 + ("mix",) + ("norm",) * 6
    """One of 'sim' (plain), 'mix' (first fusion), 'norm' (fusion with entity attention) for each layer."""
    entity_width: int = 100
    """Width W of an entity vector and of the entity stream."""
    entity_heads: int = 4
    """Attention heads of the entity stream; must divide ``entity_width``."""
    entity_rows: int = 0
    """Entities of a table that is trained inside the model; 0: the vectors are frozen and come with the batch."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "layer_types", tuple(self.layer_types))
        unknown = sorted(set(self.layer_types) - set(LAYER_TYPES))
        if unknown:
            raise KplmError(f"layer_types holds {unknown}; possible are {', '.join(LAYER_TYPES)}.")
        if len(self.layer_types) != self.layers:
            raise KplmError(
                f"layer_types names {len(self.layer_types)} layers, but layers={self.layers}; give one type a layer."
            )
        if self.entity_width % self.entity_heads:
            raise KplmError(f"entity_width={self.entity_width} is not a multiple of entity_heads={self.entity_heads}.")

    @property
    def fusions(self) -> int:
        """Number of layers in which the two streams meet."""
        return sum(kind != "sim" for kind in self.layer_types)
