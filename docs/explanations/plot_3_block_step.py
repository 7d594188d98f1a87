"""
The block step: contexts without lists
======================================

:ref:`The textbook model <sphx_glr_how_it_works_plot_1_shared_embedding.py>` is trained
on examples, each with the ids of its context. Neighbouring positions have nearly the
same context, so most ids are repeated from one example to the next. How does
:class:`~sk_cbow.CBOWVectorizer` train without these lists? Each of its steps takes a
**block** of text, and shifts of the block contain all contexts.
"""

# %%
# A block
# -------
#
# Each epoch shuffles the documents (those longer than a block are cut), drops some
# occurrences of frequent words, and writes the ids one after the other into one stream.
# Between documents there is padding (id 0), at least as much as the window is wide, so
# that no context reaches into another document. The stream becomes blocks:
#
# - A **lane** is a part of the stream, at least 64 positions long. Contexts end where
#   their lane ends.
# - A **tile** is several lanes side by side, a matrix of ids. The vectors of a tile fit
#   into the cache of one processor core.
# - A **block** is one tile or several. One block is one step of training.
# - A **group** is a set of positions of a tile, about 64, that share twelve negative
#   samples. Each group takes every n-th position of each lane, so that its targets have
#   different contexts.
#
# We make a small block with the code of the library: two tiles of four lanes. For a
# large corpus, ``fit`` makes blocks of 8192 positions and more.

import matplotlib.pyplot as plt
import numpy as np

from sk_cbow._training.blocks import BlockMaker

lengths = np.random.default_rng(3).integers(12, 60, 16)
# To give each document a colour, all tokens of a document are the same.
documents = np.repeat(np.arange(16, dtype=np.int32), lengths)


def block_maker(**options):
    return BlockMaker(
        documents,
        np.concatenate(([0], np.cumsum(lengths))),
        token_counts=lengths,
        keep_probability=np.ones(16),
        negative_probability=np.full(16, 1 / 16),
        block_size=512,
        tile_size=256,
        **options,
    )


maker = block_maker(window=2, document_context=0)
blocks = next(maker.epoch(maker.n_blocks, np.random.default_rng(0)))
tiles = blocks.token_ids[0]  # (n_tiles, lane_length, n_lanes)
n_tiles, lane_length, n_lanes = tiles.shape
_, n_groups, negatives_per_group = maker.shapes.negative_ids
targets_per_group = n_lanes * lane_length // n_groups
print(f"{n_tiles} tiles of {n_lanes} lanes of {lane_length} positions")
print(f"{n_groups} groups per tile, {targets_per_group} positions per group")
print(f"{negatives_per_group} negative samples per group")

# %%
# A square is a position, a colour is a document, and white is padding.
#
# - Top: the two tiles. Each row of squares is a lane. Where a lane ends, its document
#   continues in another one.
# - Middle: a lane, and copies of it shifted by up to two positions. Each column has a
#   position (pale) and its context.
# - Bottom: the positions of one group (dots), and its twelve negative samples.
#
# The script that can be downloaded below contains ``draw_block``.

# sphinx_gallery_start_ignore
from matplotlib.patches import ConnectionPatch, Rectangle

from sk_cbow._training.config import NEGATIVES_PER_GROUP

# Positions in the first lane, near the end of a document
EXCERPT, TARGET = slice(8, 24), 10


def draw_block(tiles, n_groups):
    """Draw a block of ids (n_tiles, lane_length, n_lanes) in colour."""
    n_tiles, _, n_lanes = tiles.shape
    _, (top, middle, bottom) = plt.subplots(
        3,
        1,
        figsize=(10, 8.2),
        layout="constrained",
        height_ratios=[n_tiles * (n_lanes + 1), 6, n_lanes + 3],
    )
    for index, tile in enumerate(tiles):
        draw_tile(top, tile, -index * (n_lanes + 1), f"tile {index + 1}")
    draw_shifts(middle, tiles[0][EXCERPT, 0])
    draw_negatives(bottom, tiles[0], n_groups)
    for axes, title, left, right in [
        (
            top,
            "A block: the text continues to the right, then in other lanes",
            -7,
            64,
        ),
        (
            middle,
            "Contexts are shifts: the sum of shifted lanes has all contexts",
            -10,
            24,
        ),
        (
            bottom,
            f"A group of targets: every {n_groups}th position of a tile",
            -7,
            64,
        ),
    ]:
        axes.set_title(title, loc="left")
        axes.autoscale_view()
        axes.set_xlim(left, right)
        axes.set_axis_off()


def draw_square(axes, token_id, x, y, **options):
    colour = plt.get_cmap("tab20")(token_id % 20) if token_id else "white"
    axes.add_patch(
        Rectangle((x, y), 1, -0.9, facecolor=colour, edgecolor="0.8", **options)
    )


