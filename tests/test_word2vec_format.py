import copy
import gzip
import os
import tempfile
import tracemalloc
import zipfile
from contextlib import nullcontext, suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_cbow import CBOWVectorizer, WordVectors, word2vec_format

NAMES = ["vectors.txt", "vectors.bin", "vectors.txt.gz", "vectors.bin.gz"]
TOKENS = ["tea", "Überraschung", "茶", "a\xa0b", "tab\tbed", "7"]


def vectorizer_of(tokens, vector_size=5, seed=0):
    return WordVectors(tokens, np.random.default_rng(seed).normal(size=(len(tokens), vector_size)))


def vectorizer_with(vectors):
    """A vectorizer with these vectors: token -> list of numbers."""
    return WordVectors(vectors, list(vectors.values()))


def assert_identical(ours, theirs):
    assert list(ours) == list(theirs)
    assert ours.vectors.dtype == np.float32
    assert ours.vectors.shape == theirs.vectors.shape
    assert ours.vectors.tobytes() == theirs.vectors.tobytes()  # distinguishes -0.0 from 0.0


def written(tmp_path, content, name="vectors.txt"):
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


@pytest.mark.parametrize("name", NAMES)
def test_saved_vectors_are_loaded_bit_for_bit(tmp_path, name, fitted, two_topics):
    word2vec_format.save(fitted, tmp_path / name, binary="bin" in name)
    assert os.listdir(tmp_path) == [name]
    loaded = CBOWVectorizer.from_vectors(word2vec_format.load(tmp_path / name))
    assert loaded.vocabulary_ == fitted.vocabulary_
    np.testing.assert_array_equal(loaded.embeddings_, fitted.embeddings_)
    np.testing.assert_array_equal(loaded.transform(two_topics[0]), fitted.transform(two_topics[0]))
    assert loaded.most_similar("tea") == fitted.most_similar("tea")
    assert list(loaded.get_feature_names_out()) == list(fitted.get_feature_names_out())


@pytest.mark.parametrize("name", ["v.txt.bz2", "v.xz", "v.ZIP", "v.tar.gz", "v.npy", "v.npz.gz", "v.pkl", "v.joblib"])
def test_names_of_files_that_are_not_written_are_errors(tmp_path, name):
    suffix = os.path.splitext(name.removesuffix(".gz"))[1]
    with pytest.raises(
        ValueError, match=rf"(?i){name}' ends in '\{suffix}', .*: choose a name such as 'vectors.txt.gz'"
    ):
        word2vec_format.save(vectorizer_of(TOKENS), tmp_path / name)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "binary"), [("v.bin", False), ("v.BIN.GZ", False), ("v.vec", True), ("v.txt.gz", True)]
)
def test_names_of_text_are_not_for_binary_files_and_vice_versa(tmp_path, name, binary):
    vectorizer = vectorizer_of(TOKENS)
    with pytest.raises(ValueError, match=f"{name}' .*: pass binary={not binary}, or choose a name such as"):
        word2vec_format.save(vectorizer, tmp_path / name, binary=binary)
    word2vec_format.save(vectorizer, tmp_path / name, binary=not binary)
    assert_identical(word2vec_format.load(tmp_path / name), vectorizer)
    assert name.lower().endswith(".gz") == ((tmp_path / name).read_bytes()[:2] == b"\x1f\x8b")


@pytest.mark.parametrize("name", ["vectors", "v.1", "v.model", "v.w2v", ".bin", "bin"])
def test_other_names_are_for_both(tmp_path, name):
    vectorizer = vectorizer_of(TOKENS)
    for binary in (False, True):
        word2vec_format.save(vectorizer, tmp_path / name, binary=binary)
        assert_identical(word2vec_format.load(tmp_path / name), vectorizer)


