"""Checkpoints of VL-BERT's authors (Su et al., 2020): pretraining, VQA, RefCOCO+, VCR."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from kplm.config import VlBertConfig
from kplm.convert import vlbert_files as files
from kplm.convert.bert import sizes_from
from kplm.convert.keys import KeyTable, State, matrix
from kplm.convert.settings import built_from, number, vocabulary
from kplm.errors import CheckpointError
from kplm.heads import Answer, Choose, GroundedChoice, Head, MultipleChoice
from kplm.models import VlBert
from kplm.objectives import MaskedRegions, MaskedWords, SentenceImage, Term, Weighted

log = logging.getLogger(__name__)

BODY = """
    vlbert.word_embeddings                                      encoder.embeddings.terms.input_ids
    vlbert.special_word_embeddings                              encoder.embeddings.terms.input_ids.special
    vlbert.position_embeddings                                  encoder.embeddings.terms.position_ids
    vlbert.token_type_embeddings                                encoder.embeddings.terms.segment_ids
    vlbert.embedding_LayerNorm                                  encoder.embeddings.norm
    vlbert.end_embedding                                        encoder.end
    vlbert.visual_1x1_text                                      encoder.text_look.project
    vlbert.visual_1x1_object                                    encoder.region_look.project
    vlbert.encoder.layer.{i}.attention.self.query               encoder.stack.layers.{i}.read.attention.query
    vlbert.encoder.layer.{i}.attention.self.key                 encoder.stack.layers.{i}.read.attention.key
    vlbert.encoder.layer.{i}.attention.self.value               encoder.stack.layers.{i}.read.attention.value
    vlbert.encoder.layer.{i}.attention.output.dense             encoder.stack.layers.{i}.read.attention.output
    vlbert.encoder.layer.{i}.attention.output.LayerNorm         encoder.stack.layers.{i}.read.norm
    vlbert.encoder.layer.{i}.intermediate.dense                 encoder.stack.layers.{i}.think.up
    vlbert.encoder.layer.{i}.output.dense                       encoder.stack.layers.{i}.think.down
    vlbert.encoder.layer.{i}.output.LayerNorm                   encoder.stack.layers.{i}.think.norm
    vlbert.pooler.dense                                         encoder.pooler.dense
    image_feature_extractor.obj_downsample.1                    encoder.regions.dense
    object_linguistic_embeddings                                encoder.region
    object_mask_word_embedding                                  encoder.hidden_region
    object_mask_visual_embedding                                encoder.features.hidden
    aux_text_visual_embedding                                   encoder.no_picture
    vlbert.mlm_head.predictions.transform.dense                 objective.terms.masked_words.transform.dense
    vlbert.mlm_head.predictions.transform.LayerNorm             objective.terms.masked_words.transform.norm
    vlbert.mlm_head.predictions.bias                            objective.terms.masked_words.bias
    vlbert.mvrc_head.transform.dense                            objective.terms.masked_regions.transform.dense
    vlbert.mvrc_head.region_cls_pred                            objective.terms.masked_regions.output
    vlbert.relationsip_head.caption_image_relationship          objective.terms.sentence_image.output
    final_mlp.0.dense                                           head.transform.dense
    final_mlp.0.LayerNorm                                       head.transform.norm
    cnn_loss_reg.0.dense                                        head.objects.transform.dense
    cnn_loss_reg.2                                              head.objects.output
"""
SCALES = {
    "norm": """
    vlbert.visual_ln_text                                       encoder.text_look.scale
    vlbert.visual_ln_object                                     encoder.region_look.scale
""",
    "scalar": """
    vlbert.visual_scale_text                                    encoder.text_look.scale.weight
    vlbert.visual_scale_object                                  encoder.region_look.scale.weight
