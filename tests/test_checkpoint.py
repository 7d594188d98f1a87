import copy
import errno
import gc
import io
import os
import pickle
import resource
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from sk_cbow import CBOWVectorizer
from sk_cbow._training import loop
from sk_cbow._training.checkpoint import SavedTraining, read_checkpoint, write_checkpoint
from sk_cbow._training.config import EpochLoss, Progress, Tables

DOCUMENTS = [[f"w{number}" for number in np.random.default_rng(seed).zipf(1.5, 40) % 50] for seed in range(200)]
SMALL = {"vector_size": 8, "epochs": 4, "learning_rate": 0.25, "batch_size": 256, "sample": 0, "random_state": 0}


class Interrupt(keras.callbacks.Callback):
    """Interrupt training after the first blocks of an epoch; record which epochs begin and their losses."""

    def __init__(self, epoch=None):
        super().__init__()
        self.epoch, self.begun, self.losses = epoch, [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.begun.append(epoch)

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(logs["loss"])

    def on_train_batch_end(self, batch, logs=None):
        if len(self.begun) and self.begun[-1] == self.epoch:
            raise KeyboardInterrupt


@pytest.fixture
def always_save(monkeypatch):
    monkeypatch.setattr(loop, "SECONDS_BETWEEN_SAVES", 0)
    monkeypatch.setattr("sk_cbow._training.blocks.TOKENS_AT_A_TIME", 1024)  # some blocks at a time, not all of an epoch


def interrupted(path, **parameters):
    vectorizer = CBOWVectorizer(**SMALL | parameters, checkpoint=path, callbacks=lambda: [Interrupt(2)])
    with pytest.raises(KeyboardInterrupt):
        vectorizer.fit(DOCUMENTS)
    return vectorizer


@pytest.mark.slow
@pytest.mark.parametrize(
    "parameters",
    [{}, {"shared_embedding": False, "document_context": 0}, {"init_vectors": {"w1": np.ones(8)}, "freeze_init": True}],
    ids=["shared", "two tables", "frozen"],
)
def test_an_interrupted_fit_resumes_with_identical_results(tmp_path, always_save, parameters):
    path = tmp_path / "training"
    expected = CBOWVectorizer(**SMALL | parameters).fit(DOCUMENTS)
    interrupted(path, **parameters)
    observer = Interrupt()
    resumed = CBOWVectorizer(**SMALL | parameters, checkpoint=path, callbacks=lambda: [observer]).fit(DOCUMENTS)
    assert observer.begun == [2, 3]
    np.testing.assert_array_equal(resumed.embeddings_, expected.embeddings_)
    assert resumed.loss_curve_ == expected.loss_curve_
    assert not path.exists()
    more = [vectorizer.set_params(callbacks=None).partial_fit(DOCUMENTS[:50]) for vectorizer in (resumed, expected)]
    np.testing.assert_array_equal(more[0].embeddings_, more[1].embeddings_)


@pytest.mark.slow
def test_a_killed_fit_resumes_in_another_process(tmp_path, always_save):
    path = tmp_path / "training"
    script = """
import os, signal, sys
import keras
sys.path.insert(0, sys.argv[1])
from test_checkpoint import DOCUMENTS, SMALL
from sk_cbow import CBOWVectorizer
from sk_cbow._training import blocks, loop
loop.SECONDS_BETWEEN_SAVES, blocks.TOKENS_AT_A_TIME = 0, 1024
def kill(batch, logs):
    if logs["loss"] < float(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
kill = keras.callbacks.LambdaCallback(on_train_batch_end=kill)
CBOWVectorizer(**SMALL, checkpoint=sys.argv[2], callbacks=lambda: [kill]).fit(DOCUMENTS)
"""
    expected = CBOWVectorizer(**SMALL).fit(DOCUMENTS)
    loss = expected.loss_curve_[1]  # reached in the middle of the training
    killed = subprocess.run([sys.executable, "-c", script, __file__.rpartition("/")[0], path, str(loss)], timeout=120)
    assert killed.returncode == -9
    observer = Interrupt()
    resumed = CBOWVectorizer(**SMALL, checkpoint=path, callbacks=lambda: [observer]).fit(DOCUMENTS)
    assert observer.begun[0] > 0
    np.testing.assert_array_equal(resumed.embeddings_, expected.embeddings_)


@pytest.mark.parametrize("how", ["partial_fit", "warm_start"])
def test_an_interrupted_call_that_continues_training_resumes_with_identical_results(tmp_path, always_save, how):
    path = tmp_path / "training"
    vectorizer = CBOWVectorizer(**SMALL, warm_start=how == "warm_start").fit(DOCUMENTS[:50])
    expected = copy.deepcopy(vectorizer)
    method = "partial_fit" if how == "partial_fit" else "fit"
    getattr(expected, method)(DOCUMENTS)

    before = pickle.dumps(vectorizer)
    with pytest.raises(KeyboardInterrupt):
        getattr(vectorizer.set_params(checkpoint=path, callbacks=lambda: [Interrupt(2)]), method)(DOCUMENTS)
    assert pickle.dumps(vectorizer.set_params(checkpoint=None, callbacks=None)) == before
    observer = Interrupt()
    resumed = pickle.loads(before).set_params(checkpoint=path, callbacks=lambda: [observer])
    getattr(resumed, method)(DOCUMENTS)
    assert observer.begun == [2, 3]
    np.testing.assert_array_equal(resumed.embeddings_, expected.embeddings_)
    assert resumed.loss_curve_ == expected.loss_curve_
    assert not path.exists()


def test_a_checkpoint_of_incremental_training_is_not_one_of_a_fit(tmp_path, always_save):
    path = tmp_path / "training"
    vectorizer = CBOWVectorizer(**SMALL, min_count=1).fit(DOCUMENTS)
    with pytest.raises(KeyboardInterrupt):
        vectorizer.set_params(checkpoint=path, callbacks=lambda: [Interrupt(2)]).partial_fit(DOCUMENTS)
    with pytest.raises(ValueError, match="is of another fit, with another random_state and initial vectors: fit as"):
        vectorizer.set_params(callbacks=None).fit(DOCUMENTS)


def test_without_a_random_state_a_fit_resumes_with_its_own(tmp_path, always_save):
    path = tmp_path / "training"
    parameters = SMALL | {"random_state": None, "checkpoint": path}
    observer = Interrupt(2)
    with pytest.raises(KeyboardInterrupt):
        CBOWVectorizer(**parameters, callbacks=lambda: [observer]).fit(DOCUMENTS)
    saved = path.read_bytes()
    first = CBOWVectorizer(**parameters).fit(DOCUMENTS)
    path.write_bytes(saved)
    second = CBOWVectorizer(**parameters).fit(DOCUMENTS)
    assert first.loss_curve_[:2] == observer.losses
    np.testing.assert_array_equal(first.embeddings_, second.embeddings_)
    assert first.loss_curve_ == second.loss_curve_


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"window": 3}, "window"),
        ({"learning_rate": 0.1, "epochs": 3}, "epochs and learning_rate"),
        ({"random_state": 1}, "random_state"),
        ({"min_count": 100}, "documents"),
        ({"init_vectors": {"w1": np.ones(8)}}, "initial vectors"),
    ],
)
def test_a_checkpoint_of_another_fit_is_an_error_that_names_the_differences(tmp_path, always_save, change, named):
    path = tmp_path / "training"
    interrupted(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=f"is of another fit, with another {named}: fit as before to resume, or"):
        CBOWVectorizer(**SMALL | change, checkpoint=path).fit(DOCUMENTS)
    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", [lambda content: b"hello", lambda content: content[: len(content) // 2]])