@pytest.mark.parametrize("name", NAMES)
def test_gensim_reads_what_we_write(tmp_path, name, gensim_models):
    vectorizer = vectorizer_of(TOKENS)
    word2vec_format.save(vectorizer, tmp_path / name, binary="bin" in name)
    theirs = gensim_models.KeyedVectors.load_word2vec_format(str(tmp_path / name), binary="bin" in name)
    assert theirs.index_to_key == TOKENS
    np.testing.assert_array_equal(theirs.vectors, vectorizer.vectors)


@pytest.mark.parametrize("name", NAMES)
def test_we_read_what_gensim_writes(tmp_path, name, gensim_models):
    theirs = gensim_models.KeyedVectors(5)
    theirs.add_vectors(TOKENS, vectorizer_of(TOKENS).vectors)
    theirs.save_word2vec_format(str(tmp_path / name), binary="bin" in name)
    ours = word2vec_format.load(tmp_path / name)
    assert list(ours) == TOKENS
    np.testing.assert_array_equal(ours.vectors, theirs.vectors)


@pytest.mark.parametrize(
    "content",
    [
        b"2 3\ntea 1 2.5 -3e-2 \ncup 0 0 1 \n",  # fastText ends its rows with a space
        b"tea 1 2.5 -0.03\ncup 0 0 1",  # GloVe has no first line
        b"2 3\r\ntea 1 2.5 -0.03\r\ncup 0 0 1\r\n\r\n",
    ],
)
def test_text_files_of_other_tools(tmp_path, content):
    loaded = word2vec_format.load(written(tmp_path, content))
    np.testing.assert_array_equal([loaded["tea"], loaded["cup"]], np.float32([[1, 2.5, -0.03], [0, 0, 1]]))


def test_a_small_file_of_very_many_blank_lines_is_an_error(tmp_path):
    path = written(tmp_path, b"2 2\ntea 1 2\n" + b"\n" * 10**6, "vectors.gz")
    with pytest.raises(ValueError, match=r"lines 3 to 100003 of .*vectors.gz are blank: .* or download it again"):
        word2vec_format.load(path)


def test_files_longer_than_what_is_read_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(word2vec_format, "BYTES_AT_A_TIME", 100)
    vectorizer = vectorizer_of([f"token{number}" for number in range(300)])
    for name in NAMES:
        word2vec_format.save(vectorizer, tmp_path / name, binary="bin" in name)
        assert word2vec_format.load(tmp_path / name) == vectorizer


def test_integer_tokens_become_text(tmp_path):
    word2vec_format.save(vectorizer_of([3, 12]), tmp_path / "vectors.txt")
    assert list(word2vec_format.load(tmp_path / "vectors.txt")) == ["3", "12"]


def test_integer_tokens_are_read_as_integers_on_request(tmp_path):
    word2vec_format.save(vectorizer_of([3, 12]), tmp_path / "vectors.txt")
    assert list(word2vec_format.load(tmp_path / "vectors.txt", token_type=int)) == [3, 12]
    path = written(tmp_path, b"3 0.5\ntea 1.0\n")
    with pytest.raises(ValueError, match=r"line 2 of .* 'tea', which is not an integer: pass token_type=str"):
        word2vec_format.load(path, token_type=int)
    with pytest.raises(TypeError, match=r"token_type='int' is neither str nor int"):
        word2vec_format.load(path, token_type="int")


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (["tea", "new york"], r"token 'new york' \(row 1\) .* holds a space"),
        (["two\nlines"], r"token 'two\\nlines' \(row 0\) .* a line break"),
        ([""], r"token '' \(row 0\) is empty"),
        (["\ud800"], r"\(row 0\) cannot be encoded as UTF-8"),
        ([7, "tea", "7"], "tokens in rows 0 and 2 are both written '7'"),
    ],
)
def test_tokens_that_cannot_be_written_leave_the_old_file(tmp_path, tokens, message):
    path = written(tmp_path, b"the old file")
    with pytest.raises(ValueError, match=message):
        word2vec_format.save(vectorizer_of(tokens), path)
    assert path.read_bytes() == b"the old file"
    assert os.listdir(tmp_path) == ["vectors.txt"]


