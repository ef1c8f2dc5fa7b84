"""What a run does with its knowledge sources."""

from __future__ import annotations

from typing import Literal

Knowledge = Literal["on", "off", "shuffled", "no_soft_positions", "no_visible_matrix"]
"""'shuffled' keeps the shape of the knowledge and breaks its facts: the control that shows whether the facts matter.
The last two are the ablations of K-BERT, see :class:`kplm.data.annotate.Tree`; other sources stay on in them."""
