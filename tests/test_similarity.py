import weakref

import numpy as np
import pytest

from sk_cbow import _similarity
from sk_cbow._similarity import SearchIndex

VOCABULARY = {"east": 0, "north": 1, "northeast": 2, "west": 3, 7: 4}
EMBEDDINGS = np.array([[2, 0], [0, 3], [1, 1], [-1, 0], [3, 1]], np.float32)


def most_similar(positive, negative, topn, vocabulary, vectors, candidates=None, exclude=()):
    index = SearchIndex(vocabulary, vectors)
    return _similarity.most_similar(index, vectors, positive, negative, topn, candidates, exclude)


def test_neighbours_of_a_token_by_hand():
    neighbours = most_similar("east", (), 10, VOCABULARY, EMBEDDINGS)
    assert [token for token, _ in neighbours] == [7, "northeast", "north", "west"]
    np.testing.assert_allclose([cosine for _, cosine in neighbours], [3 / 10**0.5, 0.5**0.5, 0, -1], atol=1e-6)


def test_tokens_count_at_unit_length_and_negatives_are_subtracted():
    # (0, 1) + (1, 0) - (-1, 0) points to (2, 1): nearest is (3, 1), then (1, 1).
    neighbours = most_similar(["north", "east"], "west", 2, VOCABULARY, EMBEDDINGS)
    assert [token for token, _ in neighbours] == [7, "northeast"]
    assert neighbours[0][1] == pytest.approx(7 / 50**0.5)


def test_a_vector_is_not_scaled_and_excludes_no_token():
    assert most_similar(np.array([0.0, 0.1]), (), 1, VOCABULARY, EMBEDDINGS)[0][0] == "north"
    weighed = most_similar(["east", np.array([0.0, 100.0])], (), 1, VOCABULARY, EMBEDDINGS)
    assert weighed[0][0] == "north"


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e200, 1e308])
def test_the_length_of_a_query_vector_changes_nothing(scale):
    query = np.array([0.5, 0.25])
    assert most_similar(query * scale, (), 5, VOCABULARY, EMBEDDINGS) == most_similar(
        query, (), 5, VOCABULARY, EMBEDDINGS
    )
    both = most_similar([query * scale, query * scale], (), 5, VOCABULARY, EMBEDDINGS)
    assert both == most_similar(query, (), 5, VOCABULARY, EMBEDDINGS)


@pytest.mark.parametrize("scale", [2.0**-130, 2.0**120])
def test_the_length_of_word_vectors_changes_nothing(scale):
    scaled = EMBEDDINGS * np.float32(scale)
    assert most_similar("east", "north", 5, VOCABULARY, scaled) == most_similar(
        "east", "north", 5, VOCABULARY, EMBEDDINGS
    )


def test_vectors_that_vanish_beside_others_have_cosine_0():
    vectors = np.array([[1, 0], [1e-45, 0], [0, 0], [1, 1]], np.float32)
    neighbours = most_similar(0, (), 9, {row: row for row in range(4)}, vectors)
    assert neighbours == [(3, pytest.approx(0.5**0.5)), (1, 0), (2, 0)]


def test_cosines_are_at_most_1():
    vectors = np.random.default_rng(0).normal(size=(300, 7)).astype(np.float32)
    vocabulary = {f"token{row}": row for row in range(300)}
    assert max(most_similar(vector.astype(float), (), 1, vocabulary, vectors)[0][1] for vector in vectors) <= 1


def test_integer_tokens_and_topn():
    assert most_similar(7, (), 1, VOCABULARY, EMBEDDINGS)[0][0] == "east"
    assert len(most_similar(7, (), 100, VOCABULARY, EMBEDDINGS)) == 4
    assert most_similar(7, (), 0, VOCABULARY, EMBEDDINGS) == []


