"""One HTML page about the demo: the scores, what the vectors know, and some answers. No file beside it is needed."""

from __future__ import annotations

import base64
import html
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kg import EntityTable, TripleStore
from kg.places import whole_file
from kplm.demo.task import PATHS, Question, World

STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.3rem .8rem;border-bottom:1px solid #ddd;text-align:left}
img{max-width:100%}.bad{color:#b00}.good{color:#070}mark{background:#fe9}small{color:#666}"""


@dataclass(frozen=True)
class Report:
    """What the page shows."""

    store: TripleStore
    table: EntityTable
    train: Sequence[Question]
    test: Sequence[Question]
    answers: Sequence[tuple[Question, dict[str, Any]]]
    scores: str
    """The comparison's table in Markdown."""
    plot: Path

    def write(self, path: Path) -> None:
        """Write the page, whole or not at all."""
        with whole_file(path) as file:
            file.write(self._page())

    def _page(self) -> str:
        counts = Counter(question.label for question in self.test)
        majority = max(counts.values()) / len(self.test)
        return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>kplm demo</title><style>{STYLE}</style>
<h1>Does the graph help?</h1>
<p>The question: on which continent is the place, or the home of the person, that a sentence is about? The sentence does not say,
and none of the {len({q.entity for q in self.test})} entities of the test sentences occurs in training. BERT can use only what it
remembers of a name; ERNIE-THU also reads the entity's vector, trained on {len(self.store.triples):,} triples.</p>
{_table(self.scores)}
<p><small>{len(self.train):,} training and {len(self.test):,} test sentences; always answering the most frequent continent gives
{majority:.1%}. 'shuffled' gives every entity the vector of another: right shape, wrong facts.
'control' is BERT from the same weights.</small></p>
{_image(self.plot.read_bytes(), "scores")}
<h2>What the vectors know</h2>
<p>The entity vectors in two dimensions (principal components), coloured by continent. No vector was trained on a sentence.</p>
{_image(self._map(), "entity vectors")}
<h2>Some answers</h2>
<table><tr><th>sentence</th><th>answer</th><th>probability</th><th>right answer</th></tr>{"".join(map(_answer, self.answers))}</table>
</html>"""

    def _map(self) -> bytes:
        from matplotlib.figure import Figure

        world = World(self.store)
        known = [(entity, world.continent(entity, kind)) for kind in PATHS for entity in world.of_type(kind)]
        known = [(entity, place) for entity, place in known if place]
        vectors = self.table.vectors(self.table.rows([entity for entity, _ in known]))
        centred = vectors - vectors.mean(0)
        flat = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.subplots()
        for place in sorted({place for _, place in known if place}):
            own = np.array([place == other for _, other in known])
            axes.scatter(flat[own, 0], flat[own, 1], s=14, alpha=0.75, label=self.store.label(place))
        axes.legend(frameon=False, ncols=2, fontsize=9)
        axes.set_axis_off()
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=120)
        return buffer.getvalue()


def _image(data: bytes, title: str) -> str:
    return f'<img alt="{title}" src="data:image/png;base64,{base64.b64encode(data).decode()}">'


def _table(markdown: str) -> str:
    rows = [
        line.strip("|").split("|")
        for line in markdown.splitlines()
        if line.startswith("|") and not line.startswith("|-")
    ]
    head = "".join(f"<th>{html.escape(cell.strip())}</th>" for cell in rows[0])
    body = ("<tr>" + "".join(f"<td>{html.escape(cell.strip())}</td>" for cell in row) + "</tr>" for row in rows[1:])
    note = markdown.rstrip().splitlines()[-1]
    return f"<table><tr>{head}</tr>{''.join(body)}</table><p><small>{html.escape(note)}</small></p>"


def _answer(pair: tuple[Question, dict[str, Any]]) -> str:
    question, answer = pair
    text = question.text
    marked = f"{html.escape(text[: question.start])}<mark>{html.escape(text[question.start : question.end])}</mark>{html.escape(text[question.end :])}"
    kind = "good" if answer["label"] == question.label else "bad"
    return f'<tr><td>{marked}</td><td class="{kind}">{answer["label"]}</td><td>{answer["score"]:.2f}</td><td>{question.label}</td></tr>'
