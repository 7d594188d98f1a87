import enum
import re
import sys
from contextlib import suppress
from itertools import pairwise

import numpy as np
import pytest

from sk_cbow import _vocabulary
from sk_cbow._documents import token_lists
from sk_cbow._vocabulary import (
    EMPTY_VOCABULARY,
    UNKNOWN,
    IntegerFile,
    Vocabulary,
    choose_vocabulary,
    count_tokens,
    encode_codes,
    encode_documents,
    pack_counts,
    read_corpus,
    unpack_counts,
)


def test_tokens_are_counted_and_coded_by_first_appearance():
    with IntegerFile() as file:
        tokens, counts, offsets = count_tokens([["b", "a", "b"], [], ["a", 7]], file)
        codes = file.as_array(5)
    assert tokens == ["b", "a", 7]
    assert counts.tolist() == [2, 2, 1]
    assert codes.tolist() == [0, 1, 0, 1, 2]
    assert codes.dtype == np.int32
    assert offsets.tolist() == [0, 3, 3, 5]


class Unit(enum.IntEnum):
    GRAM = 5


class Drink(str, enum.Enum):
    TEA = "tea"


class Name(str):
    """Like rdflib's URIRef, not equal to its text."""

    def __eq__(self, other):
        return type(other) is Name and str.__eq__(self, other)

    def __hash__(self):
        return hash((Name, str(self)))


def test_tokens_of_a_vocabulary_are_plain_strings_and_integers():
    documents = [[np.int64(7), np.str_("cup"), True, False, Unit.GRAM, Drink.TEA], [7, "cup", 1, 0, 5, "tea"]]
    with IntegerFile() as file:
        tokens, counts, _ = count_tokens(documents, file)
    assert [(type(token), token) for token in tokens] == [
        (int, 7),
        (str, "cup"),
        (int, 1),
        (int, 0),
        (int, 5),
        (str, "tea"),
    ]
    assert counts.tolist() == [2] * 6


def test_a_string_that_is_not_equal_to_its_text_stays_a_token_of_its_own():
    corpus = read_corpus([[Name("tea"), "tea", Name("tea")]], min_count=1, max_vocab=None)
    assert corpus.vocabulary.rows == {Name("tea"): 0, "tea": 1}
    ((rows, _, _),) = encode_documents([["tea", Name("tea")]], corpus.vocabulary.rows)
    assert rows.tolist() == [1, 0]


def test_no_documents_have_no_tokens():
    with IntegerFile() as file:
        tokens, counts, offsets = count_tokens([], file)
        assert len(file.as_array(0)) == 0
    assert tokens == []
    assert len(counts) == 0
    assert offsets.tolist() == [0]


@pytest.mark.parametrize("bytes_in_memory", [7, 8, 12])
def test_a_file_of_integers_is_the_same_in_memory_and_on_disk(monkeypatch, bytes_in_memory):
    monkeypatch.setattr(_vocabulary, "BYTES_IN_MEMORY", bytes_in_memory)
    with IntegerFile() as file:
        for position, integers in (0, [7, 8]), (2, [1]), (3, []), (1, [-2, 3]):
            file.write(position, np.array(integers, np.int32))
        assert file.is_on_disk == (bytes_in_memory < 12)
        assert file.read(slice(1, 3)).tolist() == [-2, 3]
        array = file.as_array(2)
    assert array.tolist() == [7, -2]


def test_a_file_on_disk_is_closed_whatever_happens(monkeypatch):
    monkeypatch.setattr(_vocabulary, "BYTES_IN_MEMORY", 0)
    with suppress(ZeroDivisionError), IntegerFile() as file:
        file.write(0, np.zeros(1, np.int32))
        raise ZeroDivisionError
    assert file.file.closed


def test_a_vocabulary_is_chosen_by_hand():
    counts = np.array([3, 1, 5, 3])
    rows, by_row, dropped = choose_vocabulary(["a", "rare", "b", "c"], counts, min_count=2, max_vocab=2)
    assert rows == {"b": 0, "a": 1}
    assert by_row.tolist() == [5, 3]
    assert dropped == {"rare": 1, "c": 3}
    assert EMPTY_VOCABULARY.rows == EMPTY_VOCABULARY.dropped_counts == {}


