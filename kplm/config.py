"""Sizes of the models as frozen dataclasses; numbers only, never behaviour."""

from __future__ import annotations

from dataclasses import dataclass

from kplm.errors import KplmError
from kplm.role_tags import check_tags

LAYER_TYPES = ("sim", "mix", "norm")
VISUAL_SCALES = ("norm", "scalar")
TAG_ENCODERS = ("linear", "gru")
WORD_POOLINGS = ("max", "first")


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
    attention: str = "auto"
    """Kernel of attention: 'sdpa' (fused, with a mask), 'flex' (FlexAttention, which skips hidden blocks), or 'auto', what is fastest."""

    def __post_init__(self) -> None:
        if self.hidden % self.heads:
            raise KplmError(
                f"hidden={self.hidden} is not a multiple of heads={self.heads}; "
                f"every head needs the same width. Change one of them."
            )
        for name in ("dropout", "attention_dropout"):
            if not 0 <= getattr(self, name) <= 1:
                raise KplmError(f"{name}={getattr(self, name)}; it is a share of what is dropped, from 0 to 1.")

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


@dataclass(frozen=True, kw_only=True)
class VlBertConfig(EncoderConfig):
    """VL-BERT: words and image regions in one sequence (Su et al., 2020). Defaults are the published base model."""

    segments: int = 3
    """Rows of the segment table; the third is for regions and [END]."""
    visual_size: int = 768
    """Width V of the vector a region is seen as."""
    feature_width: int = 2048
    """Width of the features that a detector or a backbone gives a region."""
    geometry_width: int = 2048
    """Numbers that say where a region lies; a multiple of 8."""
    region_classes: int = 1601
    """Classes K of the detector whose guesses masked regions are predicted as."""
    visual_scale: str = "norm"
    """What brings the visual vectors to the scale of the words: 'norm' (a LayerNorm) or 'scalar' (one factor)."""
    visual_init: float = 0.0
    """That scale at the start; at 0 a model that starts from BERT sees nothing at first."""
    special_words: int = 0
    """Rows at the head of the word table that have a trained copy while the table is frozen (1000 as published); 0: all is trained."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.visual_scale not in VISUAL_SCALES:
            raise KplmError(f"visual_scale='{self.visual_scale}'; possible are {', '.join(VISUAL_SCALES)}.")
        if self.segments < 3:
            raise KplmError(f"segments={self.segments}, but VL-BERT needs 3: two texts, and the regions.")
        if self.geometry_width % 8:
            raise KplmError(
                f"geometry_width={self.geometry_width} is not a multiple of 8: four numbers a box, each as sines and cosines."
            )
        if not 0 <= self.special_words <= self.vocab_size:
            raise KplmError(f"special_words={self.special_words}; possible are 0 to vocab_size={self.vocab_size}.")


@dataclass(frozen=True, kw_only=True)
class SenseBertConfig(EncoderConfig):
    """SenseBERT: words with WordNet supersenses (Levine et al., 2020)."""

    senses: tuple[str, ...]
    """Names of the rows of the sense table; WordNet's 45 lexicographer files as published."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "senses", tuple(self.senses))
        twice = sorted({name for name in self.senses if self.senses.count(name) > 1})
        if twice or not self.senses:
            told = f"names {', '.join(twice)} twice" if twice else "is empty"
            raise KplmError(f"senses {told}; give one name a row of the sense table, such as kg.wordnet.SUPERSENSES.")


@dataclass(frozen=True, kw_only=True)
class SemBertConfig(EncoderConfig):
    """SemBERT: words with their semantic roles (Zhang et al., 2020). Defaults are the released model, but for its tags."""

    tags: tuple[str, ...]
    """Names of the rows of the tag table, see :mod:`kplm.role_tags`."""
    tag_width: int = 10
    """Width T of a tag's vector, and of what the roles add to a word."""
    aspects: int = 3
    """Predicate-argument structures A of a sentence that are read."""
    tag_encoder: str = "linear"
    """What reads the tags of a structure: 'linear' (as released) or 'gru' (both ways along the words, as in the paper)."""
    pooling: str = "max"
    """What stands for a text: 'max' over its words (released from 2022 on), or the 'first' one, which is [CLS] (before)."""
    compat: bool = False
    """Compute as the authors' code does, whose outputs depend on what else is in the batch; for checkpoints of theirs."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "tags", tuple(self.tags))
        check_tags(self.tags)
        for name, possible in (("tag_encoder", TAG_ENCODERS), ("pooling", WORD_POOLINGS)):
            if getattr(self, name) not in possible:
                raise KplmError(f"{name}='{getattr(self, name)}'; possible are {', '.join(possible)}.")
        if self.aspects < 1 or self.tag_width < 1:
            raise KplmError(f"aspects={self.aspects} and tag_width={self.tag_width}; both must be 1 or more.")

    @property
    def tag_rows(self) -> int:
        """Rows of the tag table."""
        return len(self.tags)
