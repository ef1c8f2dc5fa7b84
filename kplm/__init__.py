"""kplm: knowledge-enhanced, multimodal pretrained language models in PyTorch Lightning."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "load": "kplm.predict",
    "from_pretrained": "kplm.hub",
    "save_pretrained": "kplm.hub",
    "Encoder": "kplm.models",
    "ErnieThu": "kplm.models",
    "Finetune": "kplm.training",
    "Pretrain": "kplm.training",
    "TextData": "kplm.data.module",
    "CorpusData": "kplm.data.pretraining",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'kplm' has no attribute '{name}'; it offers {', '.join(_HOME)}")
    return getattr(import_module(_HOME[name]), name)