def test_what_has_no_word_vectors_is_not_saved(tmp_path):
    with pytest.raises(TypeError, match=r"vectorizer is a dict: pass a fitted CBOWVectorizer, .*, or WordVectors"):
        word2vec_format.save({"tea": [1.0]}, tmp_path / "vectors.txt")
    assert not os.listdir(tmp_path)


def test_a_crash_while_writing_leaves_the_old_file_and_no_incomplete_one(tmp_path):
    class Failing(WordVectors):
        def __iter__(self):
            yield from ["tea", "cup"]
            raise KeyboardInterrupt

    path = written(tmp_path, b"the old file")
    vectorizer = Failing(["tea", "cup", "pot"], np.ones((3, 2)))
    with pytest.raises(KeyboardInterrupt):
        word2vec_format.save(vectorizer, path)
    assert path.read_bytes() == b"the old file"
    assert os.listdir(tmp_path) == ["vectors.txt"]


BINARY = b"2 2\ntea " + np.float32([1, 2]).tobytes() + b"\ncup " + np.float32([3, 4]).tobytes() + b"\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1 of .*vectors.txt is b'': expected the number of vectors"),
        (b"tea\n", "line 1 of .* is b'tea.n': expected the number of vectors"),
        (b"0 5\n", "line 1 of .*: the file holds no vectors"),
        (b"2 2\ntea 1 2\n", "vectors.txt ends after 1 of the 2 vectors declared in line 1: download it again"),
        (b"2 2\n", "ends after 0 of the 2 vectors"),
        (b"1 2\ntea 1 2\ncup 3 4\n", "vectors.txt continues at line 3, after the 1 vectors .*: fix line 1"),
        (b"2 2\ntea 1 2\ncup 3\n", "line 3 of .* is 'cup 3': expected a token and 2 numbers"),
        (b"2 2\ntea 1 2\ncup 3 x\n", "line 3 of .* is 'cup 3 x': expected"),
        (
            b"2 2\nnew 0.5 1 2\ncup 3 4\n",
            "line 2 of .* is 'new 0.5 1 2': expected a token and 2 numbers, with one space",
        ),
        (b"2 2\ntea\t\t1\t2\ncup\t3\t4\n", r"line 2 of .* is 'tea\\t\\t1\\t2': expected a token and 2 numbers"),
        (b"2 2\n tea 1 2\ncup 3 4\n", "line 2 of .* is ' tea 1 2': expected a token and 2 numbers"),
        (b"2 2\ntea 1 2\ntea 3 4\n", "line 3 of .* has the token 'tea', like line 2 of .*: remove one of them"),
        (b"2 2\ntea 1 2\ncup nan 4\n", "line 3 of .*, the vector of 'cup', has numbers that are not finite"),
        (b"2 2\ntea 1 2\n\xff\xfe 3 4\n", "line 3 of .* has the token .*, which is not UTF-8"),
        (b"tea 1 2\ncup 3\n", "line 2 of .* is 'cup 3': expected a token and 2 numbers"),
        (BINARY[:-4], "vector 2 of .* is incomplete: the file is damaged or ends too early"),
        (BINARY[:14], "vector 1 of .* is incomplete"),
        (BINARY.replace(b"2 2", b"3 2"), "ends after 2 of the 3 vectors"),
        (BINARY.replace(b"2 2", b"1 2"), "vectors.txt continues at vector 2, after the 1 vectors"),
        (BINARY.replace(b"cup", b"tea"), "vector 2 of .* has the token 'tea', like vector 1 of .*"),
    ],
)
def test_errors_of_reading_name_the_location_and_the_remedy(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        word2vec_format.load(written(tmp_path, content))


def test_a_truncated_gz_file(tmp_path):
    path = written(tmp_path, b"1 2\ntea 1 2\n" * 50, "vectors.txt.gz")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ValueError, match=r"vectors.txt.gz cannot be unpacked .* download it again"):
        word2vec_format.load(path)


