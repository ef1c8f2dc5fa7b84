"""The table of batch fields: what each tensor is called, its shape letters, its type and what fills its padding.

Letters: L tokens, T characters, S words, A aspects (predicate-argument structures), E entity slots, C classes, M marks, N candidates,
W entity width, Z both sides; of pictures R regions, V feature width, K region classes, X corners of a box or columns of pixels, Y rows of
pixels, Q colours; of packed batches G rows of the layers and P places in one. A field has one value a row when its shape is empty.
A new kind of knowledge adds its rows here; the collator needs no other word about them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

Batch = Mapping[str, Tensor]
IGNORE = -100
"""The label of positions that no loss and no metric counts."""
PACKED = "packed_rows"
"""The field by which a batch asks the encoder to let several examples share a row."""
ALL_VISIBLE = "all_visible"
"""The field by which a batch says that no two of its tokens in a row are hidden from each other, so that nobody has to look."""


@dataclass(frozen=True)
class Field:
    """Shape letters without the batch axis, dtype, padding value and meaning of one batch field."""

    shape: str
    dtype: torch.dtype
    pad: float
    meaning: str


FIELDS: dict[str, Field] = {
    "input_ids": Field("L", torch.int64, 0, "rows of the word table"),
    "document": Field("L", torch.int64, 0, "number of the text a token belongs to, from 1; 0 is padding"),
    "position_ids": Field("L", torch.int64, 0, "rows of the position table"),
    "segment_ids": Field("L", torch.int64, 0, "0 in a first text, 1 in its pair"),
    "branch": Field("L", torch.int64, 0, "0 on the trunk of a sentence tree, else the number of the branch"),
    "anchor": Field("L", torch.int64, 0, "number of the trunk mention a token belongs to or hangs from; 0 for none"),
    "entity_positions": Field("E", torch.int64, 0, "token position an entity slot is aligned with"),
    "entity_ids": Field("E", torch.int64, -1, "table row + 1; 0 is the zero vector, -1 an empty slot"),
    "entity_vectors": Field("EW", torch.float32, 0.0, "frozen entity vectors of the slots"),
    "mark_positions": Field("M", torch.int64, -1, "token position of each marker that opens a marked span"),
    "label": Field("", torch.int64, IGNORE, "class index"),
    "number": Field("", torch.float32, float("nan"), "the number that is asked for; nan where it is not known"),
    "answer_tokens": Field(
        "Z", torch.int64, IGNORE, "first and last token of the answer; both 0, which is [CLS], where the row holds none"
    ),
    "character_spans": Field(
        "LZ",
        torch.int32,
        -1,
        "first character of a token that may answer and the one behind its last; -1 for other tokens",
    ),
    "characters": Field("T", torch.int32, -1, "the text that these tokens cover, a code point each"),
    "right_answers": Field(
        "NT", torch.int32, -1, "answers that count as right, a code point each; none: there is no answer"
    ),
    "group": Field("", torch.int64, -1, "number of the question that the row is one choice for"),
    "labels": Field("C", torch.float32, 0.0, "1 for every class that applies"),
    "word_positions": Field(
        "S", torch.int64, -1, "first token of each word that is tagged; -1 where truncation cut it away"
    ),
    "word_ends": Field("S", torch.int64, -1, "last token of each word that is tagged; -1 where truncation cut it away"),
    "tags": Field("S", torch.int64, IGNORE, "tag index of each word"),
    "tag_sets": Field(
        "SC", torch.int8, IGNORE, "1 for every tag that is right for a word; ignored where it has no gold"
    ),
    "word_of": Field("L", torch.int64, 0, "number of the word a token belongs to, from 1; a special token is a word"),
    "role_tags": Field("AS", torch.int64, 0, "tag of each word in each predicate-argument structure that is read"),
    "mlm_labels": Field("L", torch.int64, IGNORE, "original token where a masker changed it"),
    "sense_spans": Field("NZ", torch.int64, -1, "first position of each hidden split word and the one behind its last"),
    "sense_allowed": Field("NC", torch.bool, 0, "True for every supersense such a word may have"),
    "next_sentence": Field("", torch.int64, IGNORE, "1 when the second text was drawn at random"),
    "entity_labels": Field("E", torch.int64, IGNORE, "row of candidate_vectors that belongs to the slot"),
    "candidate_ids": Field(
        "N", torch.int64, 0, "table row + 1 of each distinct entity of the batch; a field of the whole batch"
    ),
    "candidate_vectors": Field("NW", torch.float32, 0.0, "their frozen vectors; a field of the whole batch"),
    "regions": Field(
        "R", torch.int64, 0, "1 for a region of the picture, the first is the whole picture; a row without one has none"
    ),
    "region_boxes": Field("RX", torch.float32, 0.0, "x1, y1, x2, y2 as parts of the picture's width and height"),
    "region_features": Field("RV", torch.float32, 0.0, "stored features of the regions"),
    "mean_region": Field("", torch.int64, 0, "1 where the first region's feature is the mean of the others'"),
    "picture": Field(
        "QYX", torch.float32, 0.0, "pixels as the region features want them, for those that are computed in training"
    ),
    "picture_size": Field("Z", torch.int64, 0, "width and height in pixels of the picture inside its padding"),
    "token_regions": Field("L", torch.int64, 0, "region whose look a token carries; 0 is the whole picture"),
    "hidden_regions": Field("R", torch.int64, 0, "1 where a masker hid the region"),
    "region_labels": Field(
        "RK", torch.float32, 0.0, "soft classes of the regions that are asked for; 0 for all others"
    ),
    "region_targets": Field("R", torch.float32, IGNORE, "1 for the regions a text means, 0 for the others"),
    "region_masks": Field("RYX", torch.float32, 1.0, "1 where a place in the box of a region belongs to what is meant"),
    "region_kinds": Field("R", torch.int64, IGNORE, "class number of what a region shows, where that is known"),
    "sentence_image": Field("", torch.int64, IGNORE, "1 when text and picture belong together, 0 when not"),
    PACKED: Field(
        "GP",
        torch.int64,
        0,
        "number of the example, from 1, that has each place of the layers' rows; of the whole batch",
    ),
    ALL_VISIBLE: Field("", torch.int64, 1, "there, and 1, where every row is one text without branches"),
    "epoch": Field("", torch.int64, 0, "how often the row was given out before; with it maskers draw anew each time"),
    "row": Field("", torch.int64, -1, "index of the example in its file, so that predictions keep their order"),
}


def code_points(text: str) -> np.ndarray:
    """A text as a field: ``[T] int32``; :func:`written` is the inverse."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.int32)


def written(points: np.ndarray) -> str:
    """The text that ``[T]`` code points spell; padding is left out."""
    return points[points >= 0].astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
