"""Checkpoints of the VL-BERT authors."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kg.places import META
from kplm.authors.finetuned import finetuned
from kplm.convert import vlbert as vlbert_format
from kplm.convert.keys import State
from kplm.data.annotate import Regions
from kplm.data.encode import TextEncoder
from kplm.data.looks import FeatureFiles, Pixels, StoredRegions
from kplm.errors import CheckpointError
from kplm.folder import write_tensors
from kplm.heads import Answer, Choose, Head, MultipleChoice
from kplm.hub import save_pretrained
from kplm.text import Tokenizer
from vision.regions import Caffe
from vision.regions.weights import LATER

log = logging.getLogger(__name__)
BACKBONE = "backbone.safetensors"
VLBERT_TASKS: dict[str, type[Head]] = {"answers": Answer, "regions": Choose, "choices": MultipleChoice}
"""VQA, RefCOCO+ and VCR."""
NETWORKS = {
    (2, False): "resnet18",
    (6, False): "resnet34",
    (6, True): "resnet50",
    (23, True): "resnet101",
    (36, True): "resnet152",
}
"""torchvision's ResNets by the number of blocks in their third layer, and whether a block has three convolutions."""
LONG, LONG_VCR = 1000, 1200
"""The most pixels of a picture's long side; of the short one it is 600 in all published settings."""


def convert_vlbert(
    source: str | Path, target: str | Path, labels: Sequence[str] | None = None, features: str | None = None
) -> Path:
    """Turn a checkpoint of the VL-BERT authors into a folder of ours.

    The network of an end-to-end checkpoint becomes a part of the model, which so looks at pictures itself. It is also written
    beside it, as ``backbone.safetensors`` with the names of torchvision's ResNets, for ``kplm vision extract``.

    Args:
        source: the checkpoint (*.model), or a folder with it and perhaps config.json, vocab.txt and answers_vqa.txt. config.json is
            the authors' yaml file as JSON; without it the number of attention heads is BERT's for this width.
        target: folder to make.
        labels: answers of a VQA checkpoint, in order; by default those of answers_vqa.txt.
        features: where predictions find stored features: a store, or a folder or zip archive with a file a picture.

    Raises:
        CheckpointError: keys, config or files do not fit each other.
        VisionError: there are no such features; or torchvision is missing, which an end-to-end checkpoint needs.
    """
    found = vlbert_format.read(source, labels)
    if found.vocab is None:
        log.warning(f"{source} comes without the vocab.txt of its BERT; the converted model has no tokenizer")
    regions = _regions(found, features)
    if found.head is not None and regions is None:
        log.warning("predictions need the features of pictures; name where they are stored with --features")
    text = None if found.vocab is None else _vlbert_text(found.vocab, regions)
    if found.head is None:
        done = save_pretrained(found.encoder, target, text, found.objective)
    else:
        task = next(task for task, kind in VLBERT_TASKS.items() if isinstance(found.head, kind))
        done = save_pretrained(finetuned(found.encoder, found.head, text, task), target)
    if found.backbone:
        write_tensors(done / BACKBONE, found.backbone)
        log.info(f"the backbone of this end-to-end checkpoint is in {done / BACKBONE}")
    return done


def _vlbert_text(vocab: Path, regions: Regions | None) -> dict[str, Any]:
    return TextEncoder(Tokenizer.from_file(vocab), [] if regions is None else [regions]).describe()


def _regions(found: vlbert_format.Converted, features: str | None) -> Regions | None:
    """What predictions see: the features that are named, or the pixels, for which the encoder gets its network back."""
    if features is not None:
        stored = (Path(features) / META).is_file()
        return Regions(StoredRegions(features) if stored else FeatureFiles(features, found.config.feature_width))
    network = _network(found.backbone, LONG_VCR if isinstance(found.head, MultipleChoice) else LONG)
    if network is None:
        return None
    encoder = found.encoder
    encoder.compute(network)
    encoder.fresh = tuple(name for name in encoder.fresh if name in encoder.state_dict())
    looks = Pixels(masks=network.masked if isinstance(found.head, MultipleChoice) else 0)
    looks.suit(encoder.pictures)
    return Regions(looks, boxed=True)


def _network(backbone: State, long: int) -> Caffe | None:
    """The network with its trained weights; None where there is none, or none of torchvision's."""
    if not backbone:
        return None
    blocks = {name.split(".")[1] for name in backbone if name.startswith("layer3.")}
    name = NETWORKS.get((len(blocks), "layer3.0.conv3.weight" in backbone))
    if name is None:
        log.warning(
            "the backbone of this checkpoint is no ResNet of torchvision, so the model cannot look at pictures itself"
        )
        return None
    network = Caffe(name, LATER, colours="caffe", long=long)
    wrong = network.load_state_dict(backbone, strict=False)
    if wrong.missing_keys or wrong.unexpected_keys:
        raise CheckpointError(
            f"the backbone of this checkpoint looks like a {name}, but {len(wrong.missing_keys)} keys are missing "
            f"{wrong.missing_keys[:3]} and {len(wrong.unexpected_keys)} are unexpected {wrong.unexpected_keys[:3]}. "
            f"Use an unaltered checkpoint."
        )
    return network