def test_vectors_of_glove_as_they_are_distributed(tmp_path):
    path = tmp_path / "glove.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("glove.txt", b"tea 1 2\ncup 3 4\n")
    assert_identical(word2vec_format.load(path), vectorizer_with({"tea": [1, 2], "cup": [3, 4]}))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("glove.200d.txt", b"tea 1 2\ncup 3 4\n")
    with pytest.raises(ValueError, match=r"glove.zip is a zip archive of 2 files, 'glove.txt', 'glove.200d.txt'"):
        word2vec_format.load(path)


def test_files_that_gensim_saves_as_pickles_are_named(tmp_path, gensim_models):
    theirs = gensim_models.KeyedVectors(5)
    theirs.add_vectors(TOKENS, vectorizer_of(TOKENS).vectors)
    theirs.save(str(tmp_path / "vectors.bin"))
    with pytest.raises(ValueError, match=r"vectors.bin is a pickle, .* save_word2vec_format"):
        word2vec_format.load(tmp_path / "vectors.bin")


TEXT_ONLY = r"the bytes of these vectors are valid text, .*: save as text, binary=False"
odd_characters = st.characters(exclude_categories=["Cs"], exclude_characters=" \n")
odd_characters |= st.sampled_from("\0\t\r\x01\x85\u2028\ufeff09.-e")
odd_tokens = st.text(odd_characters, min_size=1, max_size=6)
odd_tokens |= st.sampled_from(["7", "1_0", "-0.5", "1e5", "nan", "inf", "3\t2", "\ufefftea", "tea\r"])
# Any numbers, and numbers whose bytes are those of text.
odd_numbers = st.floats(width=32, allow_nan=False, allow_infinity=False) | st.lists(
    st.sampled_from(b"0123456789.-e \n\t\ra"), min_size=4, max_size=4
).map(lambda codes: float(np.frombuffer(bytes(codes), "<f4")[0]))


@st.composite
def odd_vectors(draw):
    vector_size = draw(st.integers(1, 8))
    vectors = st.lists(odd_numbers, min_size=vector_size, max_size=vector_size)
    return draw(st.dictionaries(odd_tokens, vectors, min_size=1, max_size=5))


@settings(max_examples=80)
@given(odd_vectors())
def test_any_saved_vectors_are_loaded_bit_for_bit(vectors):
    vectorizer = vectorizer_with(vectors)
    with tempfile.TemporaryDirectory() as folder:
        for name in NAMES:
            path, binary = Path(folder) / name, "bin" in name
            with suppress(ValueError) if binary else nullcontext():  # vectors whose bytes are text raise an error
                word2vec_format.save(vectorizer, path, binary=binary)
            if path.exists():
                assert_identical(word2vec_format.load(path), vectorizer)
                assert_identical(word2vec_format.load(path, binary=binary), vectorizer)


PRINTABLE = float(np.frombuffer(b"abcd", "<f4")[0])


@pytest.mark.parametrize(
    ("vectors", "binary"),
    [
        ({"tea": [PRINTABLE], "cup": [1]}, True),
        ({"tea": [PRINTABLE, PRINTABLE], "cup": [1, 2]}, True),
        ({"tea": [1], "cup": [float(np.frombuffer(b"1 2\n", "<f4")[0])]}, True),
        ({"a\tb\x01": [0.5, 1]}, False),
        ({"a\t\x85": [0.5], "tea": [1]}, False),
    ],
)
def test_a_file_that_is_valid_in_one_format_only_is_read_in_it(tmp_path, vectors, binary):
    path = tmp_path / "vectors"
    word2vec_format.save(vectorizer_with(vectors), path, binary=binary)
    assert_identical(word2vec_format.load(path), vectorizer_with(vectors))
    assert_identical(word2vec_format.load(path, binary=binary), vectorizer_with(vectors))
    with pytest.raises(ValueError, match=r"(vector|line) \d of|continues at|ends after"):
        word2vec_format.load(path, binary=not binary)


