"""
Going on training when new text comes
=====================================

``partial_fit`` continues where earlier training ended. Words that have vectors keep
their rows and are trained further; words that are new, or were too rare so far, get
rows after them.
"""

# %%
# The documentation of four libraries arrives, one library after the other.

import matplotlib.pyplot as plt
import numpy as np

from docstrings import labelled_docstrings, tokens
from sk_cbow import CBOWVectorizer

docstrings, subpackages = labelled_docstrings()
libraries = np.array([name.split(".")[0] for name in subpackages])
arrivals = {
    library: [
        tokens(docstring)
        for docstring, of in zip(docstrings, libraries, strict=True)
        if of == library
    ]
    for library in ["numpy", "scipy", "sklearn", "keras"]
}

words = ["matrix", "estimator", "layer"]
vectorizer = CBOWVectorizer(random_state=0)
n_words, moved = [], []
for library, documents in arrivals.items():
    before = vectorizer.embeddings_.copy() if n_words else np.zeros((0, 100))
    vectorizer.partial_fit(documents)
    n_words.append(len(vectorizer.vocabulary_))
    unit = [
        table / np.linalg.norm(table, axis=1, keepdims=True)
        for table in (before, vectorizer.embeddings_[: len(before)])
    ]
    moved.append((unit[0] * unit[1]).sum(axis=1))
    print(
        f"after {library}: {n_words[-1]} words, {vectorizer.n_iter_} epochs in all"
    )
    for word in words:
        if word in vectorizer.vocabulary_:
            print(f"{word:>12}:", *dict(vectorizer.most_similar(word, topn=6)))
        else:
            print(f"{word:>12}: not known yet")

# %%
# How far does new text move the words that are known already? The cosine between a
# word's vectors before and after:

figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for library, cosines in list(zip(arrivals, moved, strict=True))[1:]:
    axes.hist(
        cosines,
        bins=60,
        range=(0, 1),
        histtype="step",
        linewidth=2,
        label=f"by {library}",
    )
axes.set(xlabel="cosine of a word's vectors before and after", ylabel="words")
axes.grid(alpha=0.3)
axes.legend(loc="upper left")
plt.show()

# %%
# Words that the new text does not use stay where they are, save for being drawn as
# noise. The others move: Adagrad's state goes on with them, and the more often a word
# was seen before, the smaller are its steps. Rows stay the same, so that what refers to
# them, such as a Keras model made by :mod:`sk_cbow.keras`, can be given the new
# vectors.
#
# Training goes on the same way in another process, from a pickle. To start from other
# vectors, such as those of a larger corpus, there is ``init_vectors``; to fit anew from
# one's own, ``warm_start=True``.