@pytest.mark.parametrize(
    ("max_vocab", "rows", "counts", "dropped"),
    [
        # "d" reaches min_count=3 with its earlier occurrences; "e" has reached it, but is not in these documents.
        (None, {"a": 0, "b": 1, "f": 2, "d": 3}, [11, 8, 4, 3], {"e": 9, "g": 1}),
        (3, {"a": 0, "b": 1, "f": 2}, [11, 8, 4], {"d": 3, "e": 9, "g": 1}),
        (1, {"a": 0, "b": 1}, [11, 8], {"d": 3, "e": 9, "f": 4, "g": 1}),
    ],
)
def test_a_vocabulary_is_merged_with_the_previous_one(max_vocab, rows, counts, dropped):
    previous = Vocabulary({"a": 0, "b": 1}, np.array([10, 8]), {"d": 2, "e": 9})
    here = ["d", "f", "a", "g"], np.array([1, 4, 1, 1])
    merged = choose_vocabulary(*here, min_count=3, max_vocab=max_vocab, previous=previous)
    assert merged.rows == rows
    assert merged.counts.tolist() == counts
    assert merged.dropped_counts == dropped
    assert previous.rows == {"a": 0, "b": 1}
    assert previous.counts.tolist() == [10, 8]
    assert previous.dropped_counts == {"d": 2, "e": 9}


def test_of_too_many_dropped_tokens_the_most_frequent_and_latest_are_kept(monkeypatch):
    monkeypatch.setattr(_vocabulary, "DROPPED_TO_KEEP", 2)
    vocabulary = Vocabulary({"a": 0}, np.array([9]), {"b": 3, "c": 1})
    for token, dropped in [
        ("d", {"b": 3, "c": 1, "d": 1}),
        ("c", {"b": 3, "c": 2, "d": 1}),
        ("e", {"b": 3, "c": 2, "d": 1, "e": 1}),  # twice as many as are kept
        ("f", {"b": 3, "c": 2}),
        ("g", {"b": 3, "c": 2, "g": 1}),
        ("h", {"b": 3, "c": 2, "g": 1, "h": 1}),
        ("c", {"b": 3, "c": 3, "g": 1, "h": 1}),
        ("g", {"b": 3, "c": 3, "g": 2, "h": 1}),
        ("b", {"c": 3, "g": 2, "h": 1}),  # has reached min_count
    ]:
        vocabulary = choose_vocabulary([token], np.array([1]), min_count=4, max_vocab=None, previous=vocabulary)
        assert vocabulary.dropped_counts == dropped
    assert vocabulary.rows == {"a": 0, "b": 1}


def test_packing_between_calls_does_not_change_which_counts_are_kept(monkeypatch):
    monkeypatch.setattr(_vocabulary, "DROPPED_TO_KEEP", 3)
    kept = packed = Vocabulary({"a": 0}, np.array([9]), {})
    for tokens in (["b", 1], ["c", 2], [3, "d"], ["e", 4], [5], ["f"], [6], ["g"]):
        arguments = tokens, np.ones(len(tokens), np.int64)
        kept = choose_vocabulary(*arguments, min_count=4, max_vocab=None, previous=kept)
        packed = packed._replace(dropped_counts=unpack_counts(pack_counts(packed.dropped_counts)))
        packed = choose_vocabulary(*arguments, min_count=4, max_vocab=None, previous=packed)
        assert kept.dropped_counts == packed.dropped_counts


def test_codes_are_encoded_as_rows_without_the_unknown():
    offsets = np.array([0, 3, 5, 5, 6])
    with IntegerFile() as file:
        file.write(0, np.array([0, 1, 2, 1, 1, 0], np.int32))
        rows = encode_codes(file, offsets, np.array([1, UNKNOWN, 0], np.int32))
    assert rows.tolist() == [1, 0, 1]
    assert rows.dtype == np.int32
    assert offsets.tolist() == [0, 2, 2, 2, 3]