def draw_tile(axes, tile, y, name):
    for position, row in enumerate(tile):
        for lane, token_id in enumerate(row):
            draw_square(axes, token_id, position, y - lane, linewidth=0.4)
    axes.text(-1, y - tile.shape[1] / 2, name, ha="right", va="center")


def draw_shifts(axes, token_ids):
    for line, shift in enumerate([-2, -1, 0, 1, 2]):
        for position, token_id in enumerate(token_ids):
            alpha = 0.35 if shift == 0 else 1
            draw_square(axes, token_id, position + shift, -line, alpha=alpha)
        label = f"shifted by {shift:+d}"
        if shift == 0:
            label = "the lane itself, $v_t$: targets"
        axes.text(-2.6, -line - 0.45, label, ha="right", va="center")
    frame = Rectangle(
        (TARGET, 0.15), 1, -5.2, fill=False, edgecolor="black", linewidth=2
    )
    axes.add_patch(frame)
    label = "one column: a target near the end of a document, and its context"
    axes.text(TARGET + 0.5, -5.25, label, ha="center", va="top")


def draw_negatives(axes, tile, n_groups):
    lane_length, n_lanes = tile.shape
    draw_tile(axes, tile, 0, "tile 1")
    centre, y = lane_length / 2, -n_lanes - 1.2
    for position in range(0, lane_length, n_groups):
        for lane in range(n_lanes):
            if tile[position, lane]:
                axes.plot(position + 0.5, -lane - 0.45, "ko", markersize=3.5)
        if position % (4 * n_groups) == 0:
            ends = (position + 0.5, -n_lanes + 0.1), (centre, y + 0.1)
            axes.add_patch(ConnectionPatch(*ends, "data", "data", color="0.6"))
    left = centre - NEGATIVES_PER_GROUP / 2
    for index in range(NEGATIVES_PER_GROUP):
        square = Rectangle(
            (left + index, y), 1, -0.9, facecolor="0.85", edgecolor="0.4"
        )
        axes.add_patch(square)
    axes.text(
        left - 1,
        y - 0.45,
        f"{NEGATIVES_PER_GROUP} negative samples",
        ha="right",
        va="center",
    )
    n_positions = lane_length // n_groups * n_lanes
    label = f"times {n_positions} positions (•: tokens): one matrix product"
    axes.text(left + NEGATIVES_PER_GROUP + 1, y - 0.45, label, va="center")


# sphinx_gallery_end_ignore
draw_block(tiles, n_groups)
plt.show()

# %%
#
# The loss
# --------
#
# Position :math:`t` of a lane has the id :math:`x_t` and the vector :math:`v_t =
# W_{x_t}`, a row of the table :math:`W`. Let :math:`r_t` be 1 if there is a token, and
# 0 if there is padding, whose vector is always zero. Each block draws the size
# :math:`b` of its window from 1 to ``window``. The context's sum is a sum of shifts:
#
# .. math::
#
#    S(v)_t = \sum_{d=1}^{b} (v_{t-d} + v_{t+d})
#
# The same sum over :math:`r` counts the context's words, :math:`n_t = S(r)_t`. The
# average of the context is
#
# .. math::
#
#    h_t = \frac{1}{n_t} \, S(v)_t
#
# Let :math:`c_t` be 1 if there is a token with a context, and otherwise 0. The group of
# :math:`t` has :math:`m = 12` negative samples :math:`y_1, \ldots, y_m`. Together they
# should count as :math:`k`, the parameter ``negative``, so each has the weight
# :math:`w_{tj} = c_t \, k / m`, or 0 if :math:`y_j = x_t`. The loss is
#
# .. math::
#
#    z_t = h_t \cdot v_t - \log k, \qquad z_{tj} = h_t \cdot W_{y_j} - \log k
#
# .. math::
#
#    L = - \sum_t c_t \log \sigma(z_t) - \sum_t \sum_j w_{tj} \log \sigma(-z_{tj})
#
# :ref:`Another page <sphx_glr_how_it_works_plot_4_offset.py>` is about the offset
# :math:`\log k`.
#
# The gradient
# ------------
#
# With the errors :math:`\alpha_t = c_t \, (\sigma(z_t) - 1)` and :math:`q_{tj} = w_{tj}
# \, \sigma(z_{tj})`, the gradients of the average and of a negative sample are
#
# .. math::
#
#    \frac{\partial L}{\partial h_t} = g_t = \alpha_t v_t + \sum_j q_{tj} W_{y_j}
#
# .. math::
#
#    \frac{\partial L}{\partial W_{y_j}} = \sum_t q_{tj} h_t
#
# If position :math:`s` is in the context of :math:`t`, then :math:`t` is in the context
# of :math:`s`. So the gradient of :math:`v_t` has a term as target, and as context the
# same sum of shifts:
#
# .. math::
#
#    \frac{\partial L}{\partial v_t} = \alpha_t h_t + r_t \, S(c \, g / n)_t
#
# In NumPy, for one lane that is one group:


