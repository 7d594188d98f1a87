"""
Neighbours and a map of words
=============================

Which words have similar vectors, and how much do these neighbours depend on
``random_state``? The vectors are trained with three seeds, and the neighbours of latent
semantic analysis (LSA) are the baseline.
"""

# %%
# Vectors
# -------
#
# The text is the docstrings of four libraries.

import re

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.manifold import smacof
from sklearn.metrics import euclidean_distances
from sklearn.preprocessing import normalize

from sk_cbow import CBOWVectorizer
from sk_cbow.datasets import load_docstrings


def tokens(text):
    """Words of at least two letters, in lower case."""
    return re.findall(r"[a-z]\w+", text.lower())


documents = [tokens(docstring) for docstring in load_docstrings()[0]]
fits = [CBOWVectorizer(random_state=seed).fit(documents) for seed in range(3)]
vectorizer = fits[0]
n_words, vector_size = vectorizer.embeddings_.shape
print(f"{n_words} words, vectors of length {vector_size}")

# %%
# Neighbours by cosine similarity
# -------------------------------

words = ["matrix", "gaussian", "optimizer", "image", "tree", "fft", "cluster"]
for word in words:
    print(f"{word:>9}:", *dict(vectorizer.most_similar(word, topn=5)))

# %%
# Several words are averaged, and negative ones are subtracted, as in "king - man +
# woman":

for positive, negative in [
    (["rows", "horizontal"], ["columns"]),
    (["fit", "predict"], []),
    (["sine", "cosh"], ["cosine"]),
]:
    nearest = vectorizer.most_similar(positive, negative, topn=4)
    query = " + ".join(positive) + "".join(f" - {word}" for word in negative)
    print(f"{query}:", *dict(nearest))

# %%
# A map
# -----
#
# Multidimensional scaling arranges words in a plane and keeps their distances as well
# as possible. Each colour is one of the words above, in bold, with its nearest
# neighbours.

colour_of = {}
for colour, word in enumerate(words):
    nearest = dict(vectorizer.most_similar(word, topn=3))
    for token in [word, *nearest]:
        colour_of.setdefault(token, colour)
rows = [vectorizer.vocabulary_[token] for token in colour_of]
unit = normalize(vectorizer.embeddings_[rows])
points, _ = smacof(
    euclidean_distances(unit),
    init=PCA(2).fit_transform(unit),
    n_init=1,
    normalized_stress=False,
)
# Move labels up that would overlap
width, height = np.ptp(points, axis=0)
placed = []
for row in points[:, 1].argsort():
    for other in placed:
        if abs(points[row, 0] - points[other, 0]) < 0.3 * width:
            lowest = points[other, 1] + 0.06 * height
            points[row, 1] = max(points[row, 1], lowest)
    placed.append(row)

figure, axes = plt.subplots(figsize=(6, 4.2))
axes.scatter(*points.T, s=0)
for (token, colour), point in zip(colour_of.items(), points, strict=True):
    axes.text(
        *point,
        token,
        color=plt.get_cmap("Dark2")(colour),
        weight="bold" if token in words else "normal",
        fontsize=12,
        ha="center",
        va="center",
    )
axes.margins(0.12, 0.05)
figure.subplots_adjust(0, 0, 1, 1)
axes.set_axis_off()
plt.show()

# %%
# Other seeds
# -----------
#
# How many of the ten nearest neighbours are the same in all three fits? LSA gives
# vectors of 100 dimensions to words, too; its seed decides only how the singular value
# decomposition begins.

tfidf = TfidfVectorizer(
    analyzer=list, sublinear_tf=True, vocabulary=vectorizer.vocabulary_
).fit_transform(documents)
tables = {
    "CBOW": [normalize(fit.embeddings_) for fit in fits],
    "LSA": [
        normalize(TruncatedSVD(100, random_state=seed).fit(tfidf).components_.T)
        for seed in range(3)
    ],
}


def n_shared(tables, row):
    """How many of the ten nearest neighbours all tables share."""
    nearest = []
    for table in tables:
        cosines = table @ table[row]
        cosines[row] = -1
        nearest.append(set(np.argsort(cosines)[-10:].tolist()))
    return len(set.intersection(*nearest))


print(f"{'neighbours in all three fits':28}", *(f"{n:>6}" for n in tables))
for word in words:
    row = vectorizer.vocabulary_[word]
    counts = [n_shared(fits, row) for fits in tables.values()]
    print(f"{word:28}", *(f"{count:6}" for count in counts))

rng = np.random.default_rng(0)
for name, low, high in [
    ("ranks 100 to 1000", 100, 1000),
    ("ranks beyond 1000", 1000, n_words),
]:
    drawn = rng.choice(np.arange(low, high), 200, replace=False)
    means = [
        np.mean([n_shared(fits, row) for row in drawn])
        for fits in tables.values()
    ]
    print(f"{name:28}", *(f"{mean:6.1f}" for mean in means))

# %%
# The last two rows are means over 200 words each, drawn from these ranks by frequency.
#
# Three fits share four to eight of the ten nearest neighbours of the words above, and
# fewer of rare words. The neighbours of LSA depend less on the seed, above all for rare
# words. So train with several seeds before you interpret a single neighbour.
#
# :func:`sk_cbow.keras.save_projector` writes all words for TensorBoard's embedding
# projector.
