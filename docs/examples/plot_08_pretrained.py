"""
Pretrained vectors for a small corpus
=====================================

A hundred short texts are too few to learn words from. Do vectors that were trained on a
larger corpus help, and should they be used as they are, fine-tuned or frozen?
"""

# %%
# A large corpus and a small one
# ------------------------------
#
# The small corpus holds summary lines of docstrings, from each of the nine subpackages
# of scipy that have at least 40. The large corpus holds the docstrings of numpy, scipy,
# scikit-learn and keras, except those that the small one is drawn from.

import re
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedShuffleSplit, cross_val_score
from sklearn.preprocessing import Normalizer

from sk_cbow import CBOWVectorizer, word2vec_format
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
names, sizes = np.unique(subpackages, return_counts=True)
common = np.flatnonzero(np.isin(subpackages, names[sizes >= 40]))
of_scipy = common[np.char.startswith(subpackages[common], "scipy.")]
pool = few_of_each(of_scipy, subpackages, 36, seed=0)
large = [
    tokens(docstrings[row])
    for row in np.setdiff1d(np.arange(len(docstrings)), pool)
]
lines = {row: tokens(first_line(docstrings[row])) for row in pool}
print(f"large: {len(large)} documents, {sum(map(len, large))} tokens")
print(
    f"small: up to {len(lines)} lines, {sum(map(len, lines.values()))} tokens"
)

# %%
# Train, save and load
# --------------------
#
# The guide's parameters for documents, but with uniform weights, because the file has
# no counts, and with 10 epochs to save time. The file is in word2vec's format, which
# gensim and other tools read and write. Published vectors in this format, or in those
# of fastText or GloVe, are loaded the same way.

pretrained = CBOWVectorizer(document_context=1, epochs=10, random_state=0)
pretrained.fit(large)
path = Path(tempfile.mkdtemp()) / "vectors.txt.gz"
word2vec_format.save(pretrained, path)
loaded = word2vec_format.load(path)
print("vectors in the file:", len(loaded))
is_same = (loaded.vectors == pretrained.embeddings_).all()
print("the same numbers as before:", is_same)
is_known = [token in loaded for line in lines.values() for token in line]
print(f"tokens of the lines with a vector: {np.mean(is_known):.1%}")

# %%
# Four ways
# ---------
#
# - *from scratch*: vectors are trained on the small corpus only;
# - *as they are*: the loaded vectors are averaged;
# - *fine-tuned*: they are the initial vectors of training on the small corpus;
# - *frozen*: the same, but only words without a pretrained vector are trained.
#
# Training uses ``min_count=1`` and ``sample=0``, as the guide says for small corpora.
# As with the loaded vectors, all averages are uniform. The baseline is tf-idf on the
# small corpus.


def trained(small, seed, **parameters):
    vectorizer = CBOWVectorizer(
        document_context=1,
        min_count=1,
        sample=0,
        random_state=seed,
        **parameters,
    )
    return vectorizer.fit_transform(small)


def vectors(small, seed):
    yield "tf-idf", TfidfVectorizer(analyzer=list).fit_transform(small)
    yield "from scratch", trained(small, seed)
    yield "fine-tuned", trained(small, seed, init_vectors=loaded)
    frozen = trained(small, seed, init_vectors=loaded, freeze_init=True)
    yield "frozen", frozen
    yield "as they are", CBOWVectorizer.from_vectors(loaded).transform(small)


# %%
# The task is to predict the subpackage from five labelled lines of each; the other
# lines are the test set. For each seed, the accuracy is averaged over ten draws of
# labels; shown are mean and standard deviation over three seeds. A seed also draws the
# small corpus of 108 lines; the 324 lines are always the same.

accuracies = {}
for n_lines in [12, 36]:  # of each subpackage
    for seed in range(3):
        rows = few_of_each(pool, subpackages, n_lines, seed)
        small, labels = [lines[row] for row in rows], subpackages[rows]
        draws = StratifiedShuffleSplit(
            10, train_size=5 * len(set(labels)), random_state=seed
        )
        for name, X in vectors(small, seed):
            scores = cross_val_score(
                LogisticRegression(C=10, max_iter=1000),
                Normalizer().fit_transform(X),
                labels,
                cv=draws,
            )
            key = name, len(rows)
            accuracies.setdefault(key, []).append(scores.mean())

sizes = sorted({size for _, size in accuracies})
names = list(dict.fromkeys(name for name, _ in accuracies))
print(f"{'':14}" + "".join(f"{f'{size} lines':>16}" for size in sizes))
for name in names:
    cells = [
        f"{np.mean(accuracies[name, size]):.3f} ± "
        f"{np.std(accuracies[name, size]):.3f}"
        for size in sizes
    ]
    print(f"{name:14}" + "".join(f"{cell:>16}" for cell in cells))

# %%

figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
for size, marker in zip(sizes, "os", strict=True):
    axes.errorbar(
        [np.mean(accuracies[name, size]) for name in names],
        np.arange(len(names)) + (0.1 if size == sizes[0] else -0.1),
        xerr=[np.std(accuracies[name, size]) for name in names],
        fmt=marker,
        markersize=8,
        capsize=4,
        label=f"{size} lines",
    )
axes.set_yticks(range(len(names)), names, fontsize=12)
axes.set_xlabel("accuracy, five labels per class", fontsize=12)
axes.grid(alpha=0.3)
axes.legend(fontsize=11)
plt.show()

# %%
# In both sizes, pretrained vectors beat those that are trained on the lines only, which
# are about as good as tf-idf. Pretrained vectors are best as they are: fine-tuning on
# so little text makes them worse. Frozen vectors give the same accuracy. They are worth
# their training if the small corpus has important words of its own, or for an average
# that is weighted by idf.
#
# The condition is that both corpora are about the same things, as they are here.
# Vectors from another domain were not measured here; they may be worse than those of
# your own corpus. Compare the four ways.
