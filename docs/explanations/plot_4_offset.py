r"""
The offset log k for a shared table
===================================

:class:`~sk_cbow.CBOWVectorizer` subtracts a constant, log ``negative``, from every
product of vectors before the sigmoid function. Why? With negative sampling, independent
words should have a product below zero, which two ``Embedding`` layers can represent
well, but one shared layer cannot.
"""

# %%
# What negative sampling converges to
# -----------------------------------
#
# Levy and Goldberg (2014) answer this for skip-gram, which is trained on pairs of
# words. Let :math:`N` be the number of pairs, :math:`N_i` the number of pairs with word
# :math:`i`, and :math:`N_{ij}` that of pairs of :math:`i` and :math:`j`. If each
# product :math:`z_{ij}` could have any value, and if the :math:`k` negative samples are
# drawn in proportion to the counts, the optimum is
#
# .. math::
#
#    z_{ij} = \log \frac{N_{ij} N}{N_i N_j} - \log k = \text{PMI}_{ij} - \log k
#
# the pointwise mutual information (PMI) minus a constant. *Independent* words, which
# occur together as often as by chance, have a PMI of 0. Their product should be
# :math:`-\log k`, which is -1.61 for five negative samples.
#
# Words that *never* occur together are another case. Their PMI is minus infinity, but
# in a small corpus most of these pairs merely have not been observed.
#
# Why one table has a problem
# ---------------------------
#
# Two tables can represent a negative constant: the vectors of one lean towards some
# direction, those of the other away from it. One table cannot. If :math:`m` vectors of
# length :math:`\ell` have the product :math:`-\log k` with each other, then
#
# .. math::
#
#    0 \le ( \sum_i v_i ) \cdot ( \sum_i v_i )
#    = m \, \ell^2 - m (m - 1) \log k
#
# and so :math:`\ell^2 \ge (m - 1) \log k`. With a thousand words and :math:`k = 5`, the
# length would be at least 40. Therefore the library subtracts the constant itself: with
# the logit :math:`z = h \cdot v - \log k`, independent words may be orthogonal.
#
# For ``CBOWVectorizer``, this is a motivation, not a theorem. CBOW averages contexts,
# there are far fewer dimensions than words, and negative samples are drawn by counts to
# the power of 3/4, so that the constant depends on the word. So we measure it: first
# under the conditions of Levy and Goldberg, but with few dimensions, then on a corpus.
#
# An experiment without sampling
# ------------------------------
#
# We count how often any two of 200 words of Python's language reference stand at most
# five positions apart, and minimize the expected loss of skip-gram,
#
# .. math::
#
#    \frac{1}{N} \sum_{i \ne j} [ N_{ij} \log(1 + e^{-z_{ij}})
#    + k \, \frac{N_i N_j}{N} \log(1 + e^{z_{ij}}) ]
#
# by L-BFGS, with 30 dimensions, from three random initializations.

import re
from pydoc_data.topics import topics

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import spearmanr
from threadpoolctl import threadpool_limits

N_WORDS, VECTOR_SIZE, WINDOW, K, SEEDS = 200, 30, 5, 5, range(3)

documents = [re.findall(r"[a-z]\w+", text.lower()) for text in topics.values()]
tokens, counts = np.unique(
    [token for document in documents for token in document], return_counts=True
)
by_count = tokens[np.argsort(-counts)]
words = by_count[20 : 20 + N_WORDS]  # without the most frequent, such as "the"
id_of = {word: number for number, word in enumerate(words)}

together = np.zeros((N_WORDS, N_WORDS))
for document in documents:
    ids = np.array([id_of.get(token, -1) for token in document])
    for distance in range(1, WINDOW + 1):
        left, right = ids[:-distance], ids[distance:]
        is_pair = (left >= 0) & (right >= 0) & (left != right)
        np.add.at(together, (left[is_pair], right[is_pair]), 1)
together += together.T

n_pairs, word_counts = together.sum(), together.sum(axis=0)
by_chance = np.outer(word_counts, word_counts) / n_pairs
np.fill_diagonal(by_chance, 0)
is_observed = together > 0
is_never = (together == 0) & (by_chance > 0)
pmi = np.full_like(together, -np.inf)
pmi[is_observed] = np.log(together[is_observed] / by_chance[is_observed])
is_independent = np.abs(pmi) < 0.5
print(f"never together:            {is_never.mean():.0%} of the pairs of words")
print(f"their count if by chance:  {by_chance[is_never].mean():.1f} on average")
print(f"PMI between -.5 and .5:    {is_independent.mean():.0%}")

# %%
# Half of the pairs never occur together. By chance, such a pair would occur about once,
# so that its count of 0 says little about the two words.


def expected_loss(parameters, n_tables, offset):
    """The expected loss and its gradient."""
    tables = parameters.reshape(n_tables, N_WORDS, VECTOR_SIZE)
    context, target = tables[0], tables[-1]
    logit = context @ target.T - offset
    softplus = np.logaddexp(0, logit)
    loss = together * (softplus - logit) + K * by_chance * softplus
    error = (together + K * by_chance) * expit(logit) - together
    gradients = np.stack([error @ target, error.T @ context])
    if n_tables == 1:
        gradients = gradients.sum(axis=0)
    return loss.sum() / n_pairs, gradients.ravel() / n_pairs


