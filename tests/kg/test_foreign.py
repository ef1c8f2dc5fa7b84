"""Vectors from elsewhere become the same table whatever their format; what is wrong with them is named, with its place."""

import errno
import gc
import gzip
import json
import logging
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kg import EntityTable, KgError
from kg.arrays import ArrayFile, map_arrays, write_arrays
from kg.foreign.formats import POSSIBLE
from kg.ids import CollectedIds, IdIndex
from kg.importing import import_command, import_table

IDS = ["Q1", "Q10", "柏林", "New York"]
VECTORS = np.array([[0.5, -1.25, 3], [1e-3, 2, -7.5], [0, 0, 0], [4, 5.5, -6]], np.float32)
LINES = ["\t".join(str(float(number)) for number in row) for row in VECTORS]
TEXT = "\n".join(LINES) + "\n"


def write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def openke(folder, ids="4\nQ1\t0\nQ10\t1\n柏林\t2\nNew York\t3\n", vectors=TEXT):
    folder.mkdir(exist_ok=True)
    write(folder / "entity2id.txt", ids)
    write(folder / "entity2vec.vec", vectors)
    return folder


def check(table, ids=IDS, vectors=VECTORS):
    assert table.ids(np.arange(len(table))) == list(ids)
    assert np.array_equal(table.vectors(np.arange(len(table))), vectors)
    assert table.rows([*reversed(ids), "nothing"]).tolist() == [*reversed(range(len(ids))), -1]
    assert (table.meta["entities"], table.meta["width"]) == vectors.shape


def refused(message, source, out, **settings):
    with pytest.raises(KgError, match=message):
        import_table(source, out, **settings)
    assert not out.exists()
    assert not [path for path in out.parent.iterdir() if path.name.startswith(f".{out.name}.")]


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def ids(tmp_path):
    return write(tmp_path / "ids.txt", "\n".join(IDS) + "\n")


# OpenKE


def test_openke_folder(tmp_path, out):
    table = import_table(openke(tmp_path / "kg_embed"), out)
    check(table)
    assert table.meta["format"] == "openke"


def test_openke_file_with_the_ids_beside_it_or_elsewhere(tmp_path, out, ids):
    folder = openke(tmp_path / "kg_embed")
    check(import_table(folder / "entity2vec.vec", out))
    (folder / "entity2id.txt").unlink()
    check(import_table(folder / "entity2vec.vec", out, ids=ids))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\t\n"),
        lambda text: text.replace("\t", " "),
        lambda text: text.replace("\t", "  ").replace("\n", " \n "),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text + "\n\n",
        lambda text: "\ufeff" + text,
        lambda text: text.replace("2.0", "+2"),
    ],
    ids=["tab at the end", "blanks", "many blanks", "windows", "blank lines at the end", "byte order mark", "plus"],
)
def test_openke_in_all_its_spellings(tmp_path, out, change):
    check(import_table(openke(tmp_path / "kg", vectors=change(TEXT)), out))


