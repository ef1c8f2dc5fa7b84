"""One JSON row whose fields are fetched with a type check and an error that names the file and line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from kplm.data.sources.base import describe, position
from kplm.errors import DataError, did_you_mean

T = TypeVar("T")

NUMBER = (int, float)

_NAMES: dict[type, str] = {str: "a string", int: "a whole number", list: "a list", dict: "an object"}


@dataclass(frozen=True)
class Row:
    """The fields of one row, read and never changed.

    Args:
        fields: the parsed JSON object.
        where: file and line, for messages.
        form: what such rows hold, for messages: "FewRel rows need tokens, h, t and relation."
    """

    fields: Mapping[str, Any]
    where: str
    form: str

    def get(self, name: str, kind: type[T]) -> T:
        """A required field of one JSON type."""
        if name not in self.fields:
            have = ", ".join(self.fields) or "no field at all"
            hint = did_you_mean(name, self.fields)
            raise self.error(f"field '{name}' is missing; this row has: {have}.{hint}")
        value = self.fields[name]
        if not is_a(value, kind):
            raise self.wrong(name, _NAMES.get(kind, kind.__name__), value)
        return value  # type: ignore[no-any-return]

    def has(self, name: str) -> bool:
        """Whether the field is there and is not null."""
        return self.fields.get(name) is not None

    def name(self, name: str) -> str:
        """A required id or label: a string, or a whole number that becomes one."""
        if is_a(self.fields.get(name), int):
            return str(self.fields[name])
        return self.get(name, str)

    def id(self) -> str:
        """The field ``id``, or the position in the file where the row has none."""
        return self.name("id") if self.has("id") else position(self.where)

    def strings(self, name: str) -> list[str]:
        """A required list of strings."""
        values = self.get(name, list)
        if not all(is_a(value, str) for value in values):
            raise self.wrong(name, "a list of strings", values)
        return values

    def entries(
        self, name: str, form: str, *kinds: type | tuple[type, ...], least: int | None = None
    ) -> list[list[Any]]:
        """A required list of short lists, such as ``[[0, 4, "head"]]``.

        Args:
            name: the field.
            form: how one entry looks, for messages: "[start, end, role]".
            kinds: the types of an entry's items; further items are ignored.
            least: how many items an entry must have; all of ``kinds`` if None.
        """
        values = self.get(name, list)
        for value in values:
            self.entry(name, value, form, *kinds, least=least)
        return values

    def entry(
        self, name: str, value: Any, form: str, *kinds: type | tuple[type, ...], least: int | None = None
    ) -> list[Any]:
        """Check one such short list, and return it."""
        enough = isinstance(value, list) and len(value) >= (len(kinds) if least is None else least)
        if not enough or not all(is_a(item, kind) for item, kind in zip(value, kinds)):
            raise self.wrong(name, f"made of {form}", value)
        return value  # type: ignore[no-any-return]

    def wrong(self, name: str, want: str, value: object) -> DataError:
        """The error for a field that holds something else than it should."""
        return self.error(f"field '{name}' must be {want}, got {describe(value)}.")

    def error(self, message: str) -> DataError:
        """An error about this row; the caller raises it."""
        return DataError(f"{self.where}: {message} {self.form}")


def is_a(value: object, kind: type | tuple[type, ...]) -> bool:
    """``isinstance`` as JSON means it: true and false are no numbers."""
    return isinstance(value, kind) and not isinstance(value, bool)