def test_a_damaged_checkpoint_is_an_error(tmp_path, always_save, damage):
    path = tmp_path / "training"
    interrupted(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"training.* is not a checkpoint of sk_cbow, or it is damaged: delete it"):
        CBOWVectorizer(**SMALL, checkpoint=path).fit(DOCUMENTS)


class BytesPath(os.PathLike):
    def __init__(self, path):
        self.path = os.fsencode(path)

    def __fspath__(self):
        return self.path


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("missing/training", "in a folder that does not exist"),
        ("missing/../training", "in a folder that does not exist"),
        ("dangling", "in a folder that does not exist"),
        ("text/training", r"not a path .Not a directory"),
        (".", "not a file"),
        ("training/", "not a file"),
        ("training/.", "not a file"),
        ("text/", "not a"),
        ("", "not a file"),
        ("fifo", "not a file"),
        ("/dev/null", "not a file"),
        ("loop", "not a path .Too many levels of symbolic links"),
        ("t" * 300, "not a path .File name too long"),
        ("null\0", r"not a path \(.*embedded null"),
        ("training.gz", "the name of a compressed file, which a checkpoint is not"),
        ("training.BZ2", "the name of a compressed file, which a checkpoint is not"),
        (BytesPath("fifo"), "not a file"),
    ],
    ids=range(17),
)
def test_a_path_that_cannot_be_a_checkpoint_is_an_error_before_documents_are_read(tmp_path, monkeypatch, path, problem):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text").write_bytes(b"")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("missing/training")
    os.mkfifo("fifo")
    message = rf"checkpoint=.* is {problem}.*: pass the path of a new file in a writable folder, such as 'training.npz'"
    with pytest.raises(ValueError, match=message):
        CBOWVectorizer(checkpoint=path).fit(document for document in [1])