@pytest.mark.parametrize("number", [b"0.25", b"-1e5", b"abcd", b"0,25", "½é".encode(), b"1\n\t "])
@pytest.mark.parametrize("n_rows", [1, 300])
def test_vectors_whose_bytes_are_text_are_saved_as_text_only(tmp_path, monkeypatch, number, n_rows):
    monkeypatch.setattr(word2vec_format, "BYTES_AT_A_TIME", 100)
    value = float(np.frombuffer(number, "<f4")[0])
    vectors = {f"token{row}": [value] * 2 for row in range(n_rows)}
    vectorizer = vectorizer_with(vectors)
    path = written(tmp_path, b"the old file", "vectors")
    with pytest.raises(ValueError, match=TEXT_ONLY):
        word2vec_format.save(vectorizer, path, binary=True)
    assert path.read_bytes() == b"the old file"
    word2vec_format.save(vectorizer, path)
    assert_identical(word2vec_format.load(path), vectorizer)
    vectorizer = vectorizer_with(vectors | {"token0": [value, 1]})
    word2vec_format.save(vectorizer, path, binary=True)
    assert_identical(word2vec_format.load(path), vectorizer)


def test_text_with_four_bytes_per_number_is_text(tmp_path):
    """Such rows are valid as binary, too."""
    expected = vectorizer_with({"a": [0.5, 0.5], "b": [1, 0]})
    assert_identical(word2vec_format.load(written(tmp_path, b"2 2\na 0.5 0.5\nb 1.0 0.0\n")), expected)
    expected = vectorizer_with({"king": [0.1, 0.2, 0.3], "queen": [0.4, 0.5, 0.6]})
    path = written(tmp_path, b"2 3\nking 0.1 0.2 0.3\nqueen 0.4 0.5 0.6\n")
    assert_identical(word2vec_format.load(path), expected)
    rows = np.random.default_rng(0).integers(0, 100, (5000, 100)) / 10
    lines = [f"Überraschung{row} " + " ".join(f"{value:.1f}" for value in rows[row]) for row in range(5000)]
    path = written(tmp_path, "\n".join(["5000 100", *lines]).encode())
    np.testing.assert_array_equal(word2vec_format.load(path).vectors, rows.astype(np.float32))


@pytest.mark.parametrize("line", ["tea nan", "tea 0,5", "a b c", "tea 0.25 0.5", "tea 0.5\xa0", "tea", "\xff 0.5x"])
def test_text_with_an_error_is_not_mistaken_for_binary(tmp_path, line):
    """Some of these are also a token, a space and the four bytes of a finite number."""
    path = written(tmp_path, b"2 1\ncup 1.5\n" + line.encode("latin-1" if "\xff" in line else "utf-8") + b"\n")
    for binary in (None, False):
        with pytest.raises(ValueError, match=r"line 3 of .*vectors\.txt"):
            word2vec_format.load(path, binary=binary)


@pytest.mark.parametrize("binary", [None, False])
def test_an_error_in_a_long_text_file_names_the_line(tmp_path, binary):
    """Digits are also bytes of finite numbers: the beginning of this file would be valid as binary."""
    path = tmp_path / "vectors.txt"
    vectorizer = vectorizer_of([f"token{row}" for row in range(120)], vector_size=1000)
    word2vec_format.save(vectorizer, path)
    assert path.stat().st_size > 2**20 + 4002
    assert_identical(word2vec_format.load(path, binary=binary), vectorizer)
    path.write_bytes(path.read_bytes().replace(b"\ntoken1 ", b"\ntoken1 5 "))
    with pytest.raises(ValueError, match=r"line 3 of .* is 'token1 5 "):
        word2vec_format.load(path, binary=binary)


@pytest.mark.parametrize("first_line", [b"", b"4 2\n"])
def test_tokens_of_glove_contain_spaces_and_some_files_have_tabs(tmp_path, first_line):
    tokens = ["at name@domain.com", ". . .", "7", "a\tb"]
    expected = vectorizer_with({token: [row, -0.5] for row, token in enumerate(tokens)})
    rows = "".join(f"{token} {row} -0.5\n" for row, token in enumerate(tokens))
    assert_identical(word2vec_format.load(written(tmp_path, first_line + rows.encode())), expected)

    expected = vectorizer_with({"new york": [1, 2], "tea": [3, 4]})
    content = first_line.replace(b"4", b"2").replace(b" ", b"\t") + b"new york\t1\t2\ntea\t3\t4\n"
    assert_identical(word2vec_format.load(written(tmp_path, content)), expected)


