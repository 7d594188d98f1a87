import numpy as np
import pytest

from sk_cbow._similarity import most_similar

VOCABULARY = {"east": 0, "north": 1, "northeast": 2, "west": 3, 7: 4}
EMBEDDINGS = np.array([[2, 0], [0, 3], [1, 1], [-1, 0], [3, 1]], np.float32)


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
