"""``kplm inspect regions``: the regions of a picture, and how much the answer to a question looked at each."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from kplm.data.annotate import Regions
from kplm.data.collate import Collator
from kplm.data.example import Example, Picture
from kplm.data.sources.jsonl import ASKED
from kplm.errors import DataError, KplmError
from kplm.inspect.attention import last_attention
from kplm.inspect.fonts import families
from kplm.inspect.tree import write
from vision.errors import VisionError
from vision.pictures import opened

if TYPE_CHECKING:
    from PIL.Image import Image

    from kplm.predict import Predictor

INK = "#d62728"


@dataclass(frozen=True)
class Glance:
    """Where an answer looked."""

    question: str
    answers: dict[str, float]
    """The likeliest answers with their scores."""
    boxes: list[list[float]]
    """``[R, 4]`` in parts of the picture, the whole picture first."""
    shares: list[float]
    """``[R]``, the attention that each region gets; the rest goes to words."""


def regions(
    image: str, question: str, *, model: str, out: str | None = None, device: str = "cpu", boxes: str | None = None
) -> None:
    """Show which regions of a picture the answer to a question looked at.

    The attention is that of the last layer from the position the answer is read at, averaged over the heads.

    Args:
        image: a PNG or JPEG file.
        question: asked about it.
        model: folder written by ``kplm export``, or a checkpoint, trained on questions about pictures.
        out: also write the picture with its boxes, FILE.png.
        device: cpu, cuda, ...
        boxes: where the regions come from: a file, detector, search or grid:3x3; by default as in training.
    """
    from kplm.predict import load  # brings Lightning, which the other inspections do without

    if out is not None and Path(out).suffix.lower() != ".png":
        raise KplmError(f"--out {out}: only pictures are written; give FILE.png.")
    found = glance(load(model, device, boxes=boxes), image, question)
    print("\n".join(lines(found)))
    if out is not None:
        write(Path(out).expanduser(), drawn(found, _picture(image)))
        print(f"wrote {out}")


def glance(predictor: Predictor, image: str, question: str) -> Glance:
    """The answer to one question, and where it looked.

    Raises:
        KplmError: the model reads no regions, or answers from no single position.
        DataError: the picture cannot be read.
    """
    text, network = predictor.text, predictor.model
    if not any(isinstance(one, Regions) for one in text.annotators):
        raise KplmError(
            f"this {type(network.encoder).__name__} reads no regions. Load a model that was trained with pictures."
        )
    [row] = text([Example(question, ASKED, picture=Picture(image))])
    whole = Collator([one.complete for one in text.annotators])([text.fetch(row)])
    batch = {name: values.to(network.device) for name, values in whole.items()}
    weights = last_attention(network.encoder, batch)[0].mean(0)  # [L + R + 1, L + R + 1]
    length, count = batch["input_ids"].shape[1], batch["regions"].shape[1]
    seen = weights[_asking(batch), length : length + count]
    [(_, answer)] = network.predict_step(batch, 0)
    return Glance(question, answer.get("scores", {}), batch["region_boxes"][0].tolist(), seen.tolist())


def lines(found: Glance) -> list[str]:
    """The answers and the regions, for a terminal."""
    best = ", ".join(f"{answer} ({score:.2f})" for answer, score in found.answers.items())
    rows = [
        f"{number:6}  {share:9.1%}  " + ", ".join(f"{side:.2f}" for side in box)
        for number, (share, box) in enumerate(zip(found.shares, found.boxes))
    ]
    return [
        f"{found.question}  {best}",
        "region  attention  x1, y1, x2, y2 (parts of the picture; 0 is the whole)",
        *rows,
    ]


def drawn(found: Glance, image: Image) -> bytes:
    """A PNG: the picture with its boxes, the stronger the more they are looked at."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    width, height = image.size
    figure = Figure(figsize=(7, 1 + 7 * min(max(height / width, 0.3), 2)), dpi=120)
    axes = figure.add_subplot()
    axes.imshow(image)
    axes.set_axis_off()
    top = max(found.shares, default=0.0) or 1.0
    for box, share in zip(found.boxes, found.shares):
        left, high, right, low = (side * one for side, one in zip(box, (width, height, width, height)))
        strong: dict[str, Any] = {"ec": INK, "lw": 0.5 + 3 * share / top, "alpha": 0.25 + 0.75 * share / top}
        axes.add_patch(Rectangle((left, high), right - left, low - high, fill=False, **strong))
        axes.text(
            left,
            high,
            f"{share:.0%}",
            size=8,
            color="white",
            va="top",
            bbox={"fc": INK, "lw": 0, "pad": 1, "alpha": strong["alpha"]},
        )
    best = ", ".join(f"{answer} {score:.2f}" for answer, score in list(found.answers.items())[:3])
    axes.set_title(f"{found.question}\n{best}", fontsize=11, fontfamily=families(found.question + best))
    content = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(content, format="png", bbox_inches="tight", metadata={"Software": None})
    return content.getvalue()


def _asking(batch: dict[str, torch.Tensor]) -> int:
    """Where the answer is read: the first token of the second text."""
    return int((batch["segment_ids"][0] == 1).long().argmax())


def _picture(image: str) -> Image:
    try:
        return opened(image)
    except VisionError as error:
        raise DataError(str(error)) from error