def test_rows_out_of_order_move_the_ids_and_not_the_vectors(tmp_path, out):
    ids = "4\nNew York\t3\n柏林\t2\nQ1\t0\nQ10\t1\n"
    check(import_table(openke(tmp_path / "kg", ids=ids), out))


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (
            "4\nQ1\t0\nQ2\t1\nQ3\t2\nQ4\t4\n",
            r"entity2id.txt:5: 'Q4' has row 4; 4 ids need each of the rows 0 to 3 once",
        ),
        ("4\nQ1\t0\nQ2\t1\nQ3\t1\nQ4\t3\n", r"entity2id.txt:4: 'Q2' and 'Q3' have row 1, none has row 2"),
        ("4\nQ1\t0\nQ2\t1\nQ3\t2\nQ1\t3\n", r"'Q1' occurs twice, in \S*entity2id.txt:2 and in \S*entity2id.txt:5"),
        ("4\nQ1\t3\nQ2\t1\nQ3\t2\nQ1\t0\n", r"'Q1' occurs twice, in \S*entity2id.txt:5 and in \S*entity2id.txt:2"),
        ("5\nQ1\t0\nQ2\t1\nQ3\t2\nQ4\t3\n", "has 4 ids, but its first line says 5. It may have been cut"),
        ("3\nQ1\t0\nQ2\t1\nQ3\t2\n", "has 3 ids, but there are more vectors"),
        ("5\nQ1\t0\nQ2\t1\nQ3\t2\nQ4\t3\nQ5\t4\n", "has 5 ids, but there are 4 vectors"),
        ("4\nQ1\t0\nQ2\tone\nQ3\t2\nQ4\t3\n", "entity2id.txt:3: got 'one' where the number of a row should be"),
        ("4\nQ1\t0\nQ2\t-1\nQ3\t2\nQ4\t3\n", "entity2id.txt:3: got '-1'"),
        ("4\nQ1\t0\nQ2\t9999999999999999999\nQ3\t2\nQ4\t3\n", "entity2id.txt:3: got '9999999999999999999'"),
        ("4\nQ1\t0\n\t1\nQ3\t2\nQ4\t3\n", "entity2id.txt:3: there is no id"),
        (b"4\nQ1\t0\n\xff\t1\nQ3\t2\nQ4\t3\n", "entity2id.txt:3: the id is not UTF-8"),
        ("", "entity2id.txt is empty"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "is a Git LFS pointer.*git lfs pull"),
    ],
)
def test_wrong_ids_are_named_with_file_and_line(tmp_path, out, ids, message):
    refused(message, openke(tmp_path / "kg", ids=ids), out)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1\t2", r"entity2vec.vec:2: the vector of 'Q10' \(row 1\) has 2 numbers, expected 3"),
        ("1\t2\t3\t4", r"entity2vec.vec:2: the vector of 'Q10' \(row 1\) has 4 numbers, expected 3"),
        ("", r"entity2vec.vec:2: the vector of 'Q10' \(row 1\) has 0 numbers"),
        ("1\tx2\t3", r"entity2vec.vec:2: the vector of 'Q10' \(row 1\) has 'x2', which is not a number"),
        ("1\t2,5\t3", r"has '2,5', which is not a number"),
        ("1\t1_0\t3", r"has '1_0', which is not a number"),
        ("1\tnan\t3", r"entity2vec.vec:2: the vector of 'Q10' \(row 1\) has a number that is NaN"),
        ("1\t-inf\t3", r"entity2vec.vec:2: .*infinite"),
        ("1\t1e39\t3", r"entity2vec.vec:2: .*too large for float32"),
    ],
)
def test_wrong_vectors_are_named_with_id_row_file_and_line(tmp_path, out, line, message):
    text = "\n".join([LINES[0], line, *LINES[2:]]) + "\n"
    refused(message, openke(tmp_path / "kg", vectors=text), out)


def test_hollow_files_are_named(tmp_path, out):
    refused("entity2vec.vec is empty", openke(tmp_path / "kg", vectors=""), out)
    refused("entity2vec.vec:1: there is a vector without numbers", openke(tmp_path / "kg", vectors="\n \n"), out)
    refused("entity2id.txt has no line that is not blank", openke(tmp_path / "kg", ids="\n \n"), out)
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    refused("Git LFS pointer", openke(tmp_path / "kg", vectors=pointer), out)
    (openke(tmp_path / "kg") / "entity2id.txt").unlink()
    refused("Cannot read .*entity2id.txt", tmp_path / "kg", out)


def test_a_file_cut_anywhere_in_its_last_line_is_refused_or_warned_about(tmp_path, out, caplog):
    text = TEXT.encode()
    start = text.rindex(b"\n", 0, -1) + 1
    for length in range(start, len(text)):
        caplog.clear()
        folder = openke(tmp_path / "kg", vectors=text[:length])
        if text[start:length].count(b"\t") < 2 or text[:length].endswith(b"\t"):
            refused("has 4 ids, but there are 3|has [012] numbers|not a number", folder, out)
        else:
            with caplog.at_level(logging.WARNING, "kg"):
                refused("not a number", folder, out) if text[:length].endswith(b"-") else import_table(folder, out)
            assert "the last line has no end" in caplog.text
            shutil.rmtree(out, ignore_errors=True)


# word2vec


def word2vec(path, header="4 3\n", separator=" ", end="\n"):
    rows = [separator.join([name, *line.split("\t")]) for name, line in zip(IDS, LINES)]
    return write(path, header + end.join(rows) + end)


@pytest.mark.parametrize("header", ["4 3\n", ""])
@pytest.mark.parametrize(("separator", "end"), [(" ", "\n"), (" ", " \n"), ("\t", "\n"), (" ", "\r\n")])
def test_word2vec_with_and_without_a_first_line_and_with_blanks_in_ids(tmp_path, out, header, separator, end):
    check(import_table(word2vec(tmp_path / "vectors.txt", header, separator, end), out))