def test_agrees_with_the_definition_on_random_vectors():
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(30, 5)).astype(np.float32)
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    query = unit[3] + unit[4] - unit[5]
    cosine = unit @ query / np.linalg.norm(query)
    expected = [row for row in np.argsort(-cosine) if row not in (3, 4, 5)][:10]
    neighbours = most_similar([3, 4], [5], 10, {row: row for row in range(30)}, embeddings)
    assert [token for token, _ in neighbours] == expected
    np.testing.assert_allclose([similarity for _, similarity in neighbours], cosine[expected], rtol=1e-5)


def tokens(neighbours):
    return [token for token, _ in neighbours]


def search(positive, negative=(), topn=10, **options):
    return most_similar(positive, negative, topn, VOCABULARY, EMBEDDINGS, **options)


def test_each_list_is_a_query_of_its_own():
    assert search([["east"], ["north", "east"]]) == [search("east"), search(["north", "east"])]
    assert search((("east",), [np.array([0.0, 1.0])]), topn=1) == [
        search("east", topn=1),
        search(np.array([0.0, 1.0]), topn=1),
    ]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_row_of_an_array_is_a_query_of_its_own(dtype):
    queries = np.array([[0, 2], [-1, 0.5]], dtype)
    assert search(queries) == [search(queries[0]), search(queries[1])]
    assert search(queries[:0]) == []
    assert search(np.array([[7, 7], [7, 7]]), topn=1) == [search(7, topn=1)] * 2  # of integer tokens


def test_negative_and_exclude_are_for_all_queries_or_one_for_each():
    queries = [["east"], ["north"]]
    assert search(queries, "west") == [search("east", "west"), search("north", "west")]
    assert search(queries, [["west"], [7]]) == [search("east", "west"), search("north", [7])]
    assert search(queries, exclude=7) == [search("east", exclude=[7]), search("north", exclude=[7])]
    assert search(queries, exclude=[[], [7, "west"]]) == [search("east"), search("north", exclude=[7, "west"])]


def test_excluded_tokens_are_not_returned_and_unknown_ones_are_ignored():
    assert tokens(search("east", exclude=["northeast", "south", 7, 99])) == ["north", "west"]
    assert tokens(search("east", topn=1, exclude={7})) == ["northeast"]
    assert search("east", exclude=list(VOCABULARY)) == []


def test_only_candidates_are_returned_in_the_order_of_similarity():
    assert tokens(search("east", candidates=["west", "north", "south", "north", "east"])) == ["north", "west"]
    assert tokens(search("east", candidates=["west", "north"], exclude="north")) == ["west"]
    assert search("east", candidates="south") == search("east", candidates=[]) == []
    assert search("east", candidates=iter(VOCABULARY)) == search("east")


@pytest.mark.parametrize("n_candidates", [3, 30, 290])  # of 300: some are copied, of many all products are computed
def test_candidates_have_the_similarities_that_they_have_among_all(n_candidates):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(300, 7)).astype(np.float32)
    vocabulary = {f"token{row}": row for row in range(300)}
    candidates = [f"token{row}" for row in rng.permutation(300)[:n_candidates]]
    among_all = most_similar("token0", (), 300, vocabulary, vectors)
    expected = [neighbour for neighbour in among_all if neighbour[0] in candidates]
    found = most_similar("token0", (), 300, vocabulary, vectors, candidates=candidates)
    assert tokens(found) == tokens(expected)
    np.testing.assert_allclose([value for _, value in found], [value for _, value in expected], atol=1e-6)


def test_many_queries_in_several_blocks(monkeypatch):
    monkeypatch.setattr(_similarity, "COSINES_AT_A_TIME", 10)  # two queries at a time
    queries = [["east"], ["north"], ["west"], [7], ["northeast"]]
    exclude = [[], ["west"], [7], ["east"], []]
    expected = [search(query, exclude=without) for query, without in zip(queries, exclude, strict=True)]
    assert search(queries, exclude=exclude) == expected