def shift_sum(values, window):
    """Sum of the neighbours at most `window` positions away."""
    total = np.zeros_like(values)
    for distance in range(1, window + 1):
        total[distance:] += values[:-distance]
        total[:-distance] += values[distance:]
    return total


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def loss_and_gradient(table, token_ids, window, negative_ids, k, divide=True):
    """Loss of a lane and its gradient; `divide` is explained below."""
    is_token = (token_ids != 0).astype(float)[:, None]
    vectors = table[token_ids]  # (n_positions, vector_size)
    negative_vectors = table[negative_ids]  # (n_negatives, vector_size)
    n_context = shift_sum(is_token, window)
    is_target = is_token * (n_context > 0)
    one_over_n = 1 / np.maximum(n_context, 1)
    hidden = is_target * shift_sum(vectors, window) * one_over_n

    logit = (hidden * vectors).sum(axis=1, keepdims=True) - np.log(k)
    negative_logit = hidden @ negative_vectors.T - np.log(
        k
    )  # (n_positions, n_negatives)
    weight = (
        k / len(negative_ids) * is_target * (token_ids[:, None] != negative_ids)
    )
    loss = (is_target * np.logaddexp(0, -logit)).sum()
    loss += (weight * np.logaddexp(0, negative_logit)).sum()

    error = is_target * (sigmoid(logit) - 1)
    negative_error = weight * sigmoid(negative_logit)
    hidden_gradient = error * vectors + negative_error @ negative_vectors
    factor = is_target * (one_over_n if divide else 1)
    context_gradient = is_token * shift_sum(hidden_gradient * factor, window)
    gradient = np.zeros_like(table)
    np.add.at(gradient, token_ids, error * hidden + context_gradient)
    np.add.at(gradient, negative_ids, negative_error.T @ hidden)
    return loss, gradient


# %%
# To check the formulas, we compare the gradient with finite differences of the loss.

rng = np.random.default_rng(0)
table = rng.normal(scale=0.5, size=(7, 3))
table[0] = 0  # padding
arguments = {
    "token_ids": np.array([0, 0, 1, 2, 3, 1, 4, 0, 0, 5, 6, 2, 0, 0]),
    "window": 2,
    "negative_ids": np.array([1, 4, 6]),
    "k": 5,
}


def numerical_gradient(step=1e-6):
    gradient = np.zeros_like(table)
    for position in np.ndindex(table.shape):
        change = np.zeros_like(table)
        change[position] = step
        above, _ = loss_and_gradient(table + change, **arguments)
        below, _ = loss_and_gradient(table - change, **arguments)
        gradient[position] = (above - below) / (2 * step)
    return gradient[1:]  # row 0 is not trained


expected = numerical_gradient()
_, gradient = loss_and_gradient(table, **arguments)
difference = np.abs(gradient[1:] - expected).max()
print(f"largest absolute gradient:     {np.abs(expected).max():.3f}")
print(f"largest difference:                        {difference:.1e}")

# %%
# The compiled step of the library computes the same on tiles of many lanes. Its tests
# compare it with automatic differentiation of the textbook model.
#
# The factor 1/n
# --------------
#
# :math:`h_t` is an average, so the gradient of each context word has the factor
# :math:`1/n_t`. word2vec.c omits this factor: it averages the context, but then adds
# the whole gradient of the average to each of the words. So do gensim with
# ``cbow_mean=1``, its default, and the unsupervised CBOW of fastText. Irsoy, Benton and
# Stratos (2021) found this, and corrected it in kōan. How different are the gradients?

_, gradient = loss_and_gradient(table, **arguments, divide=False)
without = gradient[1:]
norms = np.linalg.norm(without), np.linalg.norm(expected)
cosine = (without * expected).sum() / np.prod(norms)
print(f"length without 1/n / length with 1/n: {norms[0] / norms[1]:.2f}")
print(f"cosine between the two:               {cosine:.3f}")

