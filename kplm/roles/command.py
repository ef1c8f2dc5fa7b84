"""``kplm roles``: label a file with the semantic roles of its sentences."""

from __future__ import annotations

from pathlib import Path

from kplm.data.answer_file import predict_file
from kplm.data.sources import Source
from kplm.roles.answers import RoleAnswers
from kplm.roles.opening import open_source


def roles(source: str, target: str, by: str = "rules", reader: Source | None = None) -> Path:
    """Label the sentences of a file with who did what to whom, by rules, a trained labeller or files that have them.

    What is written can be read where roles are: ``--by TARGET``, ``kplm inspect roles --source TARGET``, and in a YAML
    ``kplm.data.roles.Files``. Sentences given as words keep them; others are cut as PropBank cuts them ("do", "n't").

    Args:
        source: a .txt file with one sentence a line, or JSON lines with ``text``, or ``words``.
        target: JSON lines to write, in the order of the source; they appear only when they are whole.
        by: who tells the roles: rules (of spaCy's parse); the folder or checkpoint of a trained labeller; or a file that has the
            sentences.
        reader: how the source is written, where it is neither; such as kplm.data.sources.Srl.
    """
    predict_file(RoleAnswers(open_source(by)), source, target, reader=reader)
    return Path(target)
