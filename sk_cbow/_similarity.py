"""Word vectors -> nearest tokens by cosine, and scores on human similarity judgements and analogies."""

import itertools
import math
import reprlib
from collections.abc import Iterable
from numbers import Integral
from typing import NamedTuple

import numpy as np
from scipy import stats

COSINES_AT_A_TIME = 2**24

_shortened = reprlib.Repr()  # limits the length of values quoted in error messages
_shortened.maxstring = _shortened.maxother = 80
_shown = _shortened.repr


def most_similar(positive, negative, topn, vocabulary, embeddings):
    """Rank tokens by cosine similarity to the mean of the positive and the negated negative vectors.

    Parameters
    ----------
    positive, negative : token or vector, or list of these
        A token counts as its vector at unit length.
    topn : int
    vocabulary : dict
        Token -> row.
    embeddings : ndarray of shape (n_tokens, vector_size)

    Returns
    -------
    neighbours : list of (token, similarity)
        Without the tokens of the query.

    Raises
    ------
    KeyError
        If a token is not in the vocabulary.
    TypeError
        If `positive` or `negative` is neither token, vector nor a list of these, or `topn` not an integer.
    ValueError
        If the query is empty, a vector has the wrong length or is not finite, or `topn` is negative.
    """
    if not isinstance(topn, Integral):
        raise TypeError(f"topn is {topn!r}: pass an integer")
    if topn < 0:
        raise ValueError(f"topn is {topn}: pass 0 or more")
    unit_vectors = _unit_vectors(embeddings)
    terms = [np.zeros(embeddings.shape[1])]
    query_rows = []
    for name, keys, sign in (("positive", positive, 1), ("negative", negative, -1)):
        for position, key in enumerate(_as_list(name, keys)):
            if isinstance(key, (str, Integral)):
                if key not in vocabulary:
                    raise KeyError(
                        f"{name}[{position}], the token {_shown(key)}, is not in the vocabulary: leave it out"
                    )
                query_rows.append(vocabulary[key])
                terms.append(sign * unit_vectors[query_rows[-1]])
            else:
                terms.append(sign * _vector(f"{name}[{position}]", key, embeddings.shape[1]))
    query = _scaled(np.stack(terms), axis=None).sum(axis=0)
    if not query.any() and not query_rows:
        raise ValueError("positive and negative are both empty or zero: pass at least one token or nonzero vector")
    similarity = np.clip(unit_vectors @ _unit_vectors(query).astype(unit_vectors.dtype), -1, 1)
    similarity[query_rows] = -np.inf
    n_found = min(topn, len(vocabulary) - len(set(query_rows)))
    tokens = list(vocabulary)
    return [(tokens[row], float(similarity[row])) for row in np.argsort(-similarity, kind="stable")[:n_found]]


def _unit_vectors(vectors):
    vectors = _scaled(vectors, axis=-1)
    # A zero vector stays zero; its similarity to all others is 0.
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), np.finfo(vectors.dtype).tiny)


def _scaled(vectors, axis):
    """Scale by a power of two, which is exact, so that the largest value is in 1/2..1 and its square is normal."""
    largest = np.maximum(vectors.max(axis, keepdims=True), -vectors.min(axis, keepdims=True))
    return np.ldexp(vectors, -np.frexp(largest)[1])


def _as_list(name, keys):
    is_vector = isinstance(keys, np.ndarray) and keys.ndim == 1 and keys.dtype.kind == "f"
    if is_vector or isinstance(keys, (str, Integral)):
        return [keys]
    if not isinstance(keys, Iterable):
        raise TypeError(f"{name} is {_shown(keys)}: pass a token, a vector, or a list of tokens and vectors")
    return keys


def _vector(location, key, vector_size):
    is_vector = isinstance(key, np.ndarray) and key.shape == (vector_size,) and key.dtype.kind in "fiu"
    with np.errstate(over="ignore"):
        vector = key.astype(np.float64) if is_vector else None
    if not is_vector or not np.isfinite(vector).all():
        raise ValueError(f"{location} is {_shown(key)}: pass a token, or a NumPy array of {vector_size} finite numbers")
    return vector


class SimilarityScore(NamedTuple):
    pearson: object  # scipy's result, with `statistic` and `pvalue`
    spearman: object
    oov_ratio: float  # percentage of the pairs


class AnalogyScore(NamedTuple):
    accuracy: float  # fraction of the questions, 0..1
    sections: list  # of dicts: "section", its name, and "correct" and "incorrect", lists of questions


