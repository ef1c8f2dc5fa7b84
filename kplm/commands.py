"""What stands behind the ``kplm`` command: its groups, its single commands, and the functions that each of them calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kplm.knowledge import Knowledge

Command = Callable[..., Any]
"""A function whose arguments are the options; a path that it returns is told as written."""


def _kg() -> dict[str, Command]:
    from kg import commands, importing, linking_commands
    from kg.neighbours import neighbours

    return {
        "train": commands.train,
        "import": importing.import_command,
        "link": linking_commands.link,
        "index": linking_commands.index,
        "anchors": linking_commands.anchors,
        "neighbours": neighbours,
        "save": commands.save,
        "info": commands.info,
    }


def _vision() -> dict[str, Command]:
    from vision import commands

    return {
        "extract": commands.extract,
        "import": commands.import_features,
        "scenes": commands.scenes,
        "info": commands.info,
    }


def _inspect() -> dict[str, Command]:
    from kplm.inspect.regions import regions
    from kplm.inspect.tree import tree

    return {"tree": tree, "regions": regions}


def _score() -> dict[str, Command]:
    from kplm import score

    return {"vcr": score.vcr, "vcr-leaderboard": score.vcr_leaderboard, "vqa": score.vqa_leaderboard}


def _convert() -> dict[str, Command]:
    from kplm import authors

    return {"ernie-thu": authors.convert_ernie_thu, "kbert": authors.convert_kbert, "vlbert": authors.convert_vlbert}


def _prepare() -> Command:
    from kplm.data.corpus.prepare import prepare

    return prepare


def _export() -> Command:
    from kplm.hub import export

    return export


GROUPS: dict[str, Callable[[], dict[str, Command]]] = {
    "kg": _kg,
    "vision": _vision,
    "inspect": _inspect,
    "score": _score,
    "convert": _convert,
}
SINGLE: dict[str, Callable[[], Command]] = {"prepare": _prepare, "export": _export}


def predict(
    model: str,
    source: str,
    target: str,
    device: str = "cpu",
    knowledge: Knowledge = "on",
    graph: str | None = None,
    boxes: str | None = None,
) -> None:
    """Answer every text of a file with a trained model and write JSON lines in the same order.

    Args:
        model: folder written by ``kplm export``, or a checkpoint.
        source: a .txt file with one text a line, or JSON lines with ``text`` and perhaps marks and links.
        target: JSON lines file to write; it appears only when it is whole.
        device: cpu, cuda, ...
        knowledge: on, off, shuffled, or an ablation.
        graph: take the knowledge from this graph instead of the one the model was trained with; also written --data.graph.
        boxes: where boxes come from of pictures without any: a file, detector, search or grid:3x3.
    """
    from kplm.predict import load, predict_file

    predict_file(load(model, device, knowledge, graph, boxes), source, target)
    print(f"wrote {target}")
