import numpy as np
import pytest

from sk_cbow import _vocabulary
from sk_cbow._vocabulary import (
    EMPTY_VOCABULARY,
    Vocabulary,
    choose_vocabulary,
    count_tokens,
    encode,
    look_up,
    read_corpus,
)


def test_tokens_are_counted_and_coded_by_first_appearance():
    tokens, counts, codes, offsets = count_tokens([["b", "a", "b"], [], ["a", 7]])
    assert tokens == ["b", "a", 7]
    assert counts.tolist() == [2, 2, 1]
    assert codes.tolist() == [0, 1, 0, 1, 2]
    assert codes.dtype == np.int32
    assert offsets.tolist() == [0, 3, 3, 5]


def test_no_documents_have_no_tokens():
    tokens, counts, codes, offsets = count_tokens([])
    assert tokens == []
    assert len(counts) == len(codes) == 0
    assert offsets.tolist() == [0]


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


def test_codes_are_encoded_as_rows_without_the_unknown():
    codes, offsets = np.array([0, 1, 2, 1, 1, 0]), np.array([0, 3, 5, 5, 6])
    rows, offsets = encode(codes, offsets, ["a", "?", "b"], {"b": 0, "a": 1})
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


def test_rows_go_by_falling_count_and_ties_by_first_appearance():
    corpus = read_corpus([["b", "a", "c"], ["d", "a", "c"], ["d"]], min_count=1, max_vocab=None)
    assert corpus.vocabulary.rows == {"a": 0, "c": 1, "d": 2, "b": 3}
    assert corpus.vocabulary.counts.tolist() == [2, 2, 2, 1]


def test_rows_of_a_corpus_are_those_of_its_known_tokens():
    corpus = read_corpus([["x", "a", "b", "a"], ["rare"], ["b", "a"]], min_count=2, max_vocab=None)
    assert corpus.rows.tolist() == [0, 1, 0, 1, 0]
    assert corpus.rows.dtype == np.int32
    assert corpus.offsets.tolist() == [0, 3, 3, 5]


def test_min_count_and_max_vocab_leave_out():
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


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([], "X holds no documents: pass at least one"),
        (iter([]), "X holds no documents"),
        ([[], []], "no document of X has a token"),
        ([["a", "b"], ["a"]], r"no token occurs min_count=3 times; the most frequent, 'a', occurs 2 times: lower"),
        (
            [["a"], ["a"], ["a", "b"]],
            r"no document has two .*: min_count=3 and max_vocab=None kept 1 of 2 distinct tokens; pass longer",
        ),
    ],
)
def test_a_corpus_to_learn_nothing_from_is_an_error(documents, message):
    with pytest.raises(ValueError, match=message):
        read_corpus(documents, min_count=3, max_vocab=None)


def test_a_generator_may_use_one_list_for_all_its_documents():
    def reusing_one_list():
        tokens = []
        for word in "aabc":
            tokens[:] = [word, word]
            yield tokens

    corpus = read_corpus(reusing_one_list(), min_count=1, max_vocab=None)
    assert corpus.rows.tolist() == [0, 0, 0, 0, 1, 1, 2, 2]
    ((rows, _, _),) = look_up(reusing_one_list(), corpus.vocabulary.rows)
    assert rows.tolist() == [0, 0, 0, 0, 1, 1, 2, 2]


def test_look_up_leaves_out_what_is_not_known():
    ((rows, offsets, is_complete),) = look_up([["b", "?", "a"], ["?"], [], ["a", 7]], {"a": 0, "b": 1, 7: 2})
    assert rows.tolist() == [1, 0, 0, 2]
    assert offsets.tolist() == [0, 2, 2, 2, 4]
    assert is_complete


def test_look_up_of_nothing():
    assert list(look_up([], {"a": 0})) == []


def test_look_up_goes_chunk_by_chunk_and_reads_no_further_than_it_must(monkeypatch):
    monkeypatch.setattr(_vocabulary, "TOKENS_AT_A_TIME", 3)
    monkeypatch.setattr(_vocabulary, "DOCUMENTS_AT_A_TIME", 2)
    n_read = 0

    def documents():
        nonlocal n_read
        for tokens in (["a"], ["b", "?"], [], ["?", "b", "a", "a"], [], [], ["a"], ["b"] * 6):
            n_read += 1
            yield tokens

    chunks = look_up(documents(), {"a": 0, "b": 1})
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
