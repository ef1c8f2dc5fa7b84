"""Where things lie: a path, or a folder inside an installed package; and writing that is whole or absent."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TextIO

from kg.errors import KgError
from kg.json_text import from_json

PACKAGE = "package:"
META = "meta.json"
FULL = (errno.ENOSPC, errno.EDQUOT)


def locate(path: str | Path) -> Path:
    """The file or folder that ``path`` names; ``package:NAME/sub/folder`` lies inside the installed package NAME.

    Raises:
        KgError: nothing is there, or the package is not installed.
    """
    found = _in_package(str(path)) if str(path).startswith(PACKAGE) else Path(path).expanduser()
    if not found.exists():
        raise KgError(f"There is no file or folder {found} (asked for as '{path}'). Check the path.")
    return found


def _in_package(path: str) -> Path:
    name, _, inside = path.removeprefix(PACKAGE).partition("/")
    try:
        spec = find_spec(name) if name.isidentifier() else None  # a package that a file names is found, never imported
    except ValueError:  # a module such as __main__
        spec = None
    roots = list(spec.submodule_search_locations or ()) if spec else []
    if not roots:
        fix = f"Install it, or write {PACKAGE}NAME/folder with an importable NAME."
        raise KgError(f"'{path}' names the package '{name}', which cannot be imported. {fix}")
    return Path(roots[0]) / inside


@contextmanager
def whole_folder(path: str | Path, kind: str) -> Iterator[Path]:
    """A temporary folder beside ``path`` that becomes ``path`` at the end; a failure or Ctrl-C leaves nothing behind.

    Args:
        path: the folder to write; an older one is replaced only if its ``meta.json`` says that it is of ``kind``.
        kind: what the folder holds, such as ``kg.table``.

    Raises:
        KgError: the folder cannot be written, or ``path`` holds something else.
    """
    target = Path(path).expanduser()
    _refuse_foreign(target, kind)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent))
    except OSError as error:
        raise KgError(f"Cannot write {target}: {error}. Give a folder that can be written.") from error
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        _replace(temporary, target)
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise KgError(f"Cannot write {target}: {error}. Make room, or give a folder elsewhere.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _refuse_foreign(target: Path, kind: str) -> None:
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not target.is_dir() or read_meta(target).get("kind") != kind:
        raise KgError(f"{target} is there already and holds no {kind}, so it is not replaced. Give another path.")


def _replace(new: Path, target: Path) -> None:
    """Put ``new`` in the place of ``target``; the old folder is removed only after the new one stands."""
    if not target.exists():
        new.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".old", dir=target.parent))
    target.rename(old)
    new.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


@contextmanager
def whole_file(path: str | Path) -> Iterator[TextIO]:
    """A UTF-8 text file that appears at ``path`` only when all of it is written.

    Raises:
        KgError: the file cannot be written.
    """
    with whole_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        yield file


@contextmanager
def whole_path(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path``, whose file becomes that of ``path`` at the end; a failure or Ctrl-C leaves nothing behind.

    Raises:
        KgError: the file cannot be written.
    """
    target = Path(path).expanduser()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        os.close(handle)
    except OSError as error:
        raise KgError(f"Cannot write {target}: {error}. Give a path that can be written.") from error
    temporary = Path(name)
    try:
        yield temporary
        if target.is_dir():
            raise KgError(f"Cannot write {target}: it is a folder. Give the path of a file.")
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise KgError(f"Cannot write {target}: {error}. Make room, or give a path elsewhere.") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_meta(folder: Path, kind: str, content: dict[str, Any]) -> None:
    """Write ``meta.json``, which tells what a folder holds."""
    text = json.dumps({"kind": kind, "version": 1, **content}, ensure_ascii=False, indent=1)
    (folder / META).write_text(text + "\n", encoding="utf-8")


def read_meta(folder: Path) -> dict[str, Any]:
    """The content of ``meta.json``, empty where there is none.

    Raises:
        KgError: the file is there but is no JSON object.
    """
    try:
        content = from_json((folder / META).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise KgError(f"{folder / META} is damaged: {error}. Write the folder again.") from error
    return content if isinstance(content, dict) else {}