def similarity_score(
    path, lines, vocabulary, embeddings, *, delimiter, restrict_vocab, case_insensitive, dummy4unknown
):
    """Correlate cosines with human similarity judgements; see `CBOWVectorizer.similarity_score`."""
    _check_restrict_vocab(restrict_vocab)
    _check_delimiter(delimiter)
    fold_case, rows = _folded_rows(vocabulary, restrict_vocab, case_insensitive)
    unit_vectors = _unit_vectors(embeddings)
    human, cosines, n_unknown = [], [], 0
    for location, line in lines:
        if line.startswith("#"):
            continue
        try:
            first, second, similarity = fold_case(line).split(delimiter)
            similarity = float(similarity)
            if not math.isfinite(similarity):
                raise ValueError
        except ValueError:
            between = "white space" if delimiter is None else _shown(delimiter)
            raise ValueError(
                f"{location} is {_shown(line)}: expected two words and a number with {between} between them; "
                "put # before comments and headings"
            ) from None
        if first in rows and second in rows:
            human.append(similarity)
            cosines.append(float(unit_vectors[rows[first][0]] @ unit_vectors[rows[second][0]]))
        else:
            n_unknown += 1
            if dummy4unknown:
                human.append(similarity)
                cosines.append(0.0)
    if len(human) < 2:
        raise ValueError(
            f"{path} has {len(human)} pairs of words in the vocabulary, and {n_unknown} others: a correlation needs two"
        )
    n_pairs = len(human) + (0 if dummy4unknown else n_unknown)
    return SimilarityScore(stats.pearsonr(human, cosines), stats.spearmanr(human, cosines), 100 * n_unknown / n_pairs)


def analogy_score(path, lines, vocabulary, embeddings, *, restrict_vocab, case_insensitive, dummy4unknown):
    """Answer questions "a is to b as c is to?"; see `CBOWVectorizer.analogy_score`."""
    _check_restrict_vocab(restrict_vocab)
    fold_case, rows = _folded_rows(vocabulary, restrict_vocab, case_insensitive)
    sections, questions = [], []
    for location, line in lines:
        if line.startswith(":"):
            sections.append({"section": line[1:].strip(), "correct": [], "incorrect": []})
            continue
        question = tuple(fold_case(line).split())
        if not sections or len(question) != 4:
            raise ValueError(
                f"{location} is {_shown(line)}: expected four words, below a line with a colon and a section's name"
            )
        questions.append((sections[-1], question))
    is_known = [rows.keys() >= set(question) for _, question in questions]
    if not questions or not (any(is_known) or dummy4unknown):
        raise ValueError(f"none of the {len(questions)} questions of {path} has all its words in the vocabulary")
    known_questions = [question for (_, question), known in zip(questions, is_known, strict=True) if known]
    answers = _answers(known_questions, rows, embeddings[:restrict_vocab])
    for (section, question), known in zip(questions, is_known, strict=True):
        if known:
            section["correct" if next(answers) == question[3] else "incorrect"].append(question)
        elif dummy4unknown:
            section["incorrect"].append(question)
    correct, incorrect = (
        [question for section in sections for question in section[outcome]] for outcome in ("correct", "incorrect")
    )
    sections.append({"section": "Total accuracy", "correct": correct, "incorrect": incorrect})
    return AnalogyScore(len(correct) / (len(correct) + len(incorrect)), sections)


def _answers(questions, rows, embeddings):
    """Yield, for each question (a, b, c, _), the word nearest to b - a + c other than a, b and c."""
    unit_vectors = _unit_vectors(embeddings)
    word_of_row = {row: word for word, of_word in rows.items() for row in of_word}
    at_a_time = COSINES_AT_A_TIME // len(embeddings) + 1
    for start in range(0, len(questions), at_a_time):
        batch = questions[start : start + at_a_time]
        a, b, c = np.array([[rows[word][0] for word in question[:3]] for question in batch]).T
        cosines = (unit_vectors[b] - unit_vectors[a] + unit_vectors[c]) @ unit_vectors.T
        for of_question, question in zip(cosines, batch, strict=True):
            for word in question[:3]:
                of_question[rows[word]] = -np.inf
        yield from (word_of_row[row] for row in cosines.argmax(axis=1).tolist())


def _folded_rows(vocabulary, restrict_vocab, case_insensitive):
    """Return a function that folds case, and a dict from folded word to the rows of its tokens."""

    def fold_case(token):
        return token.upper() if case_insensitive and isinstance(token, str) else token

    rows = {}
    for row, token in enumerate(itertools.islice(vocabulary, restrict_vocab)):
        rows.setdefault(fold_case(token), []).append(row)
    return fold_case, rows


def _check_restrict_vocab(restrict_vocab):
    if restrict_vocab is None:
        return
    if isinstance(restrict_vocab, bool) or not isinstance(restrict_vocab, Integral):
        raise TypeError(f"restrict_vocab is {_shown(restrict_vocab)}: pass an integer, or None for all tokens")
    if restrict_vocab < 1:
        raise ValueError(f"restrict_vocab is {_shown(restrict_vocab)}: pass 1 or more, or None for all tokens")


def _check_delimiter(delimiter):
    remedy = "pass the string between the words, or None for white space"
    if delimiter is not None and not isinstance(delimiter, str):
        raise TypeError(f"delimiter is {_shown(delimiter)}: {remedy}")
    if delimiter == "":
        raise ValueError(f"delimiter is an empty string: {remedy}")
