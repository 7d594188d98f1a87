"""
Training an Embedding without labels
====================================

How is an ``Embedding`` layer trained if there is text, but there are no labels? A first
idea: words that stand close together in the text should have vectors that are close
together, so train the distance of their vectors to be 0. This fails. The way it fails
shows what negative samples are for.
"""

# %%
# Pairs of neighbours
# -------------------
#
# Two words at most five positions apart are a pair of neighbours. A tenth of the pairs
# is held out, to test whether neighbours end up closer together than random words.

import re
from pydoc_data.topics import topics

import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import roc_auc_score

WINDOW, VECTOR_SIZE, EPOCHS = 5, 50, 6

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
held_out, pairs = np.split(pairs, [len(pairs) // 10])
print(f"{len(pairs)} pairs for training, {len(vocabulary)} words")
print(*(f"{vocabulary[left]}/{vocabulary[right]}" for left, right in pairs[:5]))

negative_probability = counts**0.75 / (counts**0.75).sum()


def random_pairs(n):
    return rng.choice(len(vocabulary), (n, 2), p=negative_probability)


random_words = random_pairs(len(held_out))

# %%
# Neighbours only
# ---------------
#
# One shared layer is called for both words of a pair. The output is the squared
# distance of the two vectors, its label is 0, and the loss is the absolute error.


def squared_distance(left, right):
    difference = keras.layers.Subtract()([left, right])
    return keras.layers.Dot(axes=1)([difference, difference])


def train(pairs, labels):
    """Train a table; return its initial state and that after each epoch."""
    keras.utils.set_random_seed(0)
    left = keras.Input((), dtype="int32", name="left")
    right = keras.Input((), dtype="int32", name="right")
    embedding = keras.layers.Embedding(len(vocabulary), VECTOR_SIZE)
    model = keras.Model(
        [left, right], squared_distance(embedding(left), embedding(right))
    )
    # The loss is a mean over 1024 pairs, of which each word is in only a few,
    # so its gradient is small: hence the large learning rate.
    model.compile(keras.optimizers.SGD(4.0), loss="mean_absolute_error")
    tables = [embedding.get_weights()[0]]
    inputs = [pairs[:, 0], pairs[:, 1]]
    for _ in range(EPOCHS):
        history = model.fit(inputs, labels, batch_size=1024, verbose=0)
        tables.append(embedding.get_weights()[0])
    print(f"loss of the last epoch: {history.history['loss'][0]:.2g}")
    return tables


neighbours_only = train(pairs, np.zeros(len(pairs)))

# %%
# The loss is almost 0. What did the model learn? For the vectors of each epoch we print
# the mean distance of held-out neighbours and that of random words, the mean cosine of
# random words, and the area under the ROC curve (AUC) for distinguishing neighbours
# from random words by their distance. An AUC of 1 is perfect, .5 is guessing. (Random
# words are drawn by count to the power of 3/4, so they are rarer than neighbours.)


def distances(vectors, pairs):
    return np.linalg.norm(vectors[pairs[:, 0]] - vectors[pairs[:, 1]], axis=1)


def measures(vectors):
    near, far = distances(vectors, held_out), distances(vectors, random_words)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = (unit[random_words[:, 0]] * unit[random_words[:, 1]]).sum(axis=1)
    is_random = np.repeat([0, 1], [len(near), len(far)])
    auc = roc_auc_score(is_random, np.concatenate([near, far]))
    return near.mean(), far.mean(), cosine.mean(), auc


def report(tables):
    print("       distance of  distance of     cosine of")
    print("epoch   neighbours random words  random words    AUC")
    for epoch, vectors in enumerate(tables):
        near, far, cosine, auc = measures(vectors)
        print(f"{epoch:5}{near:13.4f}{far:13.4f}{cosine:14.3f}{auc:7.3f}")


report(neighbours_only)

# %%
# Neighbours are close together, but so are all other words: both distances shrink
# towards 0, and the cosines approach 1. The loss has a trivial minimum, **all vectors
# equal**, and gradient descent goes there. Nothing in the loss says that any two words
# differ. The AUC is best after the first epoch and then falls.
#
# Neighbours and negative samples
# -------------------------------
#
# The model also needs pairs whose vectors should be apart. The text does not list any,
# but two words drawn at random rarely belong together. For each pair of neighbours we
# draw a pair of random words, a *negative sample*, with label 1. Nothing else changes.

both = np.concatenate([pairs, random_pairs(len(pairs))])
labels = np.repeat([0.0, 1.0], len(pairs))
order = rng.permutation(len(both))
with_negative_samples = train(both[order], labels[order])
report(with_negative_samples)

# %%
# Equal vectors would now be wrong for half of the examples. Random words stay apart,
# neighbours are closer than random words, and the AUC rises. Negative samples do not
# refine the method: without them, the vectors collapse.

titles = ["neighbours only", "neighbours and negative samples"]
figure, axes = plt.subplots(
    1, 2, figsize=(9, 3.6), layout="constrained", sharey=True
)
for subplot, tables, title in zip(
    axes, [neighbours_only, with_negative_samples], titles, strict=True
):
    near, far, cosine, _ = np.transpose([measures(table) for table in tables])
    subplot.plot(far, label="distance of random words")
    subplot.plot(near, label="distance of neighbours")
    subplot.plot(cosine, "--", label="cosine of random words")
    subplot.set(title=title, xlabel="epoch")
    subplot.grid(alpha=0.3)
axes[0].legend()
plt.show()

# %%
# From here to CBOW
# -----------------
#
# word2vec's continuous bag of words also learns from neighbours and negative samples,
# with three differences:
#
# - It compares the average of all words in a window with the word in the middle,
#   instead of comparing words in pairs.
# - It compares vectors by their product instead of their distance. A logistic
#   regression on the product distinguishes the word in the middle from negative
#   samples, which relates products to the words' mutual information (:ref:`the page
#   about the offset <sphx_glr_how_it_works_plot_4_offset.py>`).
# - It draws several negative samples for each position.
#
# The vectors of :class:`~sk_cbow.CBOWVectorizer` do not collapse either:

from sk_cbow import CBOWVectorizer

vectorizer = CBOWVectorizer(
    vector_size=VECTOR_SIZE, window=WINDOW, epochs=EPOCHS, random_state=0
).fit(documents)
rows = [vectorizer.vocabulary_[token] for token in vocabulary]
*_, cosine, _ = measures(vectorizer.embeddings_[rows])
print(f"cosine of random words: {cosine:.3f}")
