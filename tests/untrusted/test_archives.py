"""Archives stay in their folder, and none unpacks to more than the memory should hold."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

import kg.lines
import kplm.data.sources.base as base
import vision.addresses as addresses
from kg import KgError, TripleStore
from kg.importing import import_table
from kplm.convert.weights import read_weights
from kplm.data.sources import JsonLines, PlainText, Raganato, Squad
from kplm.errors import CheckpointError, DataError
from vision.addresses import read_bytes
from vision.errors import VisionError
from vision.regions import Caffe
from vision.stored import read_stored

OUTSIDE = ("../secret", "x/../../secret", "/../secret")


def test_a_folder_that_stands_for_an_archive_gives_no_file_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"a")
    (tmp_path / "images" / "link.png").symlink_to(tmp_path / "secret")
    assert read_bytes(f"{tmp_path}/images.zip@/a.png") == b"a"
    for name in (*OUTSIDE, f"/{tmp_path}/secret", "link.png"):
        with pytest.raises(VisionError, match=r"lies outside of .*images.*path inside"):
            read_bytes(f"{tmp_path}/images.zip@/{name}")


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a.png").write_bytes(b"a")
    (tmp_path / "images").symlink_to(tmp_path / "there")
    assert read_bytes(f"{tmp_path}/images.zip@/a.png") == b"a"


def test_members_called_like_files_elsewhere_are_members(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../secret", b"inside")
        link = zipfile.ZipInfo("link.png")
        link.external_attr = 0o120777 << 16  # a symbolic link
        archive.writestr(link, str(tmp_path / "secret"))
    assert read_bytes(f"{tmp_path}/a.zip@/../secret") == b"inside"
    assert read_bytes(f"{tmp_path}/a.zip@/link.png") == str(tmp_path / "secret").encode(), (
        "the link is read, not followed"
    )
    with pytest.raises(VisionError, match="There is no 'x/../../secret' inside"):
        read_bytes(f"{tmp_path}/a.zip@/x/../../secret")


def test_a_member_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "LARGEST", 1 << 16)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(1 << 17))
    with pytest.raises(VisionError, match=r"'a.png' inside .*a.zip unpacks to 131,072 bytes; 65,536 is the most"):
        read_bytes(f"{tmp_path}/a.zip@/a.png")


def test_arrays_that_unpack_to_too_much_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vision.stored.files.LARGEST", 1 << 16)
    np.savez_compressed(tmp_path / "a.npz", features=np.zeros(1 << 15), boxes=np.zeros(4))
    with pytest.raises(VisionError, match=r"a.npz: .*unpack to .* and 65,536 is the most"):
        read_stored(tmp_path / "a.npz")


def bomb(path: Path) -> Path:
    """Tensors as `torch.save` writes them, packed afterwards."""
    file = io.BytesIO()
    torch.save({"weight": torch.zeros(1 << 23)}, file)
    with zipfile.ZipFile(file) as whole, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in whole.namelist():
            archive.writestr(name, whole.read(name))
    return path


def test_checkpoints_that_unpack_to_far_more_than_their_size_are_refused(tmp_path: Path) -> None:
    path = bomb(tmp_path / "a.pth")
    with pytest.raises(
        CheckpointError, match=r"a.pth is damaged.*unpacks to 33,\d+,\d+ bytes, more than 16 times its size"
    ):
        read_weights(path)
    with pytest.raises(VisionError, match=r"a.pth: it unpacks to 33"):
        Caffe("resnet18", str(path))
    with pytest.raises(KgError, match=r"a.pth cannot be read.*unpacks to 33"):
        import_table(path, tmp_path / "out")


def test_lines_and_documents_that_unpack_to_too_much_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "UNPACKED", 1000)
    monkeypatch.setattr(kg.lines, "LONGEST", 1000)
    for name, content in (
        ("a.txt.gz", b"x" * 2000),
        ("a.jsonl.gz", b"{" * 2000),
        ("a.json.gz", b"[\n" * 600),
        ("a.tsv.gz", b"x" * 2000),
    ):
        (tmp_path / name).write_bytes(gzip.compress(content))
    for source, name, what in (
        (PlainText(), "a.txt.gz", "line"),
        (JsonLines(), "a.jsonl.gz", "line"),
        (Squad(), "a.json.gz", "document"),
    ):
        with pytest.raises(DataError, match=rf"{name} unpacks to a {what} of more than 1,000 bytes"):
            list(source.read(tmp_path / name))
    with pytest.raises(KgError, match=r"a.tsv.gz unpacks to a line of 1,000 characters or more"):
        TripleStore.open(tmp_path / "a.tsv.gz")


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">\n' for n in range(1, 10))


@pytest.mark.parametrize(
    "head",
    [
        f'<!DOCTYPE corpus [\n<!ENTITY l0 "ha">\n{LAUGHS}]>',
        '<!DOCTYPE corpus [<!ENTITY l9 SYSTEM "secret">]>',
        '<!DOCTYPE corpus [<!ENTITY % l9 SYSTEM "secret"> %l9;]>',
    ],
    ids=["bomb", "external", "parameter"],
)
def test_xml_with_entities_of_its_own_is_refused(tmp_path: Path, head: str) -> None:
    (tmp_path / "secret").write_text("s")
    (tmp_path / "a.data.xml").write_text(f'{head}\n<corpus><sentence id="s"><wf>&l9;</wf></sentence></corpus>\n')
    (tmp_path / "a.gold.key.txt").write_text("")
    with pytest.raises(DataError, match=r"a.data.xml:\d+: entities of a file's own are not read"):
        list(Raganato().read(tmp_path / "a.data.xml"))


def test_xml_nested_very_deeply_ends(tmp_path: Path) -> None:
    (tmp_path / "a.data.xml").write_text("<a>" * 200_000)
    (tmp_path / "a.gold.key.txt").write_text("")
    with pytest.raises(DataError, match="not XML"):
        list(Raganato().read(tmp_path / "a.data.xml"))
