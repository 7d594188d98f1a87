import gzip
import tracemalloc

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from sk_cbow import CBOWVectorizer, WordVectors, evaluation
from sk_cbow.dask import DaskCBOWVectorizer
from sk_cbow.evaluation import analogy_score, similarity_score

WORDS = ["king", "queen", "man", "woman", "Man", "paris", "france", "berlin", "germany", "tea"]


@pytest.fixture(scope="module")
def vectorizer():
    """A vectorizer whose vectors are random, but for two analogies that hold."""
    vectors = np.random.default_rng(0).normal(size=(len(WORDS), 6)).astype(np.float32)
    vector = dict(zip(WORDS, vectors, strict=True))
    vector["queen"][:] = vector["king"] - vector["man"] + vector["woman"]
    vector["germany"][:] = vector["france"] - vector["paris"] + vector["berlin"]
    return CBOWVectorizer.from_vectors(WordVectors(WORDS, vectors))


@pytest.fixture(scope="module")
def keyed_vectors(vectorizer, gensim_models):
    reference = gensim_models.KeyedVectors(6)
    reference.add_vectors(WORDS, vectorizer.embeddings_)
    return reference


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.txt"
    path.write_text("# people\nKing\tqueen\t9\nman\twoman\t8.5\nparis\ttea\t0\nBerlin\tgermany\t7\nking\tcoffee\t1\n")
    return path


@pytest.fixture
def questions(tmp_path):
    path = tmp_path / "questions.txt"
    path.write_text(
        ": people\nman king woman queen\nMan Woman King Queen\nking tea queen man\n"
        ": places\nParis France Berlin Germany\nparis france rome italy\ntea paris france king\n"
    )
    return path


@pytest.mark.parametrize("options", [{}, {"case_insensitive": False}, {"dummy4unknown": True}, {"restrict_vocab": 8}])
def test_similarity_score_equals_gensims(vectorizer, keyed_vectors, pairs, options):
    ours = similarity_score(vectorizer, pairs, **options)
    theirs = keyed_vectors.evaluate_word_pairs(str(pairs), **options)
    np.testing.assert_allclose(ours.pearson, theirs[0], rtol=1e-5)
    np.testing.assert_allclose(ours.spearman, theirs[1], rtol=1e-5)
    assert ours.oov_ratio == theirs[2] > 0


@pytest.mark.parametrize("options", [{}, {"case_insensitive": False}, {"dummy4unknown": True}, {"restrict_vocab": 8}])
def test_analogy_score_equals_gensims(vectorizer, keyed_vectors, questions, options):
    ours = analogy_score(vectorizer, questions, **options)
    accuracy, sections = keyed_vectors.evaluate_word_analogies(str(questions), **options)
    assert ours.accuracy == accuracy
    assert accuracy > 0
    assert ours.sections == sections


def test_word_vectors_and_a_vectorizer_for_dask_have_the_same_scores(vectorizer, pairs, questions):
    word_vectors = vectorizer.word_vectors()
    for same in (word_vectors, DaskCBOWVectorizer.from_vectors(word_vectors)):
        assert similarity_score(same, pairs) == similarity_score(vectorizer, pairs)
        assert analogy_score(same, questions) == analogy_score(vectorizer, questions)


@pytest.mark.parametrize("score", [similarity_score, analogy_score])
def test_what_has_no_word_vectors(vectorizer, pairs, score):
    with pytest.raises(NotFittedError):
        score(CBOWVectorizer(), pairs)
    with pytest.raises(TypeError, match=r"vectorizer is a Pipeline: pass a fitted CBOWVectorizer, .*, or WordVectors"):
        score(make_pipeline(vectorizer), pairs)


def test_many_questions_are_answered_in_batches(vectorizer, questions, monkeypatch):
    expected = analogy_score(vectorizer, questions)
    monkeypatch.setattr(evaluation, "COSINES_AT_A_TIME", 15)
    assert analogy_score(vectorizer, questions) == expected


def test_a_compressed_file_with_another_delimiter(vectorizer, pairs, tmp_path):
    path = tmp_path / "pairs.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write(pairs.read_text().replace("\t", ","))
    assert similarity_score(vectorizer, path, delimiter=",") == similarity_score(vectorizer, pairs)