def test_ties_are_in_the_order_of_rows_wherever_the_list_ends():
    vectors = np.array([[1, 0], [2, 0], [0, 1], [3, 0], [4, 0], [0, 0]], np.float32)
    vocabulary = {row: row for row in range(6)}
    for topn in range(7):
        assert tokens(most_similar(0, (), topn, vocabulary, vectors)) == [1, 3, 4, 2, 5][:topn]


def test_an_index_is_of_one_vocabulary_and_one_table_and_does_not_keep_the_table():
    vectors = EMBEDDINGS.copy()
    index = SearchIndex(VOCABULARY, vectors)
    assert index.is_of(VOCABULARY, vectors)
    assert not index.is_of(dict(VOCABULARY), vectors)
    assert not index.is_of(VOCABULARY, EMBEDDINGS)
    kept = weakref.ref(vectors)
    del vectors
    assert kept() is None


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"positive": [["east"], "north"]}, TypeError, r"positive\[1\] is 'north', but positive\[0\] is a list"),
        ({"positive": [["east"], ["south"]]}, KeyError, r"positive\[1\]\[0\], the token 'south'"),
        ({"positive": [["east"], []]}, ValueError, r"positive\[1\] and negative are both empty or zero"),
        ({"positive": np.zeros((2, 2))}, ValueError, r"positive\[0\] and negative are both empty"),
        ({"positive": np.ones((2, 3))}, ValueError, r"positive\[0\]\[0\] is array.*of 2 finite numbers"),
        ({"positive": [["east"]], "negative": [["west"], [7]]}, ValueError, "negative has 2 lists for 1 queries"),
        ({"positive": [["east"]], "exclude": [[], []]}, ValueError, "exclude has 2 lists for 1 queries"),
        ({"positive": "east", "exclude": [["west"]]}, TypeError, r"exclude\[0\] is \['west'\]: pass a token"),
        ({"positive": "east", "exclude": 0.5}, TypeError, "exclude is 0.5: pass a token"),
        ({"positive": "east", "candidates": ["west", None]}, TypeError, r"candidates\[1\] is None: pass a token"),
        ({"positive": "east", "candidates": 0.5}, TypeError, "candidates is 0.5"),
    ],
)
def test_errors_of_several_queries_candidates_and_exclusions(options, error, message):
    with pytest.raises(error, match=message):
        search(**options)


@pytest.mark.parametrize(
    ("positive", "negative", "topn", "error", "message"),
    [
        (["east", "south"], (), 1, KeyError, r"positive\[1\], the token 'south', is not in the vocabulary"),
        ("east", ["west", "south"], 1, KeyError, r"negative\[1\], the token 'south'"),
        ([], (), 1, ValueError, "both empty or zero: pass at least one token or nonzero vector"),
        (np.zeros(2), (), 1, ValueError, "both empty or zero"),
        (
            np.ones(3),
            (),
            1,
            ValueError,
            r"positive\[0\] is array\(.*pass a token, or a NumPy array of 2 finite numbers",
        ),
        (np.array([np.nan, 1]), (), 1, ValueError, r"positive\[0\] is array\(\[nan"),
        ("east", [[1, 0]], 1, ValueError, r"negative\[0\] is \[1, 0\]: pass a token, or a NumPy array"),
        ("east", [None], 1, ValueError, r"negative\[0\] is None"),
        (1.5, (), 1, TypeError, "positive is 1.5: pass a token, a vector, or a list"),
        ("east", None, 1, TypeError, "negative is None: pass a token"),
        ("east", (), 2.5, TypeError, "topn is 2.5: pass an integer"),
        ("east", (), -1, ValueError, "topn is -1: pass 0 or more"),
    ],
)
def test_errors_name_value_position_and_remedy(positive, negative, topn, error, message):
    with pytest.raises(error, match=message):
        most_similar(positive, negative, topn, VOCABULARY, EMBEDDINGS)