def test_paths_of_a_new_file_and_of_an_existing_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder/training")
    for path in ("training", "folder/../training", "link", tmp_path / "folder" / "training", BytesPath("training")):
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                CBOWVectorizer(**SMALL, checkpoint=path, callbacks=lambda: [Interrupt(2)]).fit(DOCUMENTS[:20])
            assert os.path.isfile(path)
        CBOWVectorizer(**SMALL, checkpoint=path).fit(DOCUMENTS[:20])
        assert not os.path.exists(path)
    assert os.path.islink("link")


def test_a_checkpoint_that_cannot_be_deleted_is_a_warning(tmp_path):
    path = tmp_path / "training"

    def replace_by_folder(logs):
        path.unlink()
        path.mkdir()

    callback = keras.callbacks.LambdaCallback(on_train_end=replace_by_folder)
    vectorizer = CBOWVectorizer(**SMALL, checkpoint=path, callbacks=lambda: callback)
    message = r"the fit is complete, but checkpoint=.*training'\) could not be deleted \(.*\): delete it"
    with pytest.warns(UserWarning, match=message) as caught:
        vectorizer.fit(DOCUMENTS[:20])
    assert caught[0].filename == __file__
    expected = CBOWVectorizer(**SMALL).fit(DOCUMENTS[:20])
    np.testing.assert_array_equal(vectorizer.embeddings_, expected.embeddings_)


@pytest.mark.filterwarnings("ignore:.*ZipFile.__del__:pytest.PytestUnraisableExceptionWarning")  # of NumPy 1
def test_a_checkpoint_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path):
    path = tmp_path / "training"
    vectorizer = CBOWVectorizer(**SMALL).fit(DOCUMENTS[:20])
    before = pickle.dumps(vectorizer.set_params(checkpoint=path))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))  # as on a full disk
    try:
        with pytest.raises(OSError, match=r"training cannot be saved .*: free space, or pass another path") as caught:
            vectorizer.fit(DOCUMENTS[:20])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(path))
    assert pickle.dumps(vectorizer) == before
    assert os.listdir(tmp_path) == []
    del caught
    gc.collect()  # the archive that NumPy 1 does not close, before another test


FINGERPRINT = {"version of sk_cbow": "0.1", "window": 5, "random_state": None}
NOT_A_CHECKPOINT = "training' is not a checkpoint of sk_cbow, or it is damaged: delete it, or pass another path"


@pytest.fixture
def saved(tmp_path):
    """A path, and what is saved there."""
    rng = np.random.default_rng(0)
    tables = [rng.normal(size=(3, 2)).astype(np.float32) for _ in range(2)]
    accumulators = [rng.uniform(size=3).astype(np.float32) for _ in range(2)]
    progress = Progress([EpochLoss(0.5, 2.0), EpochLoss(0.25, 2.0)], 3, EpochLoss(1.5, 20.0))
    saved = SavedTraining(rng.bit_generator.state, progress, Tables(tables, accumulators))
    write_checkpoint(tmp_path / "training", FINGERPRINT, saved)
    return str(tmp_path / "training"), saved


def assert_equal(found, saved):
    assert found[:2] == saved[:2]
    for arrays, expected in zip(found.tables, saved.tables, strict=True):
        np.testing.assert_array_equal(arrays, expected)


def test_what_is_saved_is_read(saved):
    path, saved = saved
    assert_equal(read_checkpoint(path, FINGERPRINT, 2, (3, 2)), saved)
    message = r"training', saved by sk_cbow 0\.1, is of another fit, with another window: fit as before to resume"
    with pytest.raises(ValueError, match=message):
        read_checkpoint(path, FINGERPRINT | {"window": 3}, 1, (30, 2))