def test_a_corpus_counts_its_own_documents_and_its_vocabulary_all():
    first = read_corpus([["a", "b"], ["a", "c"]], min_count=1, max_vocab=2)
    assert first.token_counts.tolist() == first.vocabulary.counts.tolist() == [2, 1]
    second = read_corpus([["c", "a"], ["?"]], min_count=2, max_vocab=None, previous=first.vocabulary)
    assert second.vocabulary.rows == {"a": 0, "b": 1, "c": 2}
    assert second.vocabulary.counts.tolist() == [3, 1, 2]
    assert second.token_counts.tolist() == [1, 0, 1]
    assert second.rows.tolist() == [2, 0]


def test_rows_are_in_decreasing_order_of_frequency_then_of_first_appearance():
    corpus = read_corpus([["b", "a", "c"], ["d", "a", "c"], ["d"]], min_count=1, max_vocab=None)
    assert corpus.vocabulary.rows == {"a": 0, "c": 1, "d": 2, "b": 3}
    assert corpus.vocabulary.counts.tolist() == [2, 2, 2, 1]


def test_rows_of_a_corpus_are_those_of_its_known_tokens():
    corpus = read_corpus([["x", "a", "b", "a"], ["rare"], ["b", "a"]], min_count=2, max_vocab=None)
    assert corpus.rows.tolist() == [0, 1, 0, 1, 0]
    assert corpus.rows.dtype == np.int32
    assert corpus.offsets.tolist() == [0, 3, 3, 5]


def test_min_count_and_max_vocab_drop_tokens():
    documents = [["a"] * 5 + ["b"] * 4 + ["c"] * 3]
    assert list(read_corpus(documents, min_count=4, max_vocab=None).vocabulary.rows) == ["a", "b"]
    assert list(read_corpus(documents, min_count=1, max_vocab=1).vocabulary.rows) == ["a"]
    assert list(read_corpus(documents, min_count=4, max_vocab=9).vocabulary.rows) == ["a", "b"]


def test_a_generator_is_read_once():
    documents = [["a", "b"], ["b"]]
    from_list = read_corpus(documents, min_count=1, max_vocab=None)
    from_generator = read_corpus((list(tokens) for tokens in documents), min_count=1, max_vocab=None)
    assert from_list.vocabulary.rows == from_generator.vocabulary.rows
    np.testing.assert_array_equal(from_list.rows, from_generator.rows)


@pytest.fixture
def tiny_chunks(monkeypatch):
    """At most two documents, and about three tokens, are read at a time."""
    monkeypatch.setattr(_vocabulary, "DOCUMENTS_AT_A_TIME", 2)
    monkeypatch.setattr(_vocabulary, "TOKENS_AT_A_TIME", 3)


def random_documents():
    rng = np.random.default_rng(0)
    return [rng.zipf(1.5, length).clip(max=30).tolist() for length in [*rng.integers(0, 9, 200), 100, 0]]


def assert_equal_corpora(corpus, expected):
    assert corpus.vocabulary.rows == expected.vocabulary.rows
    assert list(corpus.vocabulary.rows) == list(expected.vocabulary.rows)
    assert corpus.vocabulary.dropped_counts == expected.vocabulary.dropped_counts
    np.testing.assert_array_equal(corpus.vocabulary.counts, expected.vocabulary.counts)
    np.testing.assert_array_equal(corpus.token_counts, expected.token_counts)
    np.testing.assert_array_equal(corpus.rows, expected.rows)
    np.testing.assert_array_equal(corpus.offsets, expected.offsets)


