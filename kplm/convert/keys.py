"""One aligned table for each official checkpoint format, read in both directions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

from torch import Tensor

from kplm.errors import CheckpointError

State = dict[str, Tensor]
OLD_NAMES = {"gamma": "weight", "beta": "bias"}
"""What TensorFlow, the first PyTorch ports and UER call the tensors of a LayerNorm."""
NORMS = ("LayerNorm", "layer_norm")
WORDS = "embeddings.terms.input_ids.weight"
SHOWN = 10


class KeyTable:
    """Names of modules and parameters in two aligned columns, theirs and ours; the longest prefix wins.

    Args:
        rows: lines ``theirs  ours``; a letter or word in braces, such as ``{i}``, stands for layer numbers.
        dropped: prefixes of their names that have no counterpart here.
        layers: for every name in braces, the layers it stands for.
    """

    def __init__(self, rows: str, dropped: Iterable[str] = (), **layers: Iterable[int]) -> None:
        pairs = list(_expand(rows, {name: list(numbers) for name, numbers in layers.items()}))
        self.dropped = tuple(dropped)
        self._ours, self._theirs = dict(pairs), {ours: theirs for theirs, ours in pairs}

    def to_ours(
        self, state: Mapping[str, Tensor], expected: Mapping[str, Tensor], optional: Iterable[str] = ()
    ) -> State:
        """Rename a checkpoint and hold it against a model.

        Args:
            state: their tensors.
            expected: the model's ``state_dict()``, on any device; only names and shapes are read.
            optional: prefixes of our names that the checkpoint may lack; the result lacks them too.

        Raises:
            CheckpointError: keys are missing or unexpected, or a shape differs.
        """
        kept = {modern(key): tensor for key, tensor in state.items() if not _under(key, self.dropped)}
        named = {key: _rename(key, self._ours) for key in kept}
        unexpected = [key for key, ours in named.items() if ours not in expected]
        found = {ours: kept[key] for key, ours in named.items() if ours is not None and ours in expected}
        missing = [self.theirs(key) for key in expected if key not in found and not _under(key, optional)]
        _check_keys(missing, unexpected)
        for key, tensor in found.items():
            _check_shape(self.theirs(key), key, tensor, expected[key])
        return found

    def known(self, state: Mapping[str, Tensor]) -> State:
        """Those tensors of a checkpoint that have a counterpart here, renamed; the rest is passed over."""
        named = ((_rename(modern(key), self._ours), tensor) for key, tensor in state.items())
        return {ours: tensor for ours, tensor in named if ours is not None}

    def to_theirs(self, state: Mapping[str, Tensor]) -> State:
        """Rename our tensors back, detached; the inverse of :meth:`to_ours`.

        Raises:
            CheckpointError: a name has no counterpart in their format.
        """
        named = {key: _rename(key, self._theirs) for key in state}
        _check_keys([], [key for key, theirs in named.items() if theirs is None])
        return {str(named[key]): tensor.detach() for key, tensor in state.items()}

    def theirs(self, key: str) -> str:
        """Their name of one of our parameters; our own name where the table has none."""
        return _rename(key, self._theirs) or key


def modern(key: str) -> str:
    """``gamma`` and ``beta`` of a LayerNorm under their present names."""
    head, _, tail = key.rpartition(".")
    return f"{head}.{OLD_NAMES[tail]}" if tail in OLD_NAMES and any(name in head for name in NORMS) else key


def matrix(state: Mapping[str, Tensor], key: str, shape: str = "[rows, columns]") -> Tensor:
    """A tensor of a checkpoint whose sizes tell those of the model.

    Args:
        state: their tensors.
        key: their name of it.
        shape: what it must be, for messages.

    Returns: two dimensions, neither of them empty.

    Raises:
        CheckpointError: it is not there, or of another shape.
    """
    found = state.get(key)
    if found is None or found.ndim != 2 or not found.numel():
        got = "no such tensor" if found is None else f"the shape {list(found.shape)}"
        raise CheckpointError(
            f"{key} must have the shape {shape}, the checkpoint has {got}. Use an unaltered checkpoint of this system."
        )
    return found


def _expand(rows: str, layers: Mapping[str, list[int]]) -> Iterator[tuple[str, str]]:
    for line in filter(None, map(str.strip, rows.splitlines())):
        theirs, ours = line.split()
        names = [name for name in layers if f"{{{name}}}" in theirs]
        if not names:
            yield theirs, ours
        for name in names:
            for number in layers[name]:
                yield theirs.replace(f"{{{name}}}", str(number)), ours.replace(f"{{{name}}}", str(number))


def _rename(key: str, prefixes: Mapping[str, str]) -> str | None:
    for prefix in reversed(list(accumulate(key.split("."), "{}.{}".format))):
        if prefix in prefixes:
            return prefixes[prefix] + key[len(prefix) :]
    return None


def _under(key: str, prefixes: Iterable[str]) -> bool:
    return any(key == prefix or key.startswith(f"{prefix}.") for prefix in prefixes)


def _check_keys(missing: list[str], unexpected: list[str]) -> None:
    if missing or unexpected:
        lists = _listed("missing", missing) + _listed("unexpected", unexpected)
        raise CheckpointError(
            f"the checkpoint does not fit the model.\n{lists}Check that weights and config come from the same model "
            f"(number and types of layers, kind of head), and that the file is of this system."
        )


def _listed(what: str, keys: list[str]) -> str:
    more = f", and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return f"{len(keys)} {what}: {', '.join(sorted(keys)[:SHOWN])}{more}\n" if keys else ""


def _check_shape(theirs: str, ours: str, got: Tensor, want: Tensor) -> None:
    if got.shape == want.shape:
        return
    if ours.endswith(WORDS) and got.shape[1:] == want.shape[1:]:
        raise CheckpointError(
            f"{theirs} has {got.shape[0]} rows, but the config says vocab_size={want.shape[0]}. "
            f"Set vocab_size={got.shape[0]}, or use the weights and the vocabulary that belong to this config."
        )
    raise CheckpointError(
        f"{theirs} has the shape {list(got.shape)}, the config asks for {list(want.shape)}. "
        f"Use the config file that was saved with these weights."
    )
