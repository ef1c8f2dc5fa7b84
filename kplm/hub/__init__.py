"""Loading and saving models, and the encoders that configs name."""

from kplm.hub.folders import export, from_pretrained, load_finetuned, save_pretrained
from kplm.hub.starts import bert, ernie_thu, published_layers, sembert, sensebert, vlbert

__all__ = [
    "bert",
    "ernie_thu",
    "export",
    "from_pretrained",
    "load_finetuned",
    "published_layers",
    "save_pretrained",
    "sembert",
    "sensebert",
    "vlbert",
]