def fit(n_tables, offset, seed):
    """Minimize the expected loss; return the loss and the tables."""
    shape = n_tables, N_WORDS, VECTOR_SIZE
    initial = np.random.default_rng(seed).normal(scale=0.1, size=shape)
    with threadpool_limits(1):  # small matrices are faster on one core
        found = minimize(
            expected_loss,
            initial.ravel(),
            args=(n_tables, offset),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 500},
        )
    return found.fun, found.x.reshape(shape)


def spearman(values):
    return spearmanr(values[is_observed], pmi[is_observed]).statistic


settings = {
    "one table, no offset": (1, 0),
    "one table, log k": (1, np.log(K)),
    "two tables, no offset": (2, 0),
    "two tables, log k": (2, np.log(K)),
}
logits = {}
print("                                   logit if   Spearman with PMI:")
print("                            loss  independent    product       cosine")
for name, (n_tables, offset) in settings.items():
    runs = []
    for seed in SEEDS:
        loss, tables = fit(n_tables, offset, seed)
        product = tables[0] @ tables[-1].T
        vectors = tables.sum(axis=0)
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        logits[name] = product - offset
        independent = logits[name][is_independent].mean()
        cosine = spearman(unit @ unit.T)
        runs.append([loss, independent, spearman(product), cosine])
    cells = zip(np.mean(runs, axis=0), np.std(runs, axis=0), strict=True)
    print(f"{name:>21}", *(f"{mean:6.2f} ±{std:.2f}" for mean, std in cells))
optimum = pmi[is_independent].mean() - np.log(K)
print(f"optimal logit if independent: {optimum:.2f}")

# %%
# These are means and standard deviations over the initializations. Correlations are
# over the pairs that occur together; with two tables, the cosine is that of the sums of
# a word's two vectors.
#
# - **One table** without the offset leaves the logits of independent words near 0. The
#   offset improves all four numbers.
# - **Two tables** learn the constant. They have twice as many parameters and the lowest
#   loss; the offset changes little except their cosines.
#
# The plot shows mean logits, from one of the initializations. Squares are pairs that
# never occur together: two tables give them very low logits, one table does not.

edges = np.arange(-2, 4.5, 0.5)
centres = (edges[:-1] + edges[1:]) / 2
figure, subplots = plt.subplots(
    1, 2, figsize=(9, 3.8), layout="constrained", sharex=True, sharey=True
)
for axes, n_tables in zip(subplots, ["one table", "two tables"], strict=True):
    for offset, colour in [("no offset", "C1"), ("log k", "C0")]:
        logit = logits[f"{n_tables}, {offset}"]
        means = [
            logit[(left <= pmi) & (pmi < left + 0.5)].mean()
            for left in edges[:-1]
        ]
        label = offset if offset == "no offset" else "offset log k"
        axes.plot(centres, means, "o-", color=colour, label=label)
        axes.plot(-3, logit[is_never].mean(), "s", color=colour)
    axes.plot(edges, edges - np.log(K), "k--", label="PMI - log k")
    axes.set(title=n_tables, xlabel="PMI")
    axes.set_xticks([-3, -2, 0, 2, 4], ["never\ntogether", -2, 0, 2, 4])
    axes.grid(alpha=0.3)
subplots[0].set_ylabel("mean logit")
subplots[1].legend()
plt.show()

# %%
# On five million words
# ---------------------
#
# The library on 5.4 million tokens of English Wikipedia: Spearman correlation with
# human judgements of similarity (WordSim-353, MEN), and share of correct analogies. On
# 20 Newsgroups: test accuracy of a logistic regression on document vectors.
#
# .. list-table::
#    :header-rows: 1
#
#    * - tables, offset
#      - WordSim
#      - MEN
#      - analogies
#      - 20 News
#    * - one, log k
#      - .543
#      - .529
#      - .258
#      - .567
#    * - one, none
#      - .419
#      - .426
#      - .147
#      - .544
#    * - two, log k
#      - .501
#      - .549
#      - .256
#      - .573
#    * - two, none
#      - .450
#      - .499
#      - .183
#      - .550
#
# Conditions: an earlier state of the library, with ``document_context=0``, eight
# negative samples per group and a learning rate of .3; 100 dimensions, 5 epochs,
# TensorFlow 2.21, two cores; **one run of each** (:doc:`commands
# </benchmarks/README>`). For comparison, three seeds of a later state, with one table
# and the offset, differ by .096 on WordSim-353, .015 on MEN, .005 on analogies and .003
# on 20 Newsgroups.
#
# - **The offset** improves one table by more than that in all four columns, and two
#   tables in all but WordSim-353.
# - **One table or two**, with the offset: one is better on WordSim-353, within the
#   spread of seeds, and equal on analogies; two are better on MEN and 20 Newsgroups.
#   One run of each does not show which is better in general.
#
# ``CBOWVectorizer`` has one table; ``shared_embedding=False`` gives it two. It
# subtracts the offset in both cases.
#
# **Source.** O. Levy and Y. Goldberg (2014). Neural word embedding as implicit matrix
# factorization. NeurIPS.
