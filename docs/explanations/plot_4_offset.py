r"""
The offset log k, which a shared table needs
============================================

With negative samples alone, one shared ``Embedding`` layer learns poor vectors: two
tables, one for words as context and one for words as targets, do better. The reason is
a constant, and when the constant is taken out of the products, one table is as good as
two.
"""

# %%
# What the products should become
# -------------------------------
#
# Levy and Goldberg (2014) asked what negative sampling would converge to if each pair
# of words could have a product of its own. For words :math:`i` and :math:`j` that occur
# together :math:`\#(i, j)` times, for :math:`k` negative samples per target that are
# drawn by count, and with :math:`\#(i)` the pairs that have the word and :math:`\#` all
# pairs, it is
#
# .. math::
#
#    z_{ij} = \log\,\frac{\#(i, j) \cdot \#}{\#(i) \, \#(j)} - \log\,k
#    = \mathrm{PMI}_{ij} - \log\,k
#
# the pointwise mutual information, less a constant. The PMI of words that have nothing
# to do with each other is 0, and so their product should be :math:`-\log\,k`, which is
# -1.6 for five negative samples. Nearly all pairs of words are of this kind.
#
# Two tables can do this: let all context vectors lean to one side and all target
# vectors to the other. **One table cannot.** If :math:`n` vectors of length
# :math:`\ell` have the product :math:`-\log\,k` with one another, then
#
# .. math::
#
#    0 \le \lVert \sum_i v_i \rVert^2 = n \, \ell^2 - n (n - 1) \log\,k
#    \quad \text{and so} \quad \ell^2 \ge (n - 1) \log\,k
#
# and for thousands of words, the vectors would have to be absurdly long. What a shared
# table learns instead is a compromise that spends its dimensions on the constant. So
# ``CBOWVectorizer`` takes the constant out: the logit is :math:`z = h \cdot v -
# \log\,k`, unrelated words may be orthogonal, and products become the PMI itself.
#
# Measured without chance
# -----------------------
#
# To see nothing but the offset, we leave out training by samples. Of 200 words of
# Python's language reference we count how often any two stand at most five words apart,
# and minimize the expected loss of negative sampling,
#
# .. math::
#
#    \frac{1}{\#} \sum_{i \ne j} \#(i, j) \log(1 + e^{-z_{ij}})
#    + k \, \frac{\#(i) \, \#(j)}{\#} \log(1 + e^{z_{ij}})
#
# by L-BFGS, for vectors of 30 dimensions: in one table or two, with the offset and
# without it.

import re
from pydoc_data.topics import topics

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import spearmanr

N_WORDS, VECTOR_SIZE, WINDOW, K = 200, 30, 5, 5

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

by_chance = (
    np.outer(together.sum(axis=0), together.sum(axis=0)) / together.sum()
)
noise = K * by_chance
np.fill_diagonal(noise, 0)
occurs = together > 0
is_stranger = ~occurs & ~np.eye(N_WORDS, dtype=bool)
pmi = np.full_like(together, -np.inf)
pmi[occurs] = np.log(together[occurs] / by_chance[occurs])


def best_vectors(n_tables, offset):
    """Minimize the expected loss; return the loss and the tables."""

    def loss_and_gradient(numbers):
        tables = numbers.reshape(n_tables, N_WORDS, VECTOR_SIZE)
        context, target = tables[0], tables[-1]
        logit = context @ target.T - offset
        loss = together * np.logaddexp(0, -logit) + noise * np.logaddexp(
            0, logit
        )
        error = (
            noise * expit(logit) - together * expit(-logit)
        ) / together.sum()
        gradients = np.stack([error @ target, error.T @ context])
        if n_tables == 1:
            gradients = gradients.sum(axis=0)
        return loss.sum() / together.sum(), gradients.ravel()

    start = np.random.default_rng(0).normal(
        scale=0.1, size=n_tables * N_WORDS * VECTOR_SIZE
    )
    found = minimize(
        loss_and_gradient,
        start,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 150},
    )
    return found.fun, found.x.reshape(n_tables, N_WORDS, VECTOR_SIZE)


settings = {
    "one table, no offset": (1, 0),
    "one table, offset log k": (1, np.log(K)),
    "two tables, no offset": (2, 0),
    "two tables, offset log k": (2, np.log(K)),
}
cosines = {}
print(f"{'':>24}  loss  cosine against PMI")
for name, (n_tables, offset) in settings.items():
    loss, tables = best_vectors(n_tables, offset)
    vectors = tables.sum(axis=0)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines[name] = unit @ unit.T
    correlation = spearmanr(cosines[name][occurs], pmi[occurs]).statistic
    print(f"{name:>24}  {loss:.2f}  {correlation:18.2f}")

# %%
# "Cosine against PMI" is Spearman's correlation over all pairs that occur together, the
# cosine being that of the words' vectors, or of the sums of their two vectors. With one
# table, the offset brings the loss near that of two tables, which have twice as many
# numbers, and cosines follow the PMI best of all.

figure, subplots = plt.subplots(
    1, 2, figsize=(9, 3.6), layout="constrained", sharex=True, sharey=True
)
for axes, name in zip(
    subplots, ["one table, no offset", "one table, offset log k"], strict=True
):
    bins = {"bins": 60, "range": (-1, 1), "density": True, "alpha": 0.6}
    axes.hist(cosines[name][is_stranger], **bins, label="never together")
    axes.hist(cosines[name][pmi > 1], **bins, label="PMI above 1")
    axes.set(title=name, xlabel="cosine")
    axes.grid(alpha=0.3)
subplots[0].legend()
plt.show()

# %%
# On five million words
# ---------------------
#
# The whole library with and without the offset, on 5.4 million tokens of English
# Wikipedia (100 dimensions, 5 epochs, ``document_context=0``, an earlier state with
# eight negative samples per group): correlations with human judgements of similarity,
# and the share of analogies answered.
#
# .. list-table::
#    :header-rows: 1
#
#    * - setting
#      - WordSim-353
#      - MEN
#      - analogies
#    * - one table, offset log k
#      - .543
#      - .529
#      - .258
#    * - one table, no offset
#      - .419
#      - .426
#      - .147
#    * - two tables, offset log k
#      - .501
#      - .549
#      - .256
#    * - two tables, no offset
#      - .450
#      - .499
#      - .183
#
# The first row is what ``CBOWVectorizer`` does with the window alone as context;
# ``shared_embedding=False`` is the third. The command, run in the repository with a
# corpus and files of one's own:
#
# .. code-block:: sh
#
#    python docs/benchmarks/compare.py wiki.txt.gz \
#        --pairs wordsim353.txt men.txt --analogies analogies.txt.gz \
#        --engines sk_cbow:document_context=0 sk_cbow:document_context=0,offset=0 \
#        sk_cbow:document_context=0,shared_embedding=false \
#        sk_cbow:document_context=0,shared_embedding=false,offset=0
#
# **Source.** O. Levy and Y. Goldberg (2014). Neural word embedding as implicit matrix
# factorization. NeurIPS.