def test_gzip_and_one_single_row(tmp_path, out):
    path = write(tmp_path / "vectors.txt.gz", gzip.compress(word2vec(tmp_path / "vectors.txt").read_bytes()))
    check(import_table(path, out))
    check(import_table(write(tmp_path / "one.vec", "1 3\nQ1 1 2 3\n"), out), ["Q1"], np.array([[1, 2, 3]], np.float32))


def test_a_truncated_gzip_is_named(tmp_path, out):
    whole = gzip.compress(word2vec(tmp_path / "vectors.txt").read_bytes())
    refused("truncated or damaged", write(tmp_path / "vectors.txt.gz", whole[:-12]), out)
    refused("truncated or damaged", write(tmp_path / "vectors.txt.gz", b"no gzip at all"), out)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("4 3\nQ1 1 2 3\n", "has 1 vectors, but its first line says 4"),
        ("2 3\nQ1 1 2 3\nQ2 1 2\n", r"vectors.txt:3: the vector of 'Q2' \(row 1\) has 2 numbers, expected 3"),
        ("2 3\nQ1 1 2 3\nQ2 1.0 2.0 3.0 4.0\n", r"vectors.txt:3: the vector of 'Q2 1.0' \(row 1\) has 4 numbers"),
        ("2 3\nQ1 1 2 3\nQ2 1 b 3\n", r"vectors.txt:3: the vector of 'Q2' \(row 1\) has 'b'"),
        ("2 3\nQ1 1 2 3\nQ2 1 nan 3\n", r"vectors.txt:3: the vector of 'Q2' \(row 1\) has a number that is NaN"),
        ("Q1 1 2 3\nQ2 1 2 3\nQ1 3 4 5\n", r"'Q1' occurs twice, in \S*vectors.txt:1 and in \S*vectors.txt:3"),
        ("2 3\nQ1 1 2 3\n 1 2 3\n", "vectors.txt:3: there is no id"),
        ("2 3\nQ1 1 2 3\n\nQ2 1 2 3\n", r"vectors.txt:3: .* has 0 numbers"),
        (b"2 3\nQ1 1 2 3\nQ\xff 1 2 3\n", "vectors.txt:3: the id is not UTF-8"),
        (b"2 3\nQ1 \x00\x00\x80\x3f\x00\x00\x80\x3f\x00\x00\x80\x3fQ2 \x00", r"vectors.txt:2: the vector of"),
        ("1 3\n", "has 0 vectors, but its first line says 1"),
        ("Q1\nQ2\n", "vectors.txt:1: there is a vector without numbers"),
    ],
)
def test_wrong_word2vec_is_named_with_id_file_and_line(tmp_path, out, text, message):
    refused(message, write(tmp_path / "vectors.txt", text), out)


def test_pieces_of_a_file_join_without_a_seam(tmp_path, out, monkeypatch):
    count = 300
    names = [f"id {number}" if number % 7 == 0 else f"Q{number}" for number in range(count)]
    vectors = np.random.default_rng(0).normal(size=(count, 5)).astype(np.float32)
    rows = [" ".join([name, *map(repr, row.tolist())]) for name, row in zip(names, vectors)]
    path = write(tmp_path / "vectors.txt", f"{count} 5\n" + "\n".join(rows) + "\n")
    for size in (1, 7, 100, 1000):
        monkeypatch.setattr("kg.foreign.pieces.PIECE", size)
        check(import_table(path, out), names, vectors)
    lines = "".join(f"{name}\t{row}\n" for row, name in enumerate(names))
    text = "\n".join("\t".join(map(repr, row.tolist())) for row in vectors) + "\n"
    for size in (1, 1000):
        monkeypatch.setattr("kg.foreign.pieces.PIECE", size)
        check(import_table(openke(tmp_path / "kg", f"{count}\n{lines}", text), out), names, vectors)


# arrays


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", ">f4"])
def test_npy_of_any_precision(tmp_path, out, ids, dtype, monkeypatch):
    monkeypatch.setattr("kg.foreign.opened.NUMBERS", 6)
    np.save(tmp_path / "vectors.npy", VECTORS.astype(dtype))
    check(import_table(tmp_path / "vectors.npy", out, ids=ids), vectors=VECTORS.astype(dtype).astype(np.float32))
    np.save(tmp_path / "vectors.npy", np.asfortranarray(VECTORS))
    check(import_table(tmp_path / "vectors.npy", out, ids=ids))