@pytest.mark.parametrize("content", [b"3 2\ntea 1 2\ncup 3 4\npot 5 x\n", b"tea 1 2\ncup 3 4\npot 5 x\n", BINARY])
def test_limit_reads_the_first_vectors_only(tmp_path, content):
    path = written(tmp_path, content)
    assert_identical(word2vec_format.load(path, limit=1), vectorizer_with({"tea": [1, 2]}))
    assert_identical(word2vec_format.load(path, limit=2), vectorizer_with({"tea": [1, 2], "cup": [3, 4]}))
    with pytest.raises(ValueError, match="limit=0 leaves no vectors to read: pass a number above 0"):
        word2vec_format.load(path, limit=0)
    with pytest.raises(TypeError, match=r"limit=1\.5 is not an integer: pass a number of vectors"):
        word2vec_format.load(path, limit=1.5)


def test_a_limit_beyond_the_end_reads_all_that_is_there(tmp_path):
    assert_identical(
        word2vec_format.load(written(tmp_path, BINARY), limit=9), word2vec_format.load(written(tmp_path, BINARY))
    )
    with pytest.raises(ValueError, match="ends after 1 of the 2 vectors declared in line 1"):
        word2vec_format.load(written(tmp_path, b"2 2\ntea 1 2\n"), limit=2)


def test_a_first_line_with_a_huge_number_of_vectors_takes_no_memory(tmp_path):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="ends after 1 of the 999999999999 vectors"):
            word2vec_format.load(written(tmp_path, b"999999999999 300\ntea" + b" 1" * 300))
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


def test_binary_needs_a_first_line(tmp_path):
    with pytest.raises(ValueError, match="not begin with the number of vectors and their length: pass binary=False"):
        word2vec_format.load(written(tmp_path, b"tea 1 2\n"), binary=True)


@pytest.mark.parametrize("name", NAMES)
def test_numbers_at_the_limits_of_32_bits(tmp_path, name):
    limits = np.finfo(np.float32)
    values = [0.0, 1 / 3, limits.smallest_subnormal, 1.1e-38, limits.tiny, limits.max, np.nextafter(np.float32(1), 2)]
    vectorizer = vectorizer_with({"tea": [*values, *np.negative(values)]})
    word2vec_format.save(vectorizer, tmp_path / name, binary="bin" in name)
    assert_identical(word2vec_format.load(tmp_path / name), vectorizer)


@pytest.mark.parametrize("binary", [True, False])
def test_vectors_longer_than_what_is_read_at_a_time(tmp_path, binary):
    vectorizer = vectorizer_of(TOKENS, vector_size=200_000)
    word2vec_format.save(vectorizer, tmp_path / "vectors", binary=binary)
    assert_identical(word2vec_format.load(tmp_path / "vectors"), vectorizer)


@pytest.mark.parametrize("binary", [True, False])
def test_the_longest_token_and_vector(tmp_path, monkeypatch, binary):
    token, path = "ü" * 2**19, tmp_path / "vectors"
    word2vec_format.save(vectorizer_of(["tea", token]), path, binary=binary)
    assert_identical(word2vec_format.load(path), vectorizer_of(["tea", token]))
    with pytest.raises(ValueError, match=r"token 'ü{80}'… \(row 1\) has more than 1048576 bytes: .* save by pickle"):
        word2vec_format.save(vectorizer_of(["tea", token + "x"]), path, binary=binary)
    monkeypatch.setattr(word2vec_format, "MAX_VECTOR_SIZE", 5)
    assert_identical(word2vec_format.load(path), vectorizer_of(["tea", token]))
    with pytest.raises(ValueError, match=r"vectors have 6 numbers, and word2vec files at most 5: save by pickle"):
        word2vec_format.save(vectorizer_of(["tea"], vector_size=6), path, binary=binary)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
