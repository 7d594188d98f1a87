"""
The block step: no list of contexts, true gradients
===================================================

:ref:`The textbook's model <sphx_glr_how_it_works_plot_1_shared_embedding.py>` is
trained on examples, each with a list of its context's ids. But the context of the next
place is nearly the same. :class:`~sk_cbow.CBOWVectorizer` never makes such lists: a
step of its training takes a whole **block** of text, and the contexts of a block are
its own shifts.
"""

# %%
# A block
# -------
#
# Shuffled documents stand one after the other in one stream, with as many padding ids
# (0) between them as the window is wide, so that no context reaches from one document
# into the next. The stream is cut into **lanes** of equal length, and some lanes
# together are a **strip**, whose vectors fit into the cache of a processor core. A
# block is a few strips; one block is one step of training.
#
# Contexts end where a lane ends. For the noise, the places of a strip are dealt into
# **groups**, every n-th place into one. The targets of a group share twelve noise
# words, so that all their products are one product of matrices.
#
# The picture, which :download:`block_picture.py <../explanations/block_picture.py>`
# draws, shows a block as ``fit`` makes it, but a small one: two strips of four lanes,
# where a large corpus has blocks of 8192 tokens. Each colour is a document, white is
# padding.

import matplotlib.pyplot as plt
import numpy as np

from block_picture import draw_block
from sk_cbow._blocks import BlockMaker

lengths = np.random.default_rng(3).integers(12, 60, 16)
# Every token of a document is the document's number
documents = np.repeat(np.arange(16, dtype=np.int32), lengths)


def block_maker(**options):
    return BlockMaker(
        documents,
        np.concatenate(([0], np.cumsum(lengths))),
        token_counts=lengths,
        keep_probability=np.ones(16),
        noise_probability=np.full(16, 1 / 16),
        block_size=512,
        strip_size=256,
        **options,
    )


maker = block_maker(window=2, document_context=0)
blocks = next(maker.epoch(maker.n_blocks, np.random.default_rng(0)))
strips = blocks.token_ids[0]  # (n_strips, lane_length, n_lanes)
n_strips, lane_length, n_lanes = strips.shape
_, n_groups, noise_per_group = maker.shapes.noise_ids
print(f"{n_strips} strips of {n_lanes} lanes of {lane_length} tokens")
print(
    f"{n_groups} groups of {n_lanes * lane_length // n_groups} targets in a strip"
)
print(f"{noise_per_group} negative samples for a group")

# %%

draw_block(strips, n_groups)
plt.show()

# %%
# The formulas
# ------------
#
# Let :math:`W` be the table, whose row 0, the padding, is zero and stays so,
# :math:`x_t` the ids of a lane, :math:`v_t = W_{x_t}` their vectors, :math:`r_t = 1`
# where there is a token and 0 at padding. In each block, a width :math:`b` is drawn
# from 1 to the window's, and :math:`a_d = 1` if :math:`d \le b`, else 0. The sum over
# the context is a sum of shifts,
#
# .. math::
#
#    S(u)_t = \sum_{d=1}^{\text{window}} a_d \, (u_{t-d} + u_{t+d})
#
# and gives the number of context words :math:`n_t = S(r)_t` and the average :math:`h_t
# = S(v)_t / n_t`. With :math:`c_t = 1` where there is a token and :math:`n_t > 0`, a
# group's negative samples :math:`y_1, \ldots, y_m` and weights :math:`w_{tj} = c_t
# \frac{k}{m} [y_j \ne x_t]`, which make up for sharing, the loss of a block is
#
# .. math::
#
#    z_t = h_t \cdot v_t - \log\,k, \qquad z_{tj} = h_t \cdot W_{y_j} - \log\,k
#
#    L = \sum_t c_t \log(1 + e^{-z_t}) + \sum_{t, j} w_{tj} \log(1 + e^{z_{tj}})
#
# The subtracted :math:`\log\,k` has :ref:`a page of its own
# <sphx_glr_how_it_works_plot_4_offset.py>`. The shift sum is its own adjoint: if
# :math:`u` is a neighbour of :math:`t`, then :math:`t` is a neighbour of :math:`u`. So
# the gradient is made of the same pieces. With :math:`\alpha_t = c_t (\sigma(z_t) - 1)`
# and :math:`q_{tj} = w_{tj} \, \sigma(z_{tj})`,
#
# .. math::
#
#    \mathrm{d}h_t = \alpha_t v_t + \sum_j q_{tj} W_{y_j}
#
#    \mathrm{d}v_t = \alpha_t h_t + r_t \, S(c \, \mathrm{d}h / n)_t
#
#    \mathrm{d}W_{y_j} = \sum_t q_{tj} h_t
#
# where a place's vector moves as a target and as a part of its neighbours' contexts. In
# NumPy, for one lane:


