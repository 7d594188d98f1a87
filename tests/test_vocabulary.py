import numpy as np
import pytest

from sk_cbow import _vocabulary
from sk_cbow._vocabulary import look_up, read_corpus


def test_rows_go_by_falling_count_and_ties_by_first_appearance():
    corpus = read_corpus([["b", "a", "c"], ["d", "a", "c"], ["d"]], min_count=1, max_vocab=None)
    assert corpus.seen.vocabulary == {"a": 0, "c": 1, "d": 2, "b": 3}
    assert corpus.seen.token_counts.tolist() == [2, 2, 2, 1]


def test_token_ids_are_rows_plus_one_without_the_unknown():
    corpus = read_corpus([["x", "a", "b", "a"], ["rare"], ["b", "a"]], min_count=2, max_vocab=None)
    assert corpus.token_ids.tolist() == [1, 2, 1, 2, 1]
    assert corpus.token_ids.dtype == np.int32
    assert corpus.offsets.tolist() == [0, 3, 3, 5]


def test_min_count_and_max_vocab_leave_out():
    documents = [["a"] * 5 + ["b"] * 4 + ["c"] * 3]
    assert list(read_corpus(documents, min_count=4, max_vocab=None).seen.vocabulary) == ["a", "b"]
    assert list(read_corpus(documents, min_count=1, max_vocab=1).seen.vocabulary) == ["a"]
    assert list(read_corpus(documents, min_count=4, max_vocab=9).seen.vocabulary) == ["a", "b"]


def test_a_generator_is_read_once():
    documents = [["a", "b"], ["b"]]
    from_list = read_corpus(documents, min_count=1, max_vocab=None)
    from_generator = read_corpus((list(tokens) for tokens in documents), min_count=1, max_vocab=None)
    assert from_list.seen.vocabulary == from_generator.seen.vocabulary
    np.testing.assert_array_equal(from_list.token_ids, from_generator.token_ids)


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
    assert corpus.token_ids.tolist() == [1, 1, 1, 1, 2, 2, 3, 3]
    ((rows, _, _),) = look_up(reusing_one_list(), corpus.seen.vocabulary)
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