def test_vectors_that_are_not_finite_are_not_saved(tmp_path, value, fitted):
    vectorizer = copy.copy(fitted)
    vectorizer.embeddings_ = fitted.embeddings_.astype(np.float64)
    vectorizer.embeddings_[1, 2] = value
    token = list(fitted.vocabulary_)[1]
    with pytest.raises(ValueError, match=rf"the vector of token '{token}' \(row 1\) is not finite as 32-bit numbers"):
        word2vec_format.save(vectorizer, tmp_path / "vectors.txt")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "content", [b"2 1\ntea 1\ncup 2\n", b"tea 1\ncup 2\n", b"2 1\ntea \0\0\x80?\ncup \0\0\0@\n"], ids=range(3)
)
@pytest.mark.parametrize("name", ["vectors", "vectors.gz"])
def test_a_byte_order_mark_is_skipped(tmp_path, name, content):
    expected = vectorizer_with({"tea": [1], "cup": [2]})
    assert_identical(word2vec_format.load(written(tmp_path, content, name)), expected)
    assert_identical(word2vec_format.load(written(tmp_path, b"\xef\xbb\xbf" + content, name)), expected)


@pytest.mark.parametrize("binary", [True, False])
def test_a_pipe_is_read(tmp_path, binary):
    read_end, write_end = os.pipe()
    word2vec_format.save(vectorizer_of(TOKENS), f"/dev/fd/{write_end}", binary=binary)
    os.close(write_end)
    assert_identical(word2vec_format.load(f"/dev/fd/{read_end}"), vectorizer_of(TOKENS))
    os.close(read_end)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"9" * 5000 + b" 5\ntea 1\n", "line 1 of .* is '9{80}'…: these numbers are too large; fix line 1"),
        (b"5 " + b"9" * 5000 + b"\ntea 1\n", "line 1 of .*: these numbers are too large"),
        (b"1 99999999999\ntea 1\n", "line 1 of .*, '1 99999999999', gives vectors of more than 262144 numbers"),
        (b"tea" + b" 1" * (2**18 + 1), "line 1 of .*, 'tea 1 .*…, gives vectors of more than 262144 numbers"),
        ("٢ ٢\ntea 1 2\n".encode(), "line 1 of .*: expected the number of vectors and their length, or a token"),
        (b"1_0 2\ntea 1 2\n", "line 2 of .* is 'tea 1 2': expected a token and 1 numbers"),
        (b"1 2\ntea 1_0 2\n", "line 2 of .* is 'tea 1_0 2': expected a token and 2 numbers"),
        ("1 2\ntea ٣ 2\n".encode(), "line 2 of .* is 'tea ٣ 2': expected"),
        (b"1 2\ntea 1\0 2.25\n", r"line 2 of .* is 'tea 1\\x00 2.25': expected"),
        (b"1 2\ntea 1 2.2500\0\n", r"line 2 of .* is 'tea 1 2.2500\\x00': expected"),
        (b"1 2\ntea \t1 2\n", r"line 2 of .* is 'tea \\t1 2': expected"),
        (b"1 2\ntea 1  2\n", r"line 2 of .* is 'tea 1  2': expected"),
        (b"1 2\ntea 1 1e39\n", "line 2 of .*, the vector of 'tea', has numbers that are not finite"),
        (b"1 2\ntea 1 -infinity\n", "line 2 of .*, the vector of 'tea', has numbers that are not finite"),
        (b"1 2\ntea " + np.float32([1, np.nan]).tobytes(), "vector 1 of .*, the vector of 'tea', has numbers that are"),
        (
            b"1 2\nt\nea " + np.float32([1, 2]).tobytes(),
            r"vector 1 of .* begins with 't\\nea .*: expected",
        ),
        (b"1 2\n " + np.float32([1, 2]).tobytes(), "vector 1 of .* begins with ' .*: expected a token of at most"),
        (b"1 2\n" + b"\xff" * (2**20 + 1), "vector 1 of .* begins with .* of at most 1048576 bytes"),
    ],
    ids=range(18),
)
def test_errors_of_damaged_files_name_the_location(tmp_path, content, message):
    path = written(tmp_path, content)
    with pytest.raises(ValueError, match=message) as caught:
        word2vec_format.load(path, binary=False if message.startswith("line 2 of") else None)
    assert len(str(caught.value)) < 700 + len(str(path))


