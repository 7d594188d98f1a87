import subprocess
import sys

import keras
import numpy as np
import pytest

from sk_cbow import CBOWVectorizer, _model

DOCUMENTS = [[f"w{number}" for number in np.random.default_rng(seed).zipf(1.5, 40) % 50] for seed in range(200)]
SMALL = {"vector_size": 8, "epochs": 4, "batch_size": 256, "sample": 0, "random_state": 0}


class Interrupt(keras.callbacks.Callback):
    """Interrupt training after the first blocks of an epoch; record the epochs that began."""

    def __init__(self, epoch=None):
        super().__init__()
        self.epoch, self.begun = epoch, []

    def on_epoch_begin(self, epoch, logs=None):
        self.begun.append(epoch)

    def on_train_batch_end(self, batch, logs=None):
        if len(self.begun) and self.begun[-1] == self.epoch:
            raise KeyboardInterrupt


@pytest.fixture
def always_save(monkeypatch):
    monkeypatch.setattr(_model, "SECONDS_BETWEEN_SAVES", 0)
    monkeypatch.setattr("sk_cbow._blocks.TOKENS_AT_A_TIME", 1024)  # some blocks at a time, not all of an epoch


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
from sk_cbow import CBOWVectorizer, _blocks, _model
_model.SECONDS_BETWEEN_SAVES, _blocks.TOKENS_AT_A_TIME = 0, 1024
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


def test_without_a_random_state_a_fit_resumes_with_its_own(tmp_path, always_save):
    path = tmp_path / "training"
    interrupted(path, random_state=None)
    with np.load(path) as saved:
        losses, table = saved["progress"].item(), saved["table 0"]
    observer = Interrupt()
    resumed = CBOWVectorizer(**SMALL | {"random_state": None}, checkpoint=path, callbacks=lambda: [observer]).fit(
        DOCUMENTS
    )
    assert observer.begun == [2, 3]
    assert all(str(loss) in losses for loss in resumed.loss_curve_[:2])
    assert resumed.embeddings_.shape == table.shape


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


def test_a_path_that_cannot_be_written_is_an_error_before_documents_are_read(tmp_path):
    for path in (tmp_path / "missing" / "training", tmp_path, tmp_path / "training.gz"):
        with pytest.raises(ValueError, match="is not an uncompressed file in a writable folder: pass"):
            CBOWVectorizer(checkpoint=path).fit(document for document in [1])


def test_keras_backup_and_restore_is_an_error(tmp_path):
    callbacks = [keras.callbacks.BackupAndRestore(tmp_path)]
    with pytest.raises(TypeError, match=r"callbacks\[0\].*cannot resume this training: set checkpoint"):
        CBOWVectorizer(**SMALL, callbacks=callbacks).fit(DOCUMENTS)
