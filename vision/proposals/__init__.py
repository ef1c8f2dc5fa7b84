"""Where boxes come from: a file, a detector, selective search, a grid. Each is called with a picture's name and the picture."""

from vision.proposals.base import BoxSource
from vision.proposals.detected import Detected
from vision.proposals.file import BoxFile
from vision.proposals.grid import Grid
from vision.proposals.search import SelectiveSearch

__all__ = ["BoxFile", "BoxSource", "Detected", "Grid", "SelectiveSearch"]