def shift_sum(values, width):
    """Sum of the neighbours at most `width` places away."""
    total = np.zeros_like(values)
    for distance in range(1, width + 1):
        total[distance:] += values[:-distance]
        total[:-distance] += values[distance:]
    return total


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def loss_and_gradient(
    table, token_ids, width, noise_ids, k, with_one_over_n=True
):
    """Loss of a lane whose targets share all negative samples, and its gradient."""
    is_token = (token_ids != 0).astype(float)[:, None]
    vectors = table[token_ids]  # (n_places, vector_size)
    noise_vectors = table[noise_ids]  # (n_noise, vector_size)
    n_context = shift_sum(is_token, width)
    is_target = is_token * (n_context > 0)
    one_over_n = 1 / np.maximum(n_context, 1)
    hidden = is_target * shift_sum(vectors, width) * one_over_n

    logit = (hidden * vectors).sum(axis=1, keepdims=True) - np.log(k)
    noise_logit = hidden @ noise_vectors.T - np.log(k)  # (n_places, n_noise)
    weight = k / len(noise_ids) * is_target * (token_ids[:, None] != noise_ids)
    loss = (is_target * np.logaddexp(0, -logit)).sum() + (
        weight * np.logaddexp(0, noise_logit)
    ).sum()

    error, noise_error = (
        is_target * (sigmoid(logit) - 1),
        weight * sigmoid(noise_logit),
    )
    hidden_gradient = error * vectors + noise_error @ noise_vectors
    share = one_over_n if with_one_over_n else 1
    place_gradient = error * hidden + is_token * shift_sum(
        is_target * hidden_gradient * share, width
    )
    gradient = np.zeros_like(table)
    np.add.at(gradient, token_ids, place_gradient)
    np.add.at(gradient, noise_ids, noise_error.T @ hidden)
    return loss, gradient


# %%
# Is it the true gradient?
# ------------------------
#
# We move each number of a small table by a hair to both sides and look how the loss
# changes.

rng = np.random.default_rng(0)
table = rng.normal(scale=0.5, size=(7, 3))
table[0] = 0  # padding
lane = np.array([0, 0, 1, 2, 3, 1, 4, 0, 0, 5, 6, 2, 0, 0])
arguments = {
    "token_ids": lane,
    "width": 2,
    "noise_ids": np.array([1, 4, 6]),
    "k": 5,
}


def numerical_gradient(step=1e-6):
    gradient = np.zeros_like(table)
    for place in np.ndindex(table.shape):
        moved = np.zeros_like(table)
        moved[place] = step
        up, _ = loss_and_gradient(table + moved, **arguments)
        down, _ = loss_and_gradient(table - moved, **arguments)
        gradient[place] = (up - down) / (2 * step)
    return gradient[1:]  # without the padding's, which stays zero


expected = numerical_gradient()
_, gradient = loss_and_gradient(table, **arguments)
print(f"largest number of the numerical gradient: {np.abs(expected).max():.3f}")
difference = np.abs(gradient[1:] - expected).max()
print(f"largest difference to the formula's:      {difference:.1e}")

# %%
# The compiled step of the library computes the same on strips of many lanes; its tests
# hold it against automatic differentiation of the textbook's model.
#
# The 1/n of the averaged context
# -------------------------------
#
# :math:`h_t` is an average, so each of its :math:`n_t` words has a share of
# :math:`1/n_t` in it, and in the gradient: that is the division in :math:`S(c \,
# \mathrm{d}h / n)`. word2vec.c leaves it out: it divides the sum of the context's
# vectors by their number on the way forward, and adds the whole gradient to each of
# them on the way back. gensim, with its default ``cbow_mean=1``, and fastText's
# unsupervised CBOW do the same; Irsoy, Benton and Stratos (2021) found this and mended
# it in kōan. How far is that from the true gradient?

_, without = loss_and_gradient(table, **arguments, with_one_over_n=False)
without = without[1:]
norms = np.linalg.norm(without), np.linalg.norm(expected)
print(f"largest difference without 1/n: {np.abs(without - expected).max():.3f}")
print(f"length without 1/n, as a multiple: {norms[0] / norms[1]:.2f}")
print(
    f"cosine between the two: {(without * expected).sum() / np.prod(norms):.3f}"
)