@pytest.mark.parametrize("bytes_in_memory", [0, 200, 10**9])
def test_a_corpus_read_in_tiny_chunks_or_from_disk_is_the_same(monkeypatch, tiny_chunks, bytes_in_memory):
    documents = random_documents()
    monkeypatch.setattr(_vocabulary, "BYTES_IN_MEMORY", bytes_in_memory)
    corpus = read_corpus(documents, min_count=10, max_vocab=12)
    nothing_known = read_corpus([[31] * 60], min_count=61, max_vocab=None, previous=corpus.vocabulary)
    monkeypatch.undo()
    assert_equal_corpora(corpus, read_corpus(documents, min_count=10, max_vocab=12))
    rows = corpus.vocabulary.rows
    assert corpus.rows.tolist() == [rows[token] for tokens in documents for token in tokens if token in rows]
    assert nothing_known.rows.tolist() == []
    assert nothing_known.offsets.tolist() == [0, 0]


def test_chunks_of_a_corpus_by_hand(tiny_chunks):
    corpus = read_corpus(
        [["a"], ["b", "?"], [], ["?", "b", "a", "a"], [], [], ["a"], ["b"] * 6, []], min_count=2, max_vocab=2
    )
    assert [(rows.tolist(), offsets.tolist(), is_complete) for rows, offsets, is_complete in corpus.chunks()] == [
        ([1, 0], [0, 1, 2], True),
        ([0, 1, 1], [0, 0, 3], True),
        ([], [0, 0, 0], True),
        ([1, 0, 0], [0, 1, 3], False),
        ([0, 0, 0], [0, 3], False),
        ([0], [0, 1, 1], True),
    ]


def test_chunks_of_a_corpus_hold_its_documents(tiny_chunks):
    corpus = read_corpus(random_documents(), min_count=1, max_vocab=None)
    documents, is_complete = [], True
    for rows, offsets, next_is_complete in corpus.chunks():
        assert len(rows) <= 3
        assert len(offsets) <= 3
        of_chunk = [rows[start:stop].tolist() for start, stop in pairwise(offsets)]
        if not is_complete:
            documents[-1] += of_chunk.pop(0)
        documents += of_chunk
        is_complete = next_is_complete
    assert is_complete
    assert documents == [corpus.rows[start:stop].tolist() for start, stop in pairwise(corpus.offsets)]


@pytest.mark.slow
def test_a_full_disk_is_an_error_with_a_remedy_and_leaves_no_file(in_a_fresh_process, tmp_path):
    pytest.importorskip("resource", reason="needs a limit for the size of files")
    code = """
import errno, os, resource
from sk_cbow import _vocabulary
_vocabulary.BYTES_IN_MEMORY = 2**21
resource.setrlimit(resource.RLIMIT_FSIZE, (3 * 2**20, 3 * 2**20))
try:
    _vocabulary.read_corpus((["a", "b"] * 2**9 for _ in range(2**20)), min_count=1, max_vocab=None)
except OSError as error:
    assert error.errno == errno.EFBIG
    assert os.listdir(os.environ["TMPDIR"]) == []
    print(error)
"""
    message = rf"\[Errno \d+\] .*: the tokens .* take 4,194,304 bytes in .* {tmp_path}: free space .* TMPDIR .*"
    assert re.fullmatch(message, in_a_fresh_process(code, TMPDIR=str(tmp_path)))


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the peak of memory from /proc")
def test_a_corpus_takes_less_than_five_bytes_per_token_and_none_on_disk(in_a_fresh_process):
    code = """
from sk_cbow import _vocabulary

def read(n_tokens, bytes_in_memory):
    _vocabulary.BYTES_IN_MEMORY = bytes_in_memory
    tokens = [str(number) for number in range(200)]
    _vocabulary.read_corpus((tokens for _ in range(n_tokens // 200)), min_count=1, max_vocab=150)
    status = open("/proc/self/status").read()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024

chunk = read(10**6, 0)
on_disk = read(10**7, 0)
in_memory = read(10**7, 2**30)
print((on_disk - chunk) / 10**7, (in_memory - chunk) / 10**7)
"""
    on_disk, in_memory = map(float, in_a_fresh_process(code).split())
    assert on_disk < 0.5
    assert 3.5 < in_memory < 5


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([], "X holds no documents: pass at least one"),
        (iter([]), "X holds no documents"),
        ([[], []], "no document of X has a token"),
        (
            [["a", "b"], ["a"]],
            r"no token occurs min_count=3 times; the most frequent, 'a', occurs 2 times: lower .* or, if that is a "
            "whole text, set another analyzer, which splits it$",
        ),
        (
            [["a"], ["a"], ["a", "b"]],
            r"no document has two .*: min_count=3 and max_vocab=None kept 1 of 2 distinct tokens, such as 'a'; pass "
            r"longer .* or, if the documents are long texts, set another analyzer, which splits them into more tokens$",
        ),
    ],
)
def test_a_corpus_without_contexts_is_an_error(documents, message):
    with pytest.raises(ValueError, match=message):
        read_corpus(documents, min_count=3, max_vocab=None)