@pytest.mark.parametrize(
    "content",
    [
        b"2 1\n%s 1\n%s 2\n",  # twice the same token
        b"1 1\n%s infinity\n",
        b"1 1\n\xff%s 1\n",
        b"1 1\n%s %s\n",
        b"1 1\ntea 1\n%s 1\n",
        b"%s",
        b"0 %s\n",
        b"2 1\n%s \0\0\x80?%s \0\0\x80?",
        b"1 1\n\n\n%s \0\0\x80?\n",
    ],
)
def test_errors_shorten_a_long_token(tmp_path, content):
    path = written(tmp_path, content.replace(b"%s", b"9" * 900_000))
    for binary in (None, False, True):
        with pytest.raises(ValueError, match=r"vectors\.txt") as caught:
            word2vec_format.load(path, binary=binary)
        assert len(str(caught.value)) < 700 + len(str(path))


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (["t" * 10**6 + " "], "token 't{80}'… .row 0. is empty or holds a space"),
        (["t" * 10**6 + "\ud800"], "token 't{80}'… .row 0. cannot be encoded"),
        ([10**4200, str(10**4200)], "tokens in rows 0 and 1 are both written '10{79}'…"),
        (["tea", 10**5000], "token an integer of 16610 bits .row 1. has too many digits to be written"),
    ],
)
def test_errors_of_saving_shorten_a_long_token(tmp_path, tokens, message):
    with pytest.raises(ValueError, match=message) as caught:
        word2vec_format.save(vectorizer_of(tokens), tmp_path / "vectors.txt")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("head", "unit", "message"),
    [
        (b"1 100\n", b"a", "line 2 of .* has more than 1051776 bytes"),
        (b"1 100\ntea", b" 1", "line 2 of .* has more than 1051776 bytes"),
        (b"", b"a", "line 1 of .* has more than 1081344 bytes"),
        (b"tea", b" 1", "line 1 of .* has more than 1081344 bytes"),
    ],
)
def test_a_line_without_end_needs_little_memory(tmp_path, monkeypatch, head, unit, message):
    monkeypatch.setattr(word2vec_format, "MAX_VECTOR_SIZE", 2**10)
    path = tmp_path / "vectors.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(head + unit * (2**25 // len(unit)))
    errors = {
        None: message,
        False: "line [12] of .* has more than",
        True: "continues at vector 2|begins with|line 1 of",
    }
    for binary, expected in errors.items():
        tracemalloc.start()
        try:
            with pytest.raises(ValueError, match=expected):
                word2vec_format.load(path, binary=binary)
            assert tracemalloc.get_traced_memory()[1] < 2**23
        finally:
            tracemalloc.stop()


def test_a_first_line_of_many_short_fields_needs_little_memory(tmp_path):
    path = tmp_path / "vectors.gz"
    path.write_bytes(gzip.compress(b"a " * 2**24, 1))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"line 1 of .* has more than 9437184 bytes"):
            word2vec_format.load(path)
        path.write_bytes(gzip.compress(b"1 " * 2**22, 1))
        with pytest.raises(ValueError, match=r"line 1 of .* gives vectors of more than 262144 numbers"):
            word2vec_format.load(path)
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_loading_needs_little_more_memory_than_what_is_loaded(tmp_path):
    word2vec_format.save(vectorizer_of([f"token{row}" for row in range(40_000)]), tmp_path / "vectors")
    tracemalloc.start()
    try:
        loaded = word2vec_format.load(tmp_path / "vectors")
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(loaded) == 40_000
    assert peak - kept < 2 * 2**20
