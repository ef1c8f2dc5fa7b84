"""Made-up scenes of coloured shapes: pictures whose boxes, captions, statements, questions and answers are exact."""

from vision.scenes.scene import CLASSES, COLOURS, KINDS, Scene, Shape, scene
from vision.scenes.write import write_scenes

__all__ = ["CLASSES", "COLOURS", "KINDS", "Scene", "Shape", "scene", "write_scenes"]
