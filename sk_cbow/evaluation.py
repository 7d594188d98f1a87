"""Word vectors and a file of human judgements of similarity, or of analogies -> a score.

`similarity_score` and `analogy_score` read the files that gensim's ``KeyedVectors.evaluate_word_pairs`` and
``KeyedVectors.evaluate_word_analogies`` read.
"""

from __future__ import annotations

import itertools
import math
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import stats

from sk_cbow._files import text_lines
from sk_cbow._similarity import shown, to_unit_length
from sk_cbow._word_vectors import WordVectors, as_word_vectors

if TYPE_CHECKING:
    import os

    from sk_cbow._vectorizer import BaseCBOWVectorizer

__all__ = ["AnalogyScore", "SimilarityScore", "analogy_score", "similarity_score"]

COSINES_AT_A_TIME = 2**24


class SimilarityScore(NamedTuple):
    """What `similarity_score` returns."""

    pearson: Any  # scipy's result, with `statistic` and `pvalue`
    spearman: Any
    oov_ratio: float  # percentage of the pairs


class AnalogyScore(NamedTuple):
    """What `analogy_score` returns."""

    accuracy: float  # fraction of the questions, 0..1
    sections: list[dict[str, Any]]  # of dicts: "section", its name, and "correct" and "incorrect", lists of questions


