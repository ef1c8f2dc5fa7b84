"""A converted encoder with its fine-tuned head."""

from __future__ import annotations

from typing import Any

from kplm.heads import Head
from kplm.models import BaseEncoder
from kplm.training import Finetune


def finetuned(encoder: BaseEncoder, head: Head, text: dict[str, Any] | None, task: str) -> Finetune:
    """The model as training would have left it; ``text`` describes its text side."""
    weights = {f"head.{name}": value for name, value in head.state_dict().items()}
    weights |= {f"encoder.{name}": value for name, value in encoder.state_dict().items()}
    model = Finetune(encoder, head, head.names)
    model.load_state_dict(weights, strict=False)
    model.text = None if text is None else {**text, "task": task}
    return model
