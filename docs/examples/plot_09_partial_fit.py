"""
Incremental training when new text arrives
==========================================

``partial_fit`` trains a fitted vectorizer with new documents. Are the vectors as good
as those of one fit on all documents?
"""

# %%
# Data
# ----
#
# The docstrings of four libraries, the first 100 words of each, arrive one library at a
# time. Known words keep their
# rows in ``embeddings_`` and are trained further. New words are added after them, and
# so are words that were too rare before.

import re

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

from sk_cbow import CBOWVectorizer
from sk_cbow.datasets import load_docstrings


def tokens(text):
    """Words of at least two letters, in lower case."""
    return re.findall(r"[a-z]\w+", text.lower())


def first_line(docstring):
    """Summary of a docstring; NumPy's compiled functions have a signature before it."""
    paragraphs = docstring.split("\n\n")
    has_signature = re.match(r"[\w.]+\(", docstring) and len(paragraphs) > 1
    return paragraphs[1] if has_signature else paragraphs[0]


def few_of_each(rows, subpackages, most, seed):
    """Draw at most `most` rows of each subpackage from `rows`."""
    drawn = np.random.default_rng(seed).permutation(rows)
    names = np.unique(subpackages[rows])
    return np.concatenate(
        [drawn[subpackages[drawn] == name][:most] for name in names]
    )


docstrings, subpackages = load_docstrings()
documents = [tokens(docstring)[:100] for docstring in docstrings]
libraries = np.array([name.split(".")[0] for name in subpackages])
arrivals = {
    library: [documents[row] for row in np.flatnonzero(libraries == library)]
    for library in ["numpy", "scipy", "sklearn", "keras"]
}

# %%
# A score
# -------
#
# A classifier predicts the subpackage from the first line of a docstring, with ten
# labels per class, for the subpackages of all four libraries.

names, sizes = np.unique(subpackages, return_counts=True)
common = np.flatnonzero(np.isin(subpackages, names[sizes >= 40]))
lines = [tokens(first_line(docstrings[row])) for row in common]
labels = subpackages[common]


def accuracy(vectorizer):
    X, scores = normalize(vectorizer.transform(lines)), []
    for draw in range(3):
        train = few_of_each(np.arange(len(lines)), labels, 10, seed=draw)
        test = np.setdiff1d(np.arange(len(lines)), train)
        classifier = LogisticRegression(C=10, max_iter=1000)
        classifier.fit(X[train], labels[train])
        scores.append(classifier.score(X[test], labels[test]))
    return np.mean(scores)


# %%
# Training
# --------
#
# Each library is trained when it arrives. The baseline is one fit on all documents.
# Both choose the number of epochs by the number of tokens so far, and are repeated with
# three seeds.

incremental, at_once = [], []
scores = {library: [] for library in arrivals}
baseline = []
for seed in range(3):
    vectorizer = CBOWVectorizer(random_state=seed)
    for library, arrived in arrivals.items():
        vectorizer.partial_fit(arrived)
        scores[library].append(accuracy(vectorizer))
        if seed == 0:
            n_words, n_epochs = len(vectorizer.vocabulary_), vectorizer.epochs_
            print(f"after {library}: {n_words} words, {n_epochs} epochs")
    incremental.append(vectorizer)
    at_once.append(CBOWVectorizer(random_state=seed).fit(documents))
    baseline.append(accuracy(at_once[-1]))

for library, values in scores.items():
    print(f"after {library:8}: {np.mean(values):.3f} ± {np.std(values):.3f}")
print(f"all at once   : {np.mean(baseline):.3f} ± {np.std(baseline):.3f}")

# %%

figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
positions = range(len(scores))
axes.errorbar(
    positions,
    [np.mean(values) for values in scores.values()],
    [np.std(values) for values in scores.values()],
    marker="o",
    linewidth=2.5,
    capsize=4,
    label="incremental",
)
axes.axhline(
    np.mean(baseline),
    color="C1",
    linestyle="--",
    linewidth=2.5,
    label="all at once",
)
axes.axhspan(min(baseline), max(baseline), color="C1", alpha=0.25)
axes.set_xticks(
    positions, [name if name == "numpy" else f"+ {name}" for name in scores]
)
axes.set_ylabel("test accuracy", fontsize=13)
axes.set_title("New text arrives", fontsize=15)
axes.tick_params(labelsize=13)
axes.grid(alpha=0.3)
axes.legend(fontsize=13)
plt.show()

# %%
# Neighbours
# ----------
#
# How many of a word's ten nearest neighbours are the same? Both words and neighbours
# are among the 1000 most frequent words. Two fits that differ only in their seed are
# the baseline.


def mean_shared(first, second):
    words = list(at_once[0].vocabulary_)[:1000]
    nearest = []
    for vectorizer in (first, second):
        rows = [vectorizer.vocabulary_[word] for word in words]
        unit = normalize(vectorizer.embeddings_[rows])
        cosines = unit @ unit.T
        np.fill_diagonal(cosines, -1)
        nearest.append(np.argsort(cosines)[:, -10:])
    pairs = zip(*nearest, strict=True)
    return np.mean([len(np.intersect1d(*pair)) for pair in pairs])


others = [1, 2, 0]
print("Shared neighbours of ten, for each seed")
print(
    "incremental and all at once:",
    *(f"{mean_shared(incremental[n], at_once[n]):.1f}" for n in range(3)),
)
print(
    "all at once, another seed:  ",
    *(f"{mean_shared(at_once[n], at_once[others[n]]):.1f}" for n in range(3)),
)

# %%
# Incremental training is behind one fit on everything, here by .04, and its neighbours
# differ more than those of another seed. The early libraries are seen only at the
# beginning, and the learning rate falls to zero in each call. If the old documents are
# still there and training is quick, fit again; otherwise, ``partial_fit`` recovers most
# of the accuracy that the first library's vectors lack, and keeps the rows of known
# words.
#
# :doc:`/guide/incremental` has more, such as pretrained vectors and interrupted fits.