@pytest.mark.parametrize(
    "text",
    [
        "Q1\t0\nQ10\t1\n柏林\t2\nNew York\t3\n",
        "Q10\t1\nQ1\t0\nNew York\t3\n柏林\t2",
        "4\nQ1 0\nQ10 1\n柏林 2\nNew York 3\n",
    ],
)
def test_ids_with_rows(tmp_path, out, text):
    np.save(tmp_path / "vectors.npy", VECTORS)
    check(import_table(tmp_path / "vectors.npy", out, ids=write(tmp_path / "ids.tsv", text)))


def test_wrong_arrays_are_named(tmp_path, out, ids):
    path = tmp_path / "vectors.npy"
    np.save(path, VECTORS)
    refused("holds no ids. Give a file of ids", path, out)
    refused("has 3 ids, but there are more vectors", path, out, ids=write(tmp_path / "few", "Q1\nQ2\nQ3\n"))
    refused("few:2: there is no id", path, out, ids=write(tmp_path / "few", "Q1\n\nQ2\nQ3\n"))
    refused("has 5 ids, but there are 4 vectors", path, out, ids=write(tmp_path / "many", "a\nb\nc\nd\ne\n"))
    refused("no named tensors", path, out, ids=ids, tensor="weight")
    path.write_bytes(path.read_bytes()[:-3])
    refused("truncated", path, out, ids=ids)
    for wrong in (VECTORS[0], VECTORS.astype(int), VECTORS.astype(complex), VECTORS[None]):
        np.save(path, wrong)
        refused(r"needed: \[N, W\] of floating point", path, out, ids=ids)
    np.save(path, VECTORS[:0])
    refused("holds no numbers", path, out, ids=ids)
    np.save(path, np.array([None, {}]), allow_pickle=True)
    refused("holds no array of numbers", path, out, ids=ids)
    np.save(path, np.array([*VECTORS[:3], [1, 2, 1e300]]))
    refused(r"vectors.npy, row 3: the vector of 'New York' \(row 3\) has .*too large for float32", path, out, ids=ids)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_safetensors_with_one_matrix_or_a_named_one(tmp_path, out, ids, dtype):
    from safetensors.torch import save_file

    vectors = torch.from_numpy(VECTORS).to(dtype)
    path = tmp_path / "vectors.safetensors"
    save_file({"entities": vectors, "bias": vectors[0].clone()}, path)
    check(import_table(path, out, ids=ids), vectors=vectors.float().numpy())
    save_file({"entities": vectors, "relations": vectors[:2].clone()}, path)
    check(import_table(path, out, ids=ids, tensor="entities"), vectors=vectors.float().numpy())
    other = tmp_path / "other"
    refused(r"holds 2 matrices \(entities, relations\). Name one as tensor", path, other, ids=ids)
    refused("no matrix 'entity'. Did you mean 'entities'", path, other, ids=ids, tensor="entity")
    path.write_bytes(path.read_bytes()[:-1])
    refused("truncated or no safetensors", path, other, ids=ids, tensor="entities")