def similarity_score(
    vectorizer: BaseCBOWVectorizer | WordVectors,
    path: str | os.PathLike[str],
    *,
    delimiter: str | None = None,
    restrict_vocab: int | None = 300_000,
    case_insensitive: bool = True,
    dummy4unknown: bool = False,
) -> SimilarityScore:
    """Correlate cosine similarity with human judgements of word similarity.

    The result is that of gensim's ``KeyedVectors.evaluate_word_pairs`` with the same vectors.

    Parameters
    ----------
    vectorizer : CBOWVectorizer or WordVectors
        Fitted.
    path : str or path-like
        A text file with two words and a number per line, such as WordSim-353 [1]_; it may be compressed by gzip,
        bzip2, xz or zip. Lines that begin with # are ignored.
    delimiter : str or None, default=None
        Separator of the words and the number. None means white space.
    restrict_vocab : int or None, default=300_000
        Use only this number of tokens, the first of the vocabulary, which `fit` sorts by frequency. None means all.
    case_insensitive : bool, default=True
        Whether to ignore case. Of tokens that differ only in case, the first of the vocabulary is used.
    dummy4unknown : bool, default=False
        Whether a pair with an unknown word has similarity 0. If False, it is ignored.

    Returns
    -------
    pearson, spearman : scipy.stats results
        Correlations, each with a ``statistic`` in -1..1 and a ``pvalue``.
    oov_ratio : float
        Percentage of pairs with an unknown word.

    Raises
    ------
    NotFittedError
        If the vectorizer is not fitted.
    TypeError
        If `vectorizer` is neither a vectorizer nor `WordVectors`, `restrict_vocab` is not an integer, or `delimiter` is
        not a string.
    ValueError
        If a line does not consist of two words and a number, is not UTF-8 or is longer than 1 MiB; if fewer than two
        pairs are known; if a compressed file is damaged; if `restrict_vocab` is below 1 or `delimiter` empty.

    References
    ----------
    .. [1] Lev Finkelstein et al. (2002). Placing search in context: the concept revisited. ACM TOIS 20.

    Examples
    --------
    >>> from pathlib import Path
    >>> from sk_cbow import CBOWVectorizer
    >>> from sk_cbow.evaluation import similarity_score
    >>> documents = [["tea", "milk", "cup"], ["car", "road", "wheel"]] * 50
    >>> vectorizer = CBOWVectorizer(vector_size=8, sample=0, random_state=0)
    >>> pairs = "tea milk 9\\ncar road 8\\ntea car 1\\nroad cup 0\\n"
    >>> _ = Path("pairs.txt").write_text(pairs)
    >>> score = similarity_score(vectorizer.fit(documents), "pairs.txt")
    >>> bool(score.spearman.statistic > 0.5)
    True
    """
    word_vectors = as_word_vectors(vectorizer)
    _check_restrict_vocab(restrict_vocab)
    _check_delimiter(delimiter)
    fold_case, rows = _folded_rows(word_vectors, restrict_vocab, case_insensitive)
    unit_vectors = to_unit_length(word_vectors.vectors)
    human, cosines, n_unknown = [], [], 0
    for location, line in text_lines(path):
        if line.startswith("#"):
            continue
        try:
            first, second, similarity = fold_case(line).split(delimiter)
            similarity = float(similarity)
            if not math.isfinite(similarity):
                raise ValueError
        except ValueError:
            between = "white space" if delimiter is None else shown(delimiter)
            raise ValueError(
                f"{location} is {shown(line)}: expected two words and a number with {between} between them; "
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


def analogy_score(
    vectorizer: BaseCBOWVectorizer | WordVectors,
    path: str | os.PathLike[str],
    *,
    restrict_vocab: int | None = 300_000,
    case_insensitive: bool = True,
    dummy4unknown: bool = False,
) -> AnalogyScore:
    """Answer questions of the kind "Athens is to Greece as Oslo is to ...?".

    With unit vectors a, b and c of the first three words, the answer is the word with the highest cosine similarity to
    b - a + c, except these three words [1]_. The result is that of gensim's
    ``KeyedVectors.evaluate_word_analogies`` with the same vectors.

    Parameters
    ----------
    vectorizer : CBOWVectorizer or WordVectors
        Fitted.
    path : str or path-like
        A text file with four words per line; it may be compressed by gzip, bzip2, xz or zip. Before the questions
        of each section, there is a line with a colon and the name of the section.
    restrict_vocab : int or None, default=300_000
        Use only this number of tokens, the first of the vocabulary, in questions and as answers. None means all.
    case_insensitive : bool, default=True
        Whether to ignore case. Of tokens that differ only in case, the first of the vocabulary is used.
    dummy4unknown : bool, default=False
        Whether a question with an unknown word counts as answered incorrectly. If False, it is ignored.

    Returns
    -------
    accuracy : float
        Fraction of questions answered correctly, 0..1.
    sections : list of dict
        One for each section and a last one for all questions, with its name under "section" and lists of questions
        under "correct" and "incorrect".

    Raises
    ------
    NotFittedError
        If the vectorizer is not fitted.
    TypeError
        If `vectorizer` is neither a vectorizer nor `WordVectors`, or `restrict_vocab` is not an integer.
    ValueError
        If a line does not consist of four words, comes before the first section, is not UTF-8 or is longer than
        1 MiB; if no question has only known words; if a compressed file is damaged; if `restrict_vocab` is below 1.

    References
    ----------
    .. [1] Tomas Mikolov, Kai Chen, Greg Corrado and Jeffrey Dean (2013). Efficient estimation of word
       representations in vector space. ICLR workshop.

    Examples
    --------
    >>> from pathlib import Path
    >>> from sk_cbow import WordVectors
    >>> from sk_cbow.evaluation import analogy_score
    >>> words = ["oslo", "norway", "athens", "greece"]
    >>> vectors = [[1, 0, 0], [1, 0, 1], [0, 1, 0], [0, 1, 1]]
    >>> questions = ": capitals\\nathens greece oslo norway\\n"
    >>> _ = Path("questions.txt").write_text(questions)
    >>> word_vectors = WordVectors(words, vectors)
    >>> accuracy, sections = analogy_score(word_vectors, "questions.txt")
    >>> accuracy
    1.0
    >>> [section["section"] for section in sections]
    ['capitals', 'Total accuracy']
    """
    word_vectors = as_word_vectors(vectorizer)
    _check_restrict_vocab(restrict_vocab)
    fold_case, rows = _folded_rows(word_vectors, restrict_vocab, case_insensitive)
    sections, questions = [], []
    for location, line in text_lines(path):
        if line.startswith(":"):
            sections.append({"section": line[1:].strip(), "correct": [], "incorrect": []})
            continue
        question = tuple(fold_case(line).split())
        if not sections or len(question) != 4:
            raise ValueError(
                f"{location} is {shown(line)}: expected four words, below a line with a colon and a section's name"
            )
        questions.append((sections[-1], question))
    is_known = [rows.keys() >= set(question) for _, question in questions]
    if not questions or not (any(is_known) or dummy4unknown):
        raise ValueError(f"none of the {len(questions)} questions of {path} has all its words in the vocabulary")
    known_questions = [question for (_, question), known in zip(questions, is_known, strict=True) if known]
    answers = _answers(known_questions, rows, word_vectors.vectors[:restrict_vocab])
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


def _answers(questions, rows, vectors):
    """Yield, for each question (a, b, c, _), the word nearest to b - a + c other than a, b and c."""
    unit_vectors = to_unit_length(vectors)
    word_of_row = {row: word for word, word_rows in rows.items() for row in word_rows}
    at_a_time = COSINES_AT_A_TIME // len(vectors) + 1
    for start in range(0, len(questions), at_a_time):
        batch = questions[start : start + at_a_time]
        a, b, c = np.array([[rows[word][0] for word in question[:3]] for question in batch]).T
        cosines = (unit_vectors[b] - unit_vectors[a] + unit_vectors[c]) @ unit_vectors.T
        for cosines_of_question, question in zip(cosines, batch, strict=True):
            for word in question[:3]:
                cosines_of_question[rows[word]] = -np.inf
        yield from (word_of_row[row] for row in cosines.argmax(axis=1).tolist())


def _folded_rows(tokens, restrict_vocab, case_insensitive):
    """Return a function that folds case, and a dict from folded word to the rows of its tokens."""

    def fold_case(token):
        return token.upper() if case_insensitive and isinstance(token, str) else token

    rows = {}
    for row, token in enumerate(itertools.islice(tokens, restrict_vocab)):
        rows.setdefault(fold_case(token), []).append(row)
    return fold_case, rows


def _check_restrict_vocab(restrict_vocab):
    if restrict_vocab is None:
        return
    if isinstance(restrict_vocab, bool) or not isinstance(restrict_vocab, Integral):
        raise TypeError(f"restrict_vocab is {shown(restrict_vocab)}: pass an integer, or None for all tokens")
    if restrict_vocab < 1:
        raise ValueError(f"restrict_vocab is {shown(restrict_vocab)}: pass 1 or more, or None for all tokens")


def _check_delimiter(delimiter):
    remedy = "pass the string between the words, or None for white space"
    if delimiter is not None and not isinstance(delimiter, str):
        raise TypeError(f"delimiter is {shown(delimiter)}: {remedy}")
    if delimiter == "":
        raise ValueError(f"delimiter is an empty string: {remedy}")
