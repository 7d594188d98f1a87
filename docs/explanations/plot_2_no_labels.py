"""
Training an Embedding without labels
====================================

How is an ``Embedding`` layer trained when one has text, but no labels? The first idea
that comes to mind is that words which stand next to each other should have vectors that
lie close together. Written down as it is, "the distance of neighbouring words is to be
0", it fails, and how it fails shows what negative samples are for.
"""

# %%
# Neighbours in a text
# --------------------
#
# Any two words at most five places apart form a pair, and each learns from the other.
# Every tenth pair is held out, to ask later whether such words lie closer together than
# words drawn at random.

import re
from pydoc_data.topics import topics

import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import roc_auc_score

WINDOW, VECTOR_SIZE, EPOCHS = 5, 50, 10

documents = [re.findall(r"[a-z]\w+", text.lower()) for text in topics.values()]
tokens, counts = np.unique(
    [token for document in documents for token in document], return_counts=True
)
vocabulary, counts = tokens[counts >= 5], counts[counts >= 5]
id_of = {token: row for row, token in enumerate(vocabulary)}

pairs = []
for document in documents:
    ids = np.array([id_of[token] for token in document if token in id_of])
    pairs += [
        np.stack([ids[:-distance], ids[distance:]], axis=1)
        for distance in range(1, WINDOW + 1)
    ]
pairs = np.concatenate(pairs)
pairs = pairs[pairs[:, 0] != pairs[:, 1]]
rng = np.random.default_rng(0)
rng.shuffle(pairs)
held_out, pairs = pairs[: len(pairs) // 10], pairs[len(pairs) // 10 :]
print(
    f"{len(pairs)} pairs of neighbours among {len(vocabulary)} words, for example:"
)
print(*(f"{vocabulary[left]}/{vocabulary[right]}" for left, right in pairs[:6]))


def random_pairs(n):
    return rng.choice(
        len(vocabulary), (n, 2), p=counts**0.75 / (counts**0.75).sum()
    )


strangers = random_pairs(len(held_out))

# %%
# The naive rule
# --------------
#
# One shared layer, called for both words; the output is the squared distance of their
# vectors, and its target is 0. The loss is how far the output is from its target.


def squared_distance(left, right):
    difference = keras.layers.Subtract()([left, right])
    return keras.layers.Dot(axes=1)([difference, difference])


def train(pairs, targets):
    """Train a table of vectors; return its state at first and after each epoch."""
    keras.utils.set_random_seed(
        0
    )  # in a script; a library has no business to set it
    left, right = (
        keras.Input((), dtype="int32", name=name) for name in ("left", "right")
    )
    embedding = keras.layers.Embedding(len(vocabulary), VECTOR_SIZE)
    model = keras.Model(
        [left, right], squared_distance(embedding(left), embedding(right))
    )
    # The loss is a mean over a batch in which most words are rare: hence large steps
    model.compile(keras.optimizers.SGD(4.0), loss="mean_absolute_error")
    tables = [embedding.get_weights()[0]]
    for _ in range(EPOCHS):
        history = model.fit(
            [pairs[:, 0], pairs[:, 1]], targets, batch_size=1024, verbose=0
        )
        tables.append(embedding.get_weights()[0])
    print(f"loss of the last epoch: {history.history['loss'][0]:.2g}")
    return tables


naive = train(pairs, np.zeros(len(pairs)))

# %%
# The loss could not be better. But what has been learned? We look at each epoch's
# vectors: how far apart neighbours lie, and how far words that were drawn at random;
# the cosine between such; and the area under the ROC curve (AUC) if held out neighbours
# are to be told from random words by their distance: 1 would be perfect, 0.5 is
# guessing.


def distances(vectors, pairs):
    return np.linalg.norm(vectors[pairs[:, 0]] - vectors[pairs[:, 1]], axis=1)


def measures(vectors):
    near, far = distances(vectors, held_out), distances(vectors, strangers)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = (unit[strangers[:, 0]] * unit[strangers[:, 1]]).sum(axis=1).mean()
    is_stranger = np.repeat([0, 1], [len(near), len(far)])
    return (
        near.mean(),
        far.mean(),
        cosine,
        roc_auc_score(is_stranger, np.concatenate([near, far])),
    )


def report(tables):
    print(
        "epoch  distance of neighbours  of random words  cosine of random words   AUC"
    )
    for epoch, vectors in enumerate(tables):
        near, far, cosine, auc = measures(vectors)
        print(
            f"{epoch:5}  {near:22.4f}  {far:15.4f}  {cosine:22.3f}  {auc:.3f}"
        )


report(naive)

# %%
# Neighbours are close, and so are all words: their distances shrink by the same steps,
# and every cosine goes to 1. The loss has a minimum that knows nothing of the text,
# **all vectors equal**, and descent finds it. Nothing in the rule says that any two
# words differ. What the vectors learn, they learn in passing, on their way onto one
# point.
#
# Negative samples
# ----------------
#
# So the rule needs words that are to be apart. The text has no such list, but there are
# many words, and two that are drawn at random hardly ever belong together. For each
# pair of neighbours we draw one pair of random words, whose target is 1. Nothing else
# changes.

both = np.concatenate([pairs, random_pairs(len(pairs))])
targets = np.repeat([0.0, 1.0], len(pairs))
order = rng.permutation(len(both))
with_noise = train(both[order], targets[order])
report(with_noise)

# %%
# All vectors equal would now be wrong for half of the examples. Random words stay far
# apart, neighbours are closer than these, and the AUC rises instead of falling. That is
# what the negative samples of word2vec are for: they are no refinement but what keeps
# the vectors from collapsing.

TITLES = ["neighbours at 0", "neighbours at 0, random words at 1"]
figure, axes = plt.subplots(
    1, 2, figsize=(9, 3.6), layout="constrained", sharey=True
)
for subplot, tables, title in zip(
    axes, [naive, with_noise], TITLES, strict=True
):
    near, far, cosine, _ = np.transpose(
        [measures(vectors) for vectors in tables]
    )
    subplot.plot(near, label="distance of neighbours")
    subplot.plot(far, label="distance of random words")
    subplot.plot(cosine, "--", label="cosine of random words")
    subplot.set(title=title, xlabel="epoch")
    subplot.grid(alpha=0.3)
axes[0].legend()
plt.show()

# %%
# From here to CBOW
# -----------------
#
# Word2vec's continuous bag of words keeps this idea, "neighbours against noise", and
# makes three choices. The average of all words around a place is compared with the word
# in its middle, which is faster than word by word. Closeness is a product of vectors,
# on which a logistic regression tells true from false, so that the negative samples
# have a meaning: the best product of two words is their pointwise mutual information,
# less a constant (:ref:`sphx_glr_how_it_works_plot_4_offset.py`). And each target has
# several negative samples. Its vectors do not collapse:

from sk_cbow import CBOWVectorizer

vectorizer = CBOWVectorizer(
    vector_size=VECTOR_SIZE, window=WINDOW, epochs=EPOCHS, random_state=0
).fit(documents)
vectors = vectorizer.embeddings_[
    [vectorizer.vocabulary_[token] for token in vocabulary]
]
*_, cosine, _ = measures(vectors)
print(f"cosine of random words: {cosine:.3f}")