# PyKEEN


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder in which PyKEEN left all that it can, and the labels and vectors of the model.

    PyKEEN collects garbage again and again, which takes a second each time unless what is there is frozen.
    """
    from pykeen.checkpoints import save_model
    from pykeen.pipeline import pipeline
    from pykeen.triples import TriplesFactory

    folder = tmp_path_factory.mktemp("pykeen")
    names = ["Q1", "Q2", 'with "quotes"', "Zürich West", "with\ttab"]
    triples = np.array([[names[at], "next", names[(at + 1) % 5]] for at in range(5)])
    factory = TriplesFactory.from_labeled_triples(triples)
    gc.freeze()
    result = pipeline(
        training=factory,
        testing=factory,
        model="ComplEx",
        model_kwargs={"embedding_dim": 3},
        training_kwargs={
            "num_epochs": 1,
            "batch_size": 5,
            "checkpoint_name": "loop.pt",
            "checkpoint_directory": folder,
            "checkpoint_frequency": 0,
            "use_tqdm": False,
        },
        evaluation_kwargs={"use_tqdm": False},
        random_seed=0,
    )
    gc.unfreeze()
    result.save_to_directory(folder / "result")
    save_model(result.model, folder / "saved.pt")
    torch.save(result.model.state_dict(), folder / "state.pt")
    with torch.no_grad():
        vectors = torch.view_as_real(result.model.entity_representations[0](indices=None)).flatten(1).numpy()
    return folder, [factory.entity_id_to_label[row] for row in range(5)], vectors


def test_a_results_folder_of_pykeen(trained, out):
    folder, names, vectors = trained
    table = import_table(folder / "result", out)
    check(table, names, vectors)
    assert table.meta["format"] == "pykeen"


def test_a_training_checkpoint_of_pykeen_holds_its_ids(trained, out):
    folder, names, vectors = trained
    check(import_table(folder / "loop.pt", out), names, vectors)


@pytest.mark.parametrize("file", ["saved.pt", "state.pt"])
def test_the_state_of_a_pykeen_model_needs_a_file_of_ids(trained, out, file):
    folder, names, vectors = trained
    refused("tells no ids. Give a file of ids", folder / file, out)
    ids = folder / "result" / "training_triples" / "entity_to_id.tsv.gz"
    check(import_table(folder / file, out, ids=ids), names, vectors)


def test_a_checkpoint_with_the_best_epoch_gives_the_best(trained, tmp_path, out):
    folder, names, vectors = trained
    best = torch.load(folder / "loop.pt", weights_only=False)
    last = {name: value + 1 for name, value in best["model_state_dict"].items()}
    torch.save({**best, "model_state_dict": last, "best_epoch_model_checkpoint": best}, tmp_path / "loop.pt")
    check(import_table(tmp_path / "loop.pt", out), names, vectors)


def test_another_matrix_of_a_checkpoint_can_be_named(trained, tmp_path, out):
    folder, _, _ = trained
    name = "relation_representations.0._embeddings.weight"
    ids = write(tmp_path / "ids", "next\n")
    assert len(import_table(folder / "state.pt", out, ids=ids, tensor=name)) == 1
    refused("holds no matrix 'relations'", folder / "state.pt", tmp_path / "other", ids=ids, tensor="relations")


class Attack:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return eval, (self.command,)


def test_nothing_in_a_pickle_is_run(tmp_path, out):
    trace = tmp_path / "trace"
    attack = Attack(f"open({str(trace)!r}, 'w')")
    weights = {"entity_representations.0._embeddings.weight": torch.from_numpy(VECTORS)}
    content = {"model_state_dict": weights, "entity_to_id_dict": dict(zip(IDS, range(4))), "extra": attack}
    torch.save(content, tmp_path / "model.pt", pickle_protocol=pickle.HIGHEST_PROTOCOL)
    check(import_table(tmp_path / "model.pt", out))
    assert not trace.exists()
    torch.load(tmp_path / "model.pt", weights_only=False)
    assert trace.exists(), "the attack would have worked"


def test_files_that_are_no_checkpoint_are_named(trained, tmp_path, out):
    whole = (trained[0] / "loop.pt").read_bytes()
    refused("truncated, or was not written by torch.save", write(tmp_path / "model.pt", whole[:-100]), out)
    refused("was not written by torch.save", write(tmp_path / "model.pkl", pickle.dumps({"a": 1})), out)
    torch.save({"weights": [1, 2]}, tmp_path / "model.pt")
    refused("holds 0 matrices", tmp_path / "model.pt", out)
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), tmp_path / "script.pt")
    refused("was not written by torch.save", tmp_path / "script.pt", out)


# the command


def test_formats_are_told_where_none_is_found(tmp_path, out):
    folder = tmp_path / "folder"
    folder.mkdir()
    refused("holds nothing, and no vectors in a known format. Possible:\nopenke: ", folder, out)
    write(folder / "readme.md", "text")
    refused("holds readme.md, and no vectors", folder, out)
    refused("shows no format", folder / "readme.md", out)
    refused("shows no format", write(folder / "vectors.npy.gz", "text"), out)
    refused("There is no format 'w2v'", folder / "readme.md", out, format="w2v")
    refused("There is no scale 'standard'. Possible: none, unit", folder, out, scale="standard")
    refused("There is no file or folder", tmp_path / "nothing", out)
    assert {line.split(":")[0] for line in POSSIBLE.splitlines()} == {
        "openke",
        "word2vec",
        "npy, safetensors",
        "pykeen",
    }


def test_a_named_format_beats_the_ending(tmp_path, out, ids):
    check(import_table(word2vec(tmp_path / "vectors.dat"), out, format="word2vec"))
    refused("leave ids=.* out", tmp_path / "vectors.dat", tmp_path / "other", format="word2vec", ids=ids)


def test_unit_scale_gives_variance_one_and_keeps_the_geometry(tmp_path, out, monkeypatch):
    monkeypatch.setattr("kg.foreign.opened.NUMBERS", 6)
    table = import_table(openke(tmp_path / "kg"), out, scale="unit")
    scaled = table.vectors(np.arange(4))
    assert scaled.std() == pytest.approx(1, abs=1e-6)
    assert np.allclose(scaled, VECTORS * table.meta["scale_factor"])
    assert table.meta["scale_factor"] == pytest.approx(1 / VECTORS.std())


def test_the_command_prints_what_it_made(tmp_path, out, capsys):
    import_command(str(openke(tmp_path / "kg")), str(out))
    told = json.loads(capsys.readouterr().out)
    assert (told["out"], told["entities"], told["width"], told["format"]) == (str(out), 4, 3, "openke")


def test_an_older_table_is_replaced_and_something_else_is_not(tmp_path, out):
    EntityTable.write(out, ["old"], VECTORS[:1])
    check(import_table(openke(tmp_path / "kg"), out))
    with pytest.raises(KgError, match="holds no kg.table"):
        import_table(tmp_path / "kg", tmp_path / "kg")


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, out, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ArrayFile, "add", full)
    refused("No space left on device.*Make room", openke(tmp_path / "kg"), out)


def test_an_interruption_leaves_nothing(tmp_path, out, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(ArrayFile, "add", interrupted)
    folder = openke(tmp_path / "kg")
    with pytest.raises(KeyboardInterrupt):
        import_table(folder, out)
    assert list(tmp_path.iterdir()) == [folder]


def test_text_is_read_without_torch_and_pykeen(tmp_path, out):
    code = (
        "import sys; from kg.importing import import_table; import_table(*sys.argv[1:]);"
        "print([name for name in ('torch', 'pykeen', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, openke(tmp_path / "kg"), out], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


# ids


@given(st.lists(st.text(min_size=1), unique=True, max_size=40), st.randoms(), st.integers(1, 9))
@settings(deadline=None, max_examples=60)
def test_ids_come_back_in_any_order_and_any_portions(names, random, portion):
    encoded = [name.encode("utf-8", "surrogatepass") for name in names]
    collected = CollectedIds()
    for start in range(0, len(names), portion):
        collected.add(encoded[start : start + portion])
    order = list(range(len(names)))
    random.shuffle(order)
    index = IdIndex(collected.arrays(np.array(order, np.int64)))
    moved = [names[number] for number in order]
    assert [index[row] for row in range(len(index))] == moved
    assert index.rows(names).tolist() == [moved.index(name) for name in names]
    plain = IdIndex(collected.arrays())
    assert [plain[row] for row in range(len(plain))] == names
    assert all(np.array_equal(IdIndex.build(names)[key], array) for key, array in collected.arrays().items())


@given(st.lists(st.text(min_size=1), unique=True, min_size=1, max_size=20), st.data())
@settings(deadline=None, max_examples=40)
def test_a_duplicate_is_found_wherever_it_is(names, data):
    twice = data.draw(st.sampled_from(names))
    at = data.draw(st.integers(names.index(twice) + 1, len(names)))
    with pytest.raises(KgError, match=f"in row {names.index(twice)} and in row {at}. "):
        IdIndex.build([*names[:at], twice, *names[at:]])


def test_an_empty_id_is_refused():
    with pytest.raises(KgError, match="The id of row 1 is empty"):
        IdIndex.build(["Q1", ""])


def test_arrays_begin_at_multiples_of_their_size(tmp_path):
    with ArrayFile(tmp_path / "file") as file:
        file.add("floats", [np.ones((1, 3), np.float32), np.zeros((2, 3), np.float32)])
        file.add("numbers", [np.arange(5)])
        file.add("bytes", [np.arange(3, dtype=np.uint8)])
        file.add("hashes", [np.arange(2, dtype=np.uint64)])
    arrays = map_arrays(tmp_path / "file")
    assert all(array.flags.aligned for array in arrays.values())
    assert arrays["floats"].tolist() == [[1, 1, 1], [0, 0, 0], [0, 0, 0]]
    assert arrays["numbers"].tolist() == [0, 1, 2, 3, 4]
    from safetensors.numpy import load_file

    assert load_file(tmp_path / "file")["hashes"].tolist() == [0, 1]
    with pytest.raises(ValueError, match="needs at least one block"), ArrayFile(tmp_path / "other") as file:
        file.add("floats", [])
    with pytest.raises(KgError, match="truncated or no safetensors"):
        map_arrays(tmp_path / "other")
    with pytest.raises(ValueError, match="100 arrays are too many"):
        write_arrays(tmp_path / "other", {f"name {number}": np.zeros(1) for number in range(100)})