def test_a_changed_byte_is_harmless_or_an_error(saved):
    path, saved = saved
    intact = Path(path).read_bytes()
    flips = np.random.default_rng(0).integers(1, 256, len(intact), dtype=np.uint8)
    n_errors = 0
    with open(path, "r+b", buffering=0) as file:
        for position, flip in list(enumerate(flips))[::2]:
            file.seek(position)
            file.write(bytes([intact[position] ^ flip]))
            try:
                assert_equal(read_checkpoint(path, FINGERPRINT, 2, (3, 2)), saved)
            except ValueError as error:
                n_errors += NOT_A_CHECKPOINT in str(error)
            file.seek(position)
            file.write(intact[position : position + 1])
    assert n_errors > len(intact) / 4


def rewritten(path, change, save=np.savez):
    """Change one array of a file at a time, by a function of the dict of all arrays and one name; yield the name."""
    with np.load(path) as archive:
        original = dict(archive)
    for name in original:
        arrays = dict(original)
        change(arrays, name)
        with open(path, "wb") as file:
            save(file, **arrays)
        yield name


def replaced(function):
    return lambda arrays, name: arrays.update({name: function(arrays[name])})


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays, name: arrays.pop(name),
        lambda arrays, name: arrays.update({f"{name}1": arrays.pop(name)}),
        lambda arrays, name: arrays.update({f"{name}1": arrays[name]}),
        replaced(lambda array: array[None]),
        replaced(lambda array: np.arange(3)),
        replaced(lambda array: np.zeros((3, 2))),
        replaced(lambda array: np.zeros((2, 3), np.float32)),
        replaced(lambda array: np.zeros((3, 2), np.float32, order="F")),
        replaced(lambda array: np.zeros((2, 2), np.float32)),
        replaced(lambda array: np.array(1)),
        *[
            replaced(lambda array, text=text: np.array(text))
            for text in (
                "",
                "{}",
                "[1]",
                "[" * 100_000,
                '{"bit_generator": "PCG64", "state": {"state": 1e5}}',
                '[[], 1, ["2", 3]]',
                "[[], 1]",
            )
        ],
    ],
    ids=range(17),
)
def test_other_contents_are_an_error(saved, change):
    path, _ = saved
    for _ in rewritten(path, change):
        with pytest.raises(ValueError, match=f"{NOT_A_CHECKPOINT}|training', saved by .*, is of another fit"):
            read_checkpoint(path, FINGERPRINT, 2, (3, 2))


def test_other_files_are_an_error(saved):
    path, _ = saved
    duplicate = Path(path).with_name("duplicate")
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(duplicate, "w") as copied:
        for name in archive.namelist():
            copied.writestr(name, archive.read(name))
        with pytest.warns(UserWarning, match="Duplicate name"):
            copied.writestr(name, archive.read(name))
    npy = io.BytesIO()
    np.save(npy, np.ones(3))
    for content in (b"", b"hello", npy.getvalue(), pickle.dumps(FINGERPRINT), duplicate.read_bytes()):
        Path(path).write_bytes(content)
        with pytest.raises(ValueError, match=NOT_A_CHECKPOINT):
            read_checkpoint(path, FINGERPRINT, 2, (3, 2))


def with_a_huge_entry(path):
    """Rewrite a file so that one entry at a time claims to be a gigabyte of text, of which there is nothing."""
    header = {"descr": "<U250000000", "fortran_order": False, "shape": ()}
    for name in rewritten(path, lambda arrays, name: arrays.pop(name)):
        with zipfile.ZipFile(path, "a") as archive, archive.open(f"{name}.npy", "w") as entry:
            np.lib.format.write_array_header_1_0(entry, header)
        yield


def with_compressed_spaces(path):
    return rewritten(path, replaced(lambda array: np.array(" " * 2**22)), np.savez_compressed)


@pytest.mark.parametrize("damage", [with_a_huge_entry, with_compressed_spaces])
def test_a_small_file_needs_little_memory(saved, damage):
    path, _ = saved
    for _ in damage(path):
        tracemalloc.start()
        try:
            with pytest.raises(ValueError, match=NOT_A_CHECKPOINT):
                read_checkpoint(path, FINGERPRINT, 2, (3, 2))
            assert tracemalloc.get_traced_memory()[1] < 2**20
        finally:
            tracemalloc.stop()


def test_keras_backup_and_restore_is_an_error(tmp_path):
    callbacks = [keras.callbacks.BackupAndRestore(tmp_path)]
    with pytest.raises(TypeError, match=r"callbacks\[0\].*cannot resume this training: set checkpoint"):
        CBOWVectorizer(**SMALL, callbacks=callbacks).fit(DOCUMENTS)
