"""Files of released versions, which later versions read.

``python tests/test_compatibility.py`` writes those of this version into a folder of `data`, for each minor release.
"""

import json
import pickle
from pathlib import Path

import keras
import numpy as np
import pytest

import sk_cbow
from sk_cbow import CBOWVectorizer, WordVectors, _vectorizer, word2vec_format
from sk_cbow._version import MINOR_VERSION, minor_version

RELEASES = sorted(path for path in (Path(__file__).parent / "data").iterdir() if path.is_dir())
WORDS = [["tea", "milk", "cup", "sugar", "spoon", 7], ["car", "road", "wheel", "brake", "fuel", "lane"]]
DOCUMENTS = [words[start:] + words[:start] for start in range(6) for words in WORDS] * 8 + [["rare", "tea"]]
PARAMETERS = {"vector_size": 4, "window": 3, "sample": 0, "epochs": 10, "learning_rate": 0.25, "random_state": 0}
AVERAGES = {"weighting": "idf", "remove_components": 1}
NEW_DOCUMENTS = [["tea", "milk", 7], ["road", "car", "?", "car"]]
TOKENS = ["tea", "茶", "new_york", "7"]
VECTORS = np.array([[1, 0.5, -2.25], [1e-10, 3, 0], [0, -1, 1 / 3], [5, 6, 7]], np.float32)


class Interrupt(keras.callbacks.Callback):
    """Record which epochs begin, and interrupt training before one."""

    def __init__(self, epoch=None):
        super().__init__()
        self.epoch, self.begun = epoch, []

    def on_epoch_begin(self, epoch, logs=None):
        self.begun.append(epoch)
        if epoch == self.epoch:
            raise KeyboardInterrupt


def save(folder):
    vectorizer = CBOWVectorizer(**PARAMETERS, **AVERAGES).fit(DOCUMENTS)
    (folder / "fit.pickle").write_bytes(pickle.dumps(vectorizer, protocol=4))
    expected = {
        "vocabulary": list(vectorizer.vocabulary_),
        "embeddings": vectorizer.embeddings_.tolist(),
        "transform": vectorizer.transform(NEW_DOCUMENTS).tolist(),
        "most_similar": vectorizer.most_similar(7, topn=3),
    }
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    interrupted = CBOWVectorizer(**PARAMETERS, checkpoint=folder / "training.npz", callbacks=lambda: [Interrupt(6)])
    with pytest.raises(KeyboardInterrupt):
        interrupted.fit(DOCUMENTS)
    word_vectors = WordVectors(TOKENS, VECTORS)
    word2vec_format.save(word_vectors, folder / "vectors.txt")
    word2vec_format.save(word_vectors, folder / "vectors.bin", binary=True)


@pytest.fixture(params=RELEASES, ids=lambda folder: folder.name)
def folder(request):
    return request.param


@pytest.fixture
def expected(folder):
    return json.loads((folder / "expected.json").read_text())


@pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="NumPy 1 cannot read arrays pickled by NumPy 2"
)
def test_a_pickle_is_read(folder, expected):
    """By versions that do not say that they cannot."""
    if minor_version(folder.name) not in _vectorizer.READABLE_VERSIONS:
        with pytest.raises(ValueError, match=f"saved by sk_cbow {folder.name}, which sk_cbow .* cannot read"):
            pickle.loads((folder / "fit.pickle").read_bytes())
        return
    vectorizer = pickle.loads((folder / "fit.pickle").read_bytes())
    defaults = {"min_count": 5, "norm": None}
    assert (PARAMETERS | AVERAGES | defaults).items() <= vectorizer.get_params().items()
    assert list(vectorizer.vocabulary_) == expected["vocabulary"]
    assert vectorizer.token_counts_.tolist() == [49] + [48] * 11
    np.testing.assert_allclose(vectorizer.transform(NEW_DOCUMENTS), expected["transform"], atol=1e-6)
    for (token, similarity), (saved_token, saved_similarity) in zip(
        vectorizer.most_similar(7, topn=3), expected["most_similar"], strict=True
    ):
        assert (token, similarity) == (saved_token, pytest.approx(saved_similarity, abs=1e-5))

    vectorizer.partial_fit([["tea", "rare"]] * 4)  # the fifth was in the documents of the pickled fit
    assert list(vectorizer.vocabulary_) == [*expected["vocabulary"], "rare"]
    assert vectorizer.token_counts_.tolist() == [53] + [48] * 11 + [5]
    assert vectorizer.n_iter_ == len(vectorizer.loss_curve_) == 20


def test_a_checkpoint_is_resumed(folder, expected, tmp_path):
    """By versions that train alike, those of the same minor version."""
    path = tmp_path / "training.npz"
    path.write_bytes((folder / "training.npz").read_bytes())
    observer = Interrupt()
    vectorizer = CBOWVectorizer(**PARAMETERS, checkpoint=path, callbacks=lambda: [observer])
    if minor_version(folder.name) == MINOR_VERSION:
        vectorizer.fit(DOCUMENTS)
        assert observer.begun == [6, 7, 8, 9]
        np.testing.assert_allclose(vectorizer.embeddings_, expected["embeddings"], atol=1e-3)
    else:
        with pytest.raises(ValueError, match=f"saved by sk_cbow {minor_version(folder.name)}, is of another fit"):
            vectorizer.fit(DOCUMENTS)


@pytest.mark.parametrize("suffix", ["txt", "bin"])
def test_word2vec_files_are_read_and_written_alike(folder, suffix, tmp_path):
    path = folder / f"vectors.{suffix}"
    loaded = word2vec_format.load(path)
    assert list(loaded) == TOKENS
    np.testing.assert_array_equal(loaded.vectors, VECTORS)
    word2vec_format.save(loaded, tmp_path / "vectors", binary=suffix == "bin")
    assert (tmp_path / "vectors").read_bytes() == path.read_bytes()


if __name__ == "__main__":
    new = Path(__file__).parent / "data" / sk_cbow.__version__
    new.mkdir()
    save(new)
