"""
Neighbours, and a map of words
==============================

What have the vectors learned? Look at a word's neighbours, at differences between
words, and at a map.
"""

# %%
# Four libraries' docstrings, without any label:

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import smacof
from sklearn.metrics import euclidean_distances

from docstrings import labelled_docstrings, tokens
from sk_cbow import CBOWVectorizer

documents = [tokens(docstring) for docstring in labelled_docstrings()[0]]
vectorizer = CBOWVectorizer(epochs=10, random_state=0).fit(documents)
n_words, vector_size = vectorizer.embeddings_.shape
print(f"{n_words} words have vectors of length {vector_size}")

# %%
# Neighbours by cosine
# --------------------

seeds = [
    "matrix",
    "gaussian",
    "optimizer",
    "image",
    "tree",
    "fft",
    "cluster",
    "plot",
]
for seed in seeds:
    print(f"{seed:>9}:", *dict(vectorizer.most_similar(seed, topn=6)))

# %%
# Several words at once are averaged, and negative ones count against the others, as in
# "king - man + woman":

for positive, negative in [
    (["rows", "horizontal"], ["columns"]),
    (["fit", "predict"], []),
    (["sine", "cosh"], ["cosine"]),
]:
    question = " + ".join(positive) + "".join(
        f" - {token}" for token in negative
    )
    print(
        f"{question}:",
        *dict(vectorizer.most_similar(positive, negative, topn=4)),
    )

# %%
# A map
# -----
#
# Multidimensional scaling lays the vectors of 100 dimensions out in two, so that
# distances are kept as well as that can be. Each colour is one of the words above with
# its nearest neighbours:

shown = {}
for number, seed in enumerate(seeds):
    for token in [
        seed,
        *(token for token, _ in vectorizer.most_similar(seed, topn=6)),
    ]:
        shown.setdefault(token, number)
vectors = vectorizer.embeddings_[
    [vectorizer.vocabulary_[token] for token in shown]
]
unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
points, _ = smacof(
    euclidean_distances(unit), init=PCA(2).fit_transform(unit), n_init=1
)

figure, axes = plt.subplots(figsize=(9, 7))
axes.scatter(*points.T, s=0)
for token, point, number in zip(shown, points, shown.values(), strict=True):
    axes.text(
        *point,
        token,
        color=plt.get_cmap("Dark2")(number),
        weight="bold" if token in seeds else "normal",
        ha="center",
        va="center",
    )
axes.margins(0.1)
figure.subplots_adjust(0, 0, 1, 1)
axes.set_axis_off()
plt.show()

# %%
# :func:`sk_cbow.keras.save_projector` writes all words for TensorBoard's embedding
# projector, in which one can turn and search such maps.
