"""Zip archives that nobody vouches for: how much they may unpack to."""

from __future__ import annotations

from collections.abc import Sequence
from zipfile import ZipInfo

TIMES = 16
"""So many times its own size an archive of tensors may unpack to; `torch.save` packs nothing, so what it writes is once."""
SLACK = 1 << 24


def refuse_bomb(members: Sequence[ZipInfo], size: int) -> None:
    """Refuse an archive of tensors that would fill the memory.

    Args:
        members: of the archive.
        size: bytes of the archive itself.

    Raises:
        ValueError: all members together are far larger.
    """
    whole = sum(member.file_size for member in members)
    if whole > TIMES * size + SLACK:
        raise ValueError(f"it unpacks to {whole:,} bytes, more than {TIMES} times its {size:,}")