@pytest.mark.parametrize(
    ("score", "text", "message"),
    [
        (similarity_score, "king queen 9\nking queen\n", r"line 2 of .*file.txt is 'king queen': .* put # before"),
        (similarity_score, "king queen nan\n", "line 1 of .* is 'king queen nan': expected two words and a number"),
        (similarity_score, "king queen high\n", "line 1 of .* is 'king queen high': expected two words and a number"),
        (similarity_score, "king queen 9\na b 1\n", "has 1 pairs of words in the vocabulary, and 1 others"),
        (analogy_score, "man king woman queen\n", "line 1 of .*file.txt is .* below a line with a colon"),
        (analogy_score, ": people\nman king woman\n", "line 2 of .* is 'man king woman': expected four words"),
        (analogy_score, ": people\na b c d\n", "none of the 1 questions of .* has all its words in the vocabulary"),
    ],
)
def test_errors_name_the_line_and_the_remedy(vectorizer, tmp_path, score, text, message):
    path = tmp_path / "file.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        score(vectorizer, path)


def test_a_file_without_questions(vectorizer, tmp_path):
    path = tmp_path / "file.txt"
    path.write_text(": people\n")
    with pytest.raises(ValueError, match="none of the 0 questions"):
        analogy_score(vectorizer, path, dummy4unknown=True)


def test_a_byte_order_mark_and_windows_line_breaks_are_not_part_of_words(vectorizer, pairs, questions, tmp_path):
    for score, path in ((similarity_score, pairs), (analogy_score, questions)):
        lines = path.read_bytes().split(b"\n")[1 if score is similarity_score else 0 :]
        other = tmp_path / "other.txt"
        other.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(lines))
        assert score(vectorizer, other) == score(vectorizer, path)


@pytest.mark.parametrize(("score", "heading"), [(similarity_score, b"# people\n"), (analogy_score, b": people\n")])
def test_files_that_cannot_be_read(vectorizer, tmp_path, score, heading):
    path, zipped = tmp_path / "file.txt", tmp_path / "file.txt.gz"
    path.write_bytes(heading + b"k\xf6nig\n")
    with pytest.raises(ValueError, match=r"line 2 of .*file.txt is 'k\ufffdnig', which is not UTF-8: convert the file"):
        score(vectorizer, path)
    zipped.write_bytes(gzip.compress(heading)[:-10])
    with pytest.raises(ValueError, match=r"file.txt.gz cannot be unpacked .* it is damaged or incomplete"):
        score(vectorizer, zipped)
    zipped.write_bytes(gzip.compress(heading + b"k" * 2**25, 1))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"line 2 of .*gz has more than 1048576 bytes: .* or download it again"):
            score(vectorizer, zipped)
        assert tracemalloc.get_traced_memory()[1] < 2**23
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("score", [similarity_score, analogy_score])
def test_errors_shorten_a_long_line(vectorizer, tmp_path, score):
    path = tmp_path / "file.txt"
    path.write_text("k" * 10**6 + "\n")
    with pytest.raises(ValueError, match=r"line 1 of .* is 'k{30,40}\.\.\.k{30,40}': expected") as caught:
        score(vectorizer, path)
    assert len(str(caught.value)) < 400 + len(str(path))


@pytest.mark.parametrize("score", [similarity_score, analogy_score])
@pytest.mark.parametrize(
    ("restrict_vocab", "error", "message"),
    [
        (0, ValueError, "restrict_vocab is 0: pass 1 or more"),
        (-3, ValueError, "restrict_vocab is -3: pass 1 or more"),
        (True, TypeError, "restrict_vocab is True: pass an integer"),
        (np.True_, TypeError, "restrict_vocab is .*True.*: pass an integer"),
        (3.0, TypeError, "restrict_vocab is 3.0: pass an integer"),
        ("9" * 1000, TypeError, "restrict_vocab is '9{30,40}\\.\\.\\.9+': pass an integer"),
    ],
)
def test_an_invalid_restrict_vocab(vectorizer, pairs, questions, score, restrict_vocab, error, message):
    path = pairs if score is similarity_score else questions
    with pytest.raises(error, match=message):
        score(vectorizer, path, restrict_vocab=restrict_vocab)


@pytest.mark.parametrize(
    ("delimiter", "error", "message"),
    [
        ("", ValueError, "delimiter is an empty string: .* or None for white space"),
        (b",", TypeError, "delimiter is b',': pass the string"),
        (5, TypeError, "delimiter is 5: pass the string"),
    ],
)
def test_an_invalid_delimiter(vectorizer, pairs, delimiter, error, message):
    with pytest.raises(error, match=message):
        similarity_score(vectorizer, pairs, delimiter=delimiter)


@pytest.mark.parametrize("restrict_vocab", [None, np.int64(8)])
def test_restrict_vocab_may_be_none_or_a_numpy_integer(vectorizer, keyed_vectors, questions, restrict_vocab):
    ours = analogy_score(vectorizer, questions, restrict_vocab=restrict_vocab)
    assert ours.sections == keyed_vectors.evaluate_word_analogies(str(questions), restrict_vocab=restrict_vocab)[1]
