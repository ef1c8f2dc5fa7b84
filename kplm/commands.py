"""What stands behind the ``kplm`` command: its groups, its single commands, and the functions that each of them calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kplm.knowledge import Knowledge

if TYPE_CHECKING:
    from kplm.data.sources import Source

Command = Callable[..., Any]
"""A function whose arguments are the options; a path that it returns is told as written."""


def _kg() -> dict[str, Command]:
    from kg import commands, importing, linking_commands
    from kg.neighbours import neighbours
    from kg.wordnet.command import wordnet

    return {
        "train": commands.train,
        "import": importing.import_command,
        "link": linking_commands.link,
        "index": linking_commands.index,
        "anchors": linking_commands.anchors,
        "neighbours": neighbours,
        "save": commands.save,
        "wordnet": wordnet,
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
    from kplm.inspect.roles import roles
    from kplm.inspect.senses import senses
    from kplm.inspect.tree import tree

    return {"tree": tree, "regions": regions, "roles": roles, "senses": senses}


def _score() -> dict[str, Command]:
    from kplm import score

    return {
        "vcr": score.vcr,
        "vcr-leaderboard": score.vcr_leaderboard,
        "vqa": score.vqa_leaderboard,
        "supersenses": score.supersenses,
        "squad": score.squad,
        "squad-leaderboard": score.squad_leaderboard,
        "srl": score.srl,
    }


def _convert() -> dict[str, Command]:
    from kplm import authors

    return {
        "ernie-thu": authors.convert_ernie_thu,
        "kbert": authors.convert_kbert,
        "sembert": authors.convert_sembert,
        "sensebert": authors.convert_sensebert,
        "vlbert": authors.convert_vlbert,
    }


def _vocab() -> dict[str, Command]:
    from kplm.vocab.extend import extend

    return {"extend": extend}


def _prepare() -> Command:
    from kplm.data.corpus.prepare import prepare

    return prepare


def _export() -> Command:
    from kplm.hub import export

    return export


def _roles() -> Command:
    from kplm.roles.command import roles

    return roles


GROUPS: dict[str, Callable[[], dict[str, Command]]] = {
    "kg": _kg,
    "vision": _vision,
    "inspect": _inspect,
    "score": _score,
    "convert": _convert,
    "vocab": _vocab,
}
SINGLE: dict[str, Callable[[], Command]] = {"prepare": _prepare, "export": _export, "roles": _roles}


def predict(
    model: str,
    source: str,
    target: str,
    device: str = "cpu",
    knowledge: Knowledge = "on",
    graph: str | None = None,
    boxes: str | None = None,
    reader: Source | None = None,
    bf16: bool = False,
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
        reader: how the source is written, where it is neither; such as kplm.data.sources.SupersenseJson.
        bf16: compute in bfloat16, which is faster on processors and devices that know it.
    """
    from kplm.data.answer_file import predict_file
    from kplm.predict import load

    predict_file(load(model, device, knowledge, graph, boxes, bf16), source, target, reader=reader)
    print(f"wrote {target}")