# %%
# Without the factor, the gradient also has another direction, which a smaller learning
# rate does not correct: vectors move too far as context, but not as target or negative
# sample. The library keeps the factor.
#
# The document in the context
# ---------------------------
#
# If ``document_context``, :math:`s`, is between 0 and 1, the context also includes
# other words of the document:
#
# .. math::
#
#    h_t = \frac{1 - s}{n_t} \, S(v)_t + \frac{s}{n'_t} \, D(v)_t
#
# where :math:`D` is the sum over a random sample of these words, and :math:`n'_t =
# D(r)_t` is their number. If there are none, the window is the whole context. The idea
# is from Doc2VecC (Chen, 2017), where sampling acts as regularization.
#
# A sample for each position would again need lists of ids. Instead, a lane is divided
# into spans of 64 positions, and a span into 16 **cells** of four positions:
#
# - In each cell, one of the four positions is sampled.
# - Each cell uses the sample of each cell of its span, its own included, with
#   probability 1/2. All lanes of a tile share these draws.
# - The document context of a position consists of the samples that its cell uses, if
#   they belong to the same document, without the position itself.
#
# At least three positions of padding separate two documents, so a cell has words of
# one document only. Therefore, :math:`D` is one product of matrices per span of a lane:
# a 16 by 16 matrix, with 1 where one cell uses the sample of another, times the
# sampled vectors. The gradient is a product with the transposed matrix.
#
# The picture shows the weight of each position (from left to right) in the context of
# each target (from top to bottom), for 64 positions of a lane. The window is a band,
# interrupted between documents. Sampled positions are shared by the targets of a cell.


def context_weights(token_ids, window, sampled_positions, cell_pairs, s):
    """Weights of positions in contexts, (n_targets, n_positions)."""
    positions = np.arange(len(token_ids))
    is_token = token_ids != 0
    document = np.cumsum(is_token & ~np.roll(is_token, 1))
    other = np.equal.outer(document, document) & np.outer(is_token, is_token)
    np.fill_diagonal(other, False)  # other words of the same document
    distance = np.abs(np.subtract.outer(positions, positions))
    in_window = other & (distance <= window)
    is_sampled = sampled_positions.repeat(4) == positions % 4
    uses = cell_pairs.repeat(4, axis=0).repeat(4, axis=1).astype(bool)
    in_sample = other & uses & is_sampled

    def mean(members):
        return members / np.maximum(members.sum(axis=1, keepdims=True), 1)

    share = s * in_sample.any(axis=1, keepdims=True)
    return (1 - share) * mean(in_window) + share * mean(in_sample)


maker = block_maker(window=5, document_context=0.8)
blocks = next(maker.epoch(maker.n_blocks, np.random.default_rng(0)))
sampled_positions = blocks.sampled_positions[0, 0, 0]
cell_pairs = blocks.cell_pairs[0, 0, 0]
lane = blocks.token_ids[0, 0, :64, 0]
figure, subplots = plt.subplots(1, 2, figsize=(9, 4.8), layout="compressed")
for axes, s in zip(subplots, [0, 0.8], strict=True):
    weights = context_weights(lane, 5, sampled_positions, cell_pairs, s)
    axes.imshow(weights, cmap="Blues", vmax=0.25)
    axes.set(title=f"document_context={s}", xlabel="position in the context")
subplots[0].set_ylabel("position of the target")
plt.show()

# %%
# If :math:`s = 1`, there are no cells. Each epoch shuffles the words of each document,
# so that a window is a random sample of the document.
#
# The update
# ----------
#
# Only the rows of the table that occur in a block are updated, by row-wise Adagrad
# (Duchi et al., 2011; row-wise as in Naumov et al., 2019). Row :math:`\rho` has one
# accumulator, :math:`G_\rho`, which starts at 0. Each occurrence of the row in a block,
# as a token at a position or as a negative sample of a group, has one gradient
# :math:`g_i` of :math:`V` numbers. Their squares are added one by one, whereas Keras'
# Adagrad would square their sum:
#
# .. math::
#
#    G_\rho \leftarrow G_\rho + \sum_i \frac{1}{V} \, g_i \cdot g_i
#
# .. math::
#
#    W_\rho \leftarrow W_\rho - \frac{\eta}{\sqrt{G_\rho}} \, \sum_i g_i
#
# The learning rate :math:`\eta` falls linearly to zero. Random numbers depend only on
# ``random_state``, and the compiled update adds in the same order whatever the number
# of threads. So with an integer ``random_state``, results are bit-for-bit reproducible
# on the same machine.
#
# What is measured
# ----------------
#
# The :doc:`benchmarks </benchmarks/README>` measure what three of these choices
# contribute to the quality of the vectors: the offset and the shared table
# (:ref:`summary <sphx_glr_how_it_works_plot_4_offset.py>`), and the document context
# (:doc:`summary </guide/hyperparameters>`). They do not measure what the factor 1/n,
# row-wise Adagrad and the shared negative samples contribute.
#
# **Sources.** M. Chen (2017). Efficient vector representation for documents through
# corruption. ICLR. O. Irsoy, A. Benton and K. Stratos (2021). Corrected CBOW performs
# as well as skip-gram. Workshop on Insights from Negative Results in NLP. J. Duchi, E.
# Hazan and Y. Singer (2011). Adaptive subgradient methods for online learning and
# stochastic optimization. JMLR 12. M. Naumov et al. (2019). Deep learning
# recommendation model for personalization and recommendation systems. arXiv:1906.00091.