""",
}
EXTRACTOR = "image_feature_extractor."
BACKBONE = {f"{EXTRACTOR}backbone.": "", f"{EXTRACTOR}roi_head_feature_extractor.": "layer4."}
"""A backbone's names in end-to-end checkpoints, and in torchvision's ResNets."""
LEFT_OUT = (f"{EXTRACTOR}head", f"{EXTRACTOR}regularizing_predictor")
"""A second copy of the backbone's last stage; a classifier of objects on it that helped to train a task."""
TERMS: dict[str, type[Term]] = {
    "vlbert.mlm_head.predictions.bias": MaskedWords,
    "vlbert.mvrc_head.region_cls_pred.bias": MaskedRegions,
    "vlbert.relationsip_head.caption_image_relationship.bias": SentenceImage,
}
"""A tensor of each pretraining head, and its term."""
WORDS, TIED = "vlbert.word_embeddings.weight", "vlbert.mlm_head.predictions.decoder.weight"
POSITIONS, PROJECTION = "vlbert.position_embeddings.weight", f"{EXTRACTOR}obj_downsample.1.weight"
HEAD, HEAD_NORM = "final_mlp.2.weight", "final_mlp.0.LayerNorm.weight"
CHOICE, OBJECTS = "final_mlp.1.weight", "cnn_loss_reg.2.weight"
RIGHT_WRONG = ("right", "wrong")
"""The classes of a choice in VCR."""
CLASSES = "vlbert.mvrc_head.region_cls_pred.weight"
OPTIONAL = ("encoder.hidden_region", "encoder.features.hidden", "encoder.no_picture")
"""Vectors of pretraining that a checkpoint holds only where it used them."""
BARE = ("encoder.regions", "encoder.region")
"""What a bare encoder was handed from outside."""
INIT = "visual_scale_text_init"
EPS, GEOMETRY, HEAD_WIDTH = 1e-12, 2048, 64
"""Constants of their code; the last is BERT's width of a head, in place of a number of heads that is not known."""


@dataclass(frozen=True)
class Converted:
    """What one of the authors' checkpoints holds."""

    config: VlBertConfig
    encoder: VlBert
    """Its region features come stored; ``fresh`` names what the checkpoint lacks."""
    head: Head | None
    """Of a fine-tuned checkpoint."""
    objective: Weighted | None
    """Of a pretrained checkpoint."""
    vocab: Path | None
    """The vocabulary file, if there is one."""
    backbone: State
    """Of an end-to-end checkpoint: the convolutional network, under the names of torchvision's ResNets."""


def read(source: str | Path, names: Sequence[str] | None = None) -> Converted:
    """Read a checkpoint of the authors: pretrained, fine-tuned, or a bare encoder.

    Args:
        source: the file, or a folder with it and perhaps config.json, vocab.txt and answers_vqa.txt.
        names: the answers of a VQA checkpoint, in order; by default those of answers_vqa.txt.

    Raises:
        CheckpointError: a file is missing, damaged or another system's, or keys and config do not fit each other.
    """
    path, state = files.weights(Path(source))
    found, backbone = files.config(path.parent), _backbone(state)
    state = _untied({key: tensor for key, tensor in state.items() if not key.startswith(tuple(BACKBONE))})
    state[POSITIONS] = matrix(state, POSITIONS)[_skipped(found) :]
    encoder = built_from(path.parent / files.CONFIG, state, lambda: config_from(found, state), VlBert)
    config = encoder.config
    head = _head(encoder, state, names or files.answers(path.parent))
    objective = _objective(encoder, state)
    model, optional = joined(encoder, head, objective), _optional(state)
    own = _table(config, head).to_ours(state, model.state_dict(), optional)
    model.load_state_dict(own, strict=False)
    if "encoder.pooler.dense.weight" not in own:
        encoder.pooler = None
    encoder.fresh = tuple(sorted(name for name in encoder.state_dict() if f"encoder.{name}" not in own))
    vocab = vocabulary(path.parent / files.VOCABULARY, config.vocab_size)
    return Converted(config, encoder, head, objective, vocab, backbone)


def parameters(model: Converted) -> dict[str, nn.Parameter]:
    """All parameters under the authors' names, tied ones once."""
    table = _table(model.config, model.head)
    named = joined(model.encoder, model.head, model.objective).named_parameters()
    return {table.theirs(name): parameter for name, parameter in named}


def joined(encoder: VlBert, head: Head | None, objective: Weighted | None) -> nn.ModuleDict:
    """The parts of a model under one roof."""
    parts = {"encoder": encoder, "head": head, "objective": objective}
    return nn.ModuleDict({name: part for name, part in parts.items() if part is not None})


