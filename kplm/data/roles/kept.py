"""Roles that were found before, in the user's cache folder."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from hashlib import blake2b
from itertools import islice
from pathlib import Path

from tqdm import tqdm

from kplm.data.roles.base import Predicate, RoleSource, Words
from kplm.data.roles.packed import digest, packed, unpacked
from kplm.spec import to_spec

log = logging.getLogger(__name__)
FORMAT = 1
CHUNK = 512
"""Sentences that are asked for, and written, at once; so many are lost at most when the process is killed."""
PATIENCE = 60.0
"""Seconds to wait while another process writes."""
TABLE = "CREATE TABLE IF NOT EXISTS roles (sentence BLOB PRIMARY KEY, found TEXT NOT NULL) WITHOUT ROWID"


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/kplm/roles``, where the variable is not set ``~/.cache/kplm/roles``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kplm" / "roles"


class Kept(RoleSource):
    """A source whose roles are kept on disk, so that each sentence is labelled once.

    One SQLite file a source, named after the digest of its description and edition; in it the digest of a sentence's words and
    what was found. Several processes may use it at a time. Where it is damaged, it is begun anew; where it cannot be
    written, that is told once, and the source is asked each time.

    Args:
        source: who is asked for new sentences.
        folder: where the files lie; by default the cache folder of the user.
    """

    def __init__(self, source: RoleSource, folder: str | None = None) -> None:
        self.source, self.folder = source, folder and str(Path(folder).expanduser().resolve())
        self.init_args = {"source": source, "folder": self.folder}

    def __call__(self, sentences: Sequence[Words]) -> list[tuple[Predicate, ...]]:
        """The predicates of each sentence, from the cache or from the source."""
        path, keys = self.path, [digest(words) for words in sentences]
        asked = dict(zip(keys, sentences))
        found = self._read(path, asked)
        missing, keep = [key for key in asked if key not in found], True
        with tqdm(total=len(missing), desc="roles", unit=" sentences", disable=len(missing) <= CHUNK) as bar:
            for some in _chunks(missing):
                new = dict(zip(some, self.source.ask([asked[key] for key in some])))
                keep = keep and _write(path, new)
                found |= new
                bar.update(len(some))
        return [found[key] for key in keys]

    def words(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """The words of the source."""
        return self.source.words(texts)

    @property
    def edition(self) -> str:
        """That of the source."""
        return self.source.edition

    @property
    def path(self) -> Path:
        """The file in which the roles of this source are kept."""
        described = json.dumps([FORMAT, to_spec(self.source), self.source.edition], sort_keys=True, default=str)
        name = f"{type(self.source).__name__}-{blake2b(described.encode(), digest_size=12).hexdigest()}.sqlite"
        return (Path(self.folder) if self.folder else cache_folder()) / name

    def _read(self, path: Path, asked: Mapping[bytes, Words]) -> dict[bytes, tuple[Predicate, ...]]:
        found: dict[bytes, tuple[Predicate, ...]] = {}
        try:
            if not path.exists() or not path.stat().st_size:
                return found
            with closing(sqlite3.connect(path, timeout=PATIENCE)) as cache:
                for some in _chunks(asked):
                    marks = ",".join("?" * len(some))
                    rows = cache.execute(f"SELECT sentence, found FROM roles WHERE sentence IN ({marks})", some)
                    found |= {key: unpacked(text, len(asked[key])) for key, text in rows}
        except FileNotFoundError:  # another process begins it anew
            return found
        except (sqlite3.DatabaseError, ValueError, OSError) as error:
            _give_up(path, error)
        return found


def _write(path: Path, found: Mapping[bytes, Sequence[Predicate]]) -> bool:
    """Add what was found, all of it or nothing; tells whether to go on adding."""
    rows = [(key, packed(predicates)) for key, predicates in found.items()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=PATIENCE)) as cache, cache:
            cache.execute(TABLE)
            cache.executemany("INSERT OR REPLACE INTO roles VALUES (?, ?)", rows)
    except (sqlite3.Error, OSError) as error:
        return _give_up(path, error)
    return True


def _give_up(path: Path, error: Exception) -> bool:
    """Go on without the cache; what is damaged is removed, but not what is locked, not to be written, or on a full disk.

    Returns: whether it can be begun anew.
    """
    if isinstance(error, (sqlite3.OperationalError, OSError)):
        log.warning("Roles cannot be kept in %s: %s. What is not kept is found again next time.", path, error)
        return False
    log.warning("%s is damaged (%s); it is begun anew.", path, error)
    with suppress(OSError):
        path.unlink(missing_ok=True)
        path.with_name(f"{path.name}-journal").unlink(missing_ok=True)
    return True


def _chunks(keys: Sequence[bytes] | Mapping[bytes, Words]) -> Iterator[list[bytes]]:
    rest = iter(keys)
    while some := list(islice(rest, CHUNK)):
        yield some