# %%
# It is not merely a longer step, for which a smaller learning rate would make up. Words
# move as context :math:`n` times as far as they should, and as target and noise just as
# far as they should; and :math:`n` is different from place to place, so that wide
# windows drown narrow ones. With one shared table, both parts come together in one
# vector. Hence the library has the division.
#
# The document in the context
# ---------------------------
#
# With a ``document_context`` :math:`s` between 0 and 1, the hidden vector is
#
# .. math::
#
#    h_t = (1 - s) \, S(v)_t / n_t + s \, D(v)_t / m_t
#
# where :math:`D` sums over a random sample of the document's other words and
# :math:`m_t = D(r)_t` is their number; where it is 0, the window counts alone. The idea
# is that of Doc2VecC (Chen, 2017): few words at a time, drawn anew, act as
# regularization, which is worth most where labels are few.
#
# A lane is cut into spans of 64 rows, and these into chunks of four. In each chunk one
# row is sampled, and each chunk of targets sees a random half of the chunks of its
# span, those of the same document. Documents stand at least three rows apart, so that a
# chunk has words of one document only, and :math:`D` is a product of a 16 by 16 matrix
# of zeros and ones with the sampled vectors, for each span of a lane. Its adjoint is
# the product with the transposed matrix. A place that was sampled itself is subtracted.
#
# The picture shows, for the first 64 rows of a lane, the weight of each row (from left
# to right) in the context of each target (from top to bottom). The window alone is a
# band, narrower where a document ends. With the document, each chunk of four targets
# also sees one row in each of some chunks, of its own document only.


def context_weights(token_ids, width, sampled_rows, chunk_pairs, s):
    """Weights of rows in the contexts of targets, (n_targets, n_rows)."""
    rows = np.arange(len(token_ids))
    is_token = token_ids != 0
    document = np.cumsum(is_token & ~np.roll(is_token, 1))
    # Every other word of the same document, with padding between documents
    together = np.equal.outer(document, document) & np.outer(is_token, is_token)
    np.fill_diagonal(together, False)
    in_window = together & (np.abs(np.subtract.outer(rows, rows)) <= width)
    is_sampled = sampled_rows.repeat(4) == rows % 4
    sees = chunk_pairs.repeat(4, axis=0).repeat(4, axis=1).astype(bool)
    in_sample = together & sees & is_sampled

    def mean(members):
        return members / np.maximum(members.sum(axis=1, keepdims=True), 1)

    share = s * in_sample.any(axis=1, keepdims=True)
    return (1 - share) * mean(in_window) + share * mean(in_sample)


maker = block_maker(window=5, document_context=0.8)
blocks = next(maker.epoch(maker.n_blocks, np.random.default_rng(0)))
sampled_rows, chunk_pairs = (
    blocks.sampled_rows[0, 0, 0],
    blocks.chunk_pairs[0, 0, 0],
)
lane = blocks.token_ids[0, 0, :64, 0]
figure, subplots = plt.subplots(1, 2, figsize=(9, 4.6), layout="constrained")
for axes, s in zip(subplots, [0, 0.8], strict=True):
    weights = context_weights(lane, 5, sampled_rows, chunk_pairs, s)
    axes.imshow(weights, cmap="Blues", vmax=0.25)
    axes.set(title=f"document_context={s}", xlabel="row of the context")
subplots[0].set_ylabel("row of the target")
plt.show()

# %%
# With :math:`s = 1`, the words of each document are shuffled in every epoch instead,
# and :math:`h_t` is the window's mean: a window of shuffled text is a random sample of
# the document, as in sent2vec (Pagliardini et al., 2018).
#
# The update
# ----------
#
# Keras' own optimizers touch every row of a table in every step. A block touches some
# thousands of rows, so the update is row-wise Adagrad (Duchi et al., 2011; row-wise as
# in Naumov et al., 2019): one number :math:`G_\rho` for each row :math:`\rho`. With
# :math:`g_i` the gradients of the row's occurrences in the block, first
#
# .. math::
#
#    G_\rho \leftarrow G_\rho + \sum_i \operatorname{mean}(g_i^2)
#    \qquad \text{and then} \qquad
#    W_\rho \leftarrow W_\rho - \eta \sum_i g_i / \sqrt{G_\rho}
#
# Rare words keep their large steps, frequent words settle, and one learning rate serves
# corpora of all sizes. It falls linearly to zero over the training. All randomness,
# from the initial vectors to the noise, comes from one NumPy generator, and XLA's
# compiled scatter adds in one order whatever the number of threads: hence the same bits
# for one ``random_state``.
#
# What each choice is worth, in seconds and in quality, is in the :doc:`benchmarks
# </benchmarks/README>`.
#
# **Sources.** M. Chen (2017). Efficient vector representation for documents through
# corruption. ICLR. M. Pagliardini, P. Gupta and M. Jaggi (2018). Unsupervised learning
# of sentence embeddings using compositional n-gram features. NAACL. O. Irsoy, A. Benton
# and K. Stratos (2021). Corrected CBOW performs as well as skip-gram. Workshop on
# Insights from Negative Results in NLP. J. Duchi, E. Hazan and Y. Singer (2011).
# Adaptive subgradient methods for online learning and stochastic optimization. JMLR 12.
# M. Naumov et al. (2019). Deep learning recommendation model for personalization and
# recommendation systems. arXiv:1906.00091.