def config_from(found: Mapping[str, Any], state: Mapping[str, Tensor]) -> VlBertConfig:
    """Sizes from the authors' settings; what these leave out, and the sizes of tables, are read off the weights.

    Raises:
        CheckpointError: a table is missing, or the settings describe something this model does not have.
    """
    _check_settings(found)
    sizes = _seen_sizes(state) | {name: size for name, size in sizes_from(found).items() if name != "positions"}
    if "heads" not in sizes:
        sizes["heads"] = max(1, sizes["hidden"] // HEAD_WIDTH)
        log.warning(
            f"there is no {files.CONFIG} that says how many attention heads these weights have; as in BERT one is "
            f"{HEAD_WIDTH} wide, so {sizes['heads']}"
        )
    special = state.get("vlbert.special_word_embeddings.weight")
    scale = "norm" if "vlbert.visual_ln_text.weight" in state else "scalar"
    return VlBertConfig(
        **sizes,
        eps=EPS,
        geometry_width=GEOMETRY,
        visual_scale=scale,
        visual_init=number(found.get(INIT, VlBertConfig.visual_init), INIT, float),
        special_words=0 if special is None else len(special),
    )


def _seen_sizes(state: Mapping[str, Tensor]) -> dict[str, Any]:
    words, positions = matrix(state, WORDS), matrix(state, POSITIONS)
    layers = {int(key.split(".")[3]) for key in state if key.startswith("vlbert.encoder.layer.")}
    wide, projection = state.get("vlbert.visual_1x1_text.weight", words), state.get(PROJECTION)
    classes = state.get(CLASSES)
    return {
        "vocab_size": words.shape[0],
        "hidden": words.shape[1],
        "positions": positions.shape[0],
        "segments": matrix(state, "vlbert.token_type_embeddings.weight").shape[0],
        "layers": len(layers),
        "ffn": matrix(state, "vlbert.encoder.layer.0.intermediate.dense.weight").shape[0],
        "visual_size": wide.shape[1],
        "feature_width": VlBertConfig.feature_width if projection is None else projection.shape[1] - GEOMETRY,
        "region_classes": VlBertConfig.region_classes if classes is None else len(classes),
    }


def _check_settings(found: Mapping[str, Any]) -> None:
    wanted = {"obj_pos_id_relative": True, "object_word_embed_mode": 2}
    for field, value in wanted.items():
        if found.get(field, value) != value:
            raise CheckpointError(f"the config sets {field} to {found[field]}; only {value} can be read.")


def _skipped(found: Mapping[str, Any]) -> int:
    """RoBERTa's positions begin behind the one of its padding."""
    return int(found.get(files.PADDING, -1)) + 1


def _objective(encoder: VlBert, state: Mapping[str, Tensor]) -> Weighted | None:
    terms = [term() for key, term in TERMS.items() if key in state]
    return _kept(encoder, Weighted(terms)) if terms else None


def _kept(encoder: VlBert, part: Any, *names: Sequence[str]) -> Any:
    """Build a part that would drop the pooler, and keep it."""
    pooler = encoder.pooler
    part.build(encoder, *names)
    encoder.pooler = pooler
    return part


def _head(encoder: VlBert, state: Mapping[str, Tensor], names: Sequence[str] | None) -> Head | None:
    if CHOICE in state and len(matrix(state, CHOICE)) == 1:
        choice = GroundedChoice(len(matrix(state, OBJECTS))) if OBJECTS in state else MultipleChoice()
        return _kept(encoder, choice, RIGHT_WRONG)
    if HEAD not in state:
        return None
    if HEAD_NORM not in state:
        return _kept(encoder, Choose(whole_picture=True), ())
    answers = len(matrix(state, HEAD))
    if names is None:
        log.warning(f"the checkpoint does not name its {answers} answers; they are called 0 to {answers - 1}")
    names = [str(i) for i in range(answers)] if names is None else list(names)
    if len(names) != answers:
        raise CheckpointError(
            f"{len(names)} answers were given, but {HEAD} has {answers} rows. Give one a row, in order "
            f"(--labels, or {files.ANSWERS} beside the weights)."
        )
    return _kept(encoder, Answer(), names)


def _optional(state: Mapping[str, Tensor]) -> tuple[str, ...]:
    """What a checkpoint may lack."""
    bare = all(key.startswith(files.BODY) for key in state)
    masks = OPTIONAL[1:] if CLASSES in state and not bare else OPTIONAL
    return ("encoder.pooler", *masks, *(BARE if bare else ()))


def _table(config: VlBertConfig, head: Head | None) -> KeyTable:
    last = "final_mlp.1 head.output" if isinstance(head, MultipleChoice) else "final_mlp.2 head.output"
    return KeyTable(BODY + SCALES[config.visual_scale] + last, dropped=LEFT_OUT, i=range(config.layers))


def _backbone(state: Mapping[str, Tensor]) -> State:
    return {
        ours + key.removeprefix(theirs): tensor
        for key, tensor in state.items()
        for theirs, ours in BACKBONE.items()
        if key.startswith(theirs)
    }


def _untied(state: State) -> State:
    """Without the copy of the word table that the word head shares; it must be a copy."""
    tied = state.get(TIED)
    if tied is not None and not torch.equal(tied, matrix(state, WORDS)):
        raise CheckpointError(
            f"{TIED} differs from {WORDS}, but the two are one tensor in this model. Use an unaltered checkpoint."
        )
    return {key: tensor for key, tensor in state.items() if key != TIED}
