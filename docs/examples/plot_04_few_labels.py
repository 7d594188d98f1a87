"""
Classify with few labels
========================

Word vectors are learned from *all* documents, with and without labels. Does this help a
classifier that has only a few labelled documents, compared with tf-idf and latent
semantic analysis? The task is to predict the subpackage from the first line of a
docstring: "Compute the Cholesky decomposition of a matrix" belongs to ``scipy.linalg``.
"""

# %%
# Data
# ----
#
# The vectorizers read the first 100 words of docstrings, without labels. The classifier
# reads the first lines of those that belong to a subpackage with at least 40
# docstrings.

import re
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

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
names, sizes = np.unique(subpackages, return_counts=True)
common = np.flatnonzero(np.isin(subpackages, names[sizes >= 40]))
lines = [tokens(first_line(docstrings[row])) for row in common]
labels = subpackages[common]
n_tokens = sum(map(len, documents))
print(f"{len(documents)} documents, {n_tokens / 1e6:.1f} million tokens")
mean_length = np.mean([len(line) for line in lines])
print(f"{len(lines)} lines with {mean_length:.0f} tokens on average")
print(f"{len(set(labels))} classes")

# %%
# Three vectorizers
# -----------------
#
# Each has its usual preprocessing and returns vectors of unit length:
#
# - tf-idf with logarithmic term frequencies;
# - LSA: tf-idf reduced to 100 dimensions;
# - CBOW: averages of vectors of 100 dimensions, with :doc:`the guide's parameters for
#   documents </guide/hyperparameters>`.

tfidf = TfidfVectorizer(analyzer=list, min_df=2, sublinear_tf=True)
vectorizers = {
    "CBOW": CBOWVectorizer(
        document_context=1, weighting="idf", norm="l2", random_state=0
    ),
    "LSA": make_pipeline(
        tfidf, TruncatedSVD(100, random_state=0), Normalizer()
    ),
    "tf-idf": tfidf,
}
vectors = {
    name: vectorizer.fit(documents).transform(lines)
    for name, vectorizer in vectorizers.items()
}

# %%
# One penalty for each
# --------------------
#
# With one label per class, cross-validation is impossible. The penalty ``C`` of each
# method is therefore chosen on a separate draw with five labels per class, and scored
# on the other lines of the training set. The test set is not used for it.

train, test = train_test_split(
    np.arange(len(lines)), test_size=0.5, stratify=labels, random_state=0
)


def accuracy(X, labelled, scored, C):
    classifier = LogisticRegression(C=C, max_iter=1000)
    with warnings.catch_warnings():
        # With one label per class, scikit-learn suspects a regression
        warnings.simplefilter("ignore")
        classifier.fit(X[labelled], labels[labelled])
    return classifier.score(X[scored], labels[scored])


labelled = few_of_each(train, labels, 5, seed=100)
others = np.setdiff1d(train, labelled)
penalty = {}
for name, X in vectors.items():
    scores = {C: accuracy(X, labelled, others, C) for C in (1, 10, 100)}
    penalty[name] = max(scores, key=scores.get)
    print(f"{name:>6}: C={penalty[name]}")

# %%
# Results
# -------
#
# Mean and standard deviation of the test accuracy over five draws of the labelled
# lines, which are the same for all methods.

label_counts = [1, 5, 20]
scores = {name: np.zeros((len(label_counts), 5)) for name in vectors}
for row, n_labels in enumerate(label_counts):
    for draw in range(5):
        labelled = few_of_each(train, labels, n_labels, seed=draw)
        for name, X in vectors.items():
            scores[name][row, draw] = accuracy(X, labelled, test, penalty[name])

print("labels per class" + "".join(f"{name:>14}" for name in scores))
for row, n_labels in enumerate(label_counts):
    cells = [
        f"{values[row].mean():.3f} ± {values[row].std():.3f}"
        for values in scores.values()
    ]
    print(f"{n_labels:16}" + "".join(f"{cell:>14}" for cell in cells))

# %%

figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
for shift, (name, values) in zip(
    (0.97, 1, 1.03), scores.items(), strict=True
):  # so that the bars can be told apart
    axes.errorbar(
        np.array(label_counts) * shift,
        values.mean(axis=1),
        values.std(axis=1),
        marker="o",
        linewidth=2.5,
        capsize=4,
        label=name,
    )
axes.set_xscale("log")
axes.set_xticks(label_counts, label_counts)
axes.minorticks_off()
axes.set_xlabel("labels per class", fontsize=13)
axes.set_ylabel("test accuracy", fontsize=13)
axes.set_title("Few labels: 22 classes", fontsize=15)
axes.tick_params(labelsize=12)
axes.grid(alpha=0.3)
axes.legend(fontsize=13)
plt.show()

# %%
# The draws are the same for all methods, so their differences vary less than the
# accuracies:

for name in ("LSA", "tf-idf"):
    differences = scores["CBOW"] - scores[name]
    n_ahead = (differences > 0).sum()
    print(f"CBOW is ahead of {name} in {n_ahead} of {differences.size} draws,")
    row_means = differences.mean(axis=1)
    print(f"    by {row_means.min():.3f} to {row_means.max():.3f} on average")

# %%
# With 1 to 20 labels per class, CBOW is ahead of LSA by about .03 to .05 and of tf-idf
# by .04 to .12, and most with few labels. The texts are single lines. With many labels
# and long documents, tf-idf is ahead: :doc:`/guide/which_vectorizer` has measurements
# on five larger corpora.