def test_long_texts_that_are_one_token_each_need_another_analyzer():
    texts = ["ACGT" * 30, "GATTACA" * 20]
    for min_count in (1, 2):
        with pytest.raises(ValueError, match=r"'acgt.*, or, if .*, set another analyzer"):
            read_corpus(token_lists(texts, "word"), min_count=min_count, max_vocab=None)
    assert set(read_corpus(token_lists(texts, list), min_count=1, max_vocab=None).vocabulary.rows) == set("ACGT")


def test_a_generator_may_use_one_list_for_all_its_documents():
    def reusing_one_list():
        tokens = []
        for word in "aabc":
            tokens[:] = [word, word]
            yield tokens

    corpus = read_corpus(reusing_one_list(), min_count=1, max_vocab=None)
    assert corpus.rows.tolist() == [0, 0, 0, 0, 1, 1, 2, 2]
    ((rows, _, _),) = encode_documents(reusing_one_list(), corpus.vocabulary.rows)
    assert rows.tolist() == [0, 0, 0, 0, 1, 1, 2, 2]


def test_unknown_tokens_are_dropped():
    ((rows, offsets, is_complete),) = encode_documents([["b", "?", "a"], ["?"], [], ["a", 7]], {"a": 0, "b": 1, 7: 2})
    assert rows.tolist() == [1, 0, 0, 2]
    assert offsets.tolist() == [0, 2, 2, 2, 4]
    assert is_complete


def test_no_documents_are_encoded_as_nothing():
    assert list(encode_documents([], {"a": 0})) == []


def test_documents_are_encoded_chunk_by_chunk_and_read_no_further_than_necessary(tiny_chunks):
    n_read = 0

    def documents():
        nonlocal n_read
        for tokens in (["a"], ["b", "?"], [], ["?", "b", "a", "a"], [], [], ["a"], ["b"] * 6):
            n_read += 1
            yield tokens

    chunks = encode_documents(documents(), {"a": 0, "b": 1})
    for rows, offsets, is_complete, n_read_so_far in [
        ([0, 1], [0, 1, 2], True, 2),
        ([1, 0], [0, 0, 2], False, 4),  # the second document of this chunk
        ([0], [0, 1, 1], True, 5),  # is the first one of this
        ([0], [0, 0, 1], True, 7),
        ([1, 1, 1], [0, 3], False, 8),
        ([1, 1, 1], [0, 3], True, 8),
    ]:
        chunk = next(chunks)
        assert (chunk[0].tolist(), chunk[1].tolist(), *chunk[2:], n_read) == (rows, offsets, is_complete, n_read_so_far)
    assert list(chunks) == []


def test_packed_counts_are_unpacked():
    surrogates = dict.fromkeys(["\ud83d", "\ude00", "\ud83d\ude00", "\U0001f600"], 2)
    for counts in ({}, {"": 1}, {"tea": 2, "é": 3, "": 4, 7: 300, "7": 70_000, -(10**30): 1}, {5: 1}, surrogates):
        assert unpack_counts(pack_counts(counts)) == counts


def test_packed_counts_are_small():
    counts = {f"token{number}": 1 + number % 4 for number in range(1000)}
    packed = pack_counts(counts)
    assert len(packed["strings"]) == sum(map(len, counts))
    assert packed["lengths"].nbytes + packed["counts"].nbytes == 2 * len(counts)
