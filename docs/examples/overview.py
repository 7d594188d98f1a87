"""Draw what the library does: documents, a map of their words, a map of the documents.

    python docs/examples/overview.py

writes ``docs/_static/overview.png``. Both maps are made without labels from the
docstrings that docstrings.py gathers; the colours on the right are the subpackages that
the docstrings belong to, of which `fit` knew nothing.
"""

import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, smacof
from sklearn.metrics import euclidean_distances
from sklearn.preprocessing import normalize

from docstrings import first_line, labelled_docstrings, tokens
from sk_cbow import CBOWVectorizer

PICTURE = Path(__file__).parent.parent / "_static" / "overview.png"
SEEDS = ["matrix", "gaussian", "optimizer", "image", "fft", "tree"]
SHOWN = [
    "scipy.stats",
    "scipy.signal",
    "scipy.sparse",
    "scipy.special",
    "sklearn.linear_model",
    "keras.layers",
]
COLOURS = plt.get_cmap("Dark2").colors


def main():
    docstrings, subpackages = labelled_docstrings()
    documents = [tokens(docstring) for docstring in docstrings]
    vectorizer = CBOWVectorizer(epochs=10, weighting="idf", random_state=0)
    document_vectors = vectorizer.fit_transform(documents)

    figure, (left, middle, right) = plt.subplots(
        1,
        3,
        figsize=(13, 4.3),
        layout="constrained",
        width_ratios=[0.8, 1.1, 1],
    )
    figure.get_layout_engine().set(wspace=0.08)
    lines = [
        first_line(docstrings[np.flatnonzero(subpackages == name)[5]])
        for name in SHOWN
    ]
    draw_documents(left, lines)
    draw_words(middle, vectorizer)
    draw_map_of_documents(right, document_vectors, subpackages)
    for axes, title in [
        (left, f"{len(documents)} documents, no labels"),
        (middle, f"fit: vectors of {len(vectorizer.vocabulary_)} words"),
        (right, "transform: vectors of documents"),
    ]:
        axes.set_axis_off()
        axes.set_title(title, fontsize=13, weight="bold")
    figure.savefig(PICTURE, dpi=110, facecolor="white")


def draw_documents(axes, lines):
    for number, line in enumerate(lines):
        text = "\n".join(
            textwrap.wrap(
                " ".join(line.split()), 40, max_lines=2, placeholder=" …"
            )
        )
        box = {
            "boxstyle": "round,pad=0.5",
            "facecolor": "0.95",
            "edgecolor": "0.7",
        }
        axes.text(0, -number, text, va="center", fontsize=9.5, bbox=box)
    axes.set(xlim=(-0.03, 1), ylim=(0.6 - len(lines), 0.6))


def draw_words(axes, vectorizer):
    words = {}
    for number, seed in enumerate(SEEDS):
        for token in [
            seed,
            *(token for token, _ in vectorizer.most_similar(seed, topn=5)),
        ]:
            words.setdefault(token, number)
    rows = [vectorizer.vocabulary_[token] for token in words]
    unit = normalize(vectorizer.embeddings_[rows])
    start = PCA(2).fit_transform(unit)
    points, _ = smacof(euclidean_distances(unit), init=start, n_init=1)
    axes.scatter(*points.T, s=0)
    for token, point, number in zip(words, points, words.values(), strict=True):
        weight = "bold" if token in SEEDS else "normal"
        axes.text(
            *point,
            token,
            color=COLOURS[number],
            weight=weight,
            ha="center",
            va="center",
            fontsize=10,
        )


def draw_map_of_documents(axes, document_vectors, subpackages):
    rows = np.flatnonzero(np.isin(subpackages, SHOWN))
    points = TSNE(metric="cosine", init="pca", random_state=0).fit_transform(
        document_vectors[rows]
    )
    for name, colour in zip(SHOWN, COLOURS, strict=False):
        of_name = points[subpackages[rows] == name]
        axes.scatter(*of_name.T, s=7, color=colour, alpha=0.7)
        axes.text(
            *np.median(of_name, axis=0),
            name,
            color=colour,
            ha="center",
            weight="bold",
            fontsize=10,
            bbox={
                "facecolor": "white",
                "edgecolor": "none",
                "alpha": 0.75,
                "pad": 1,
            },
        )


if __name__ == "__main__":
    main()
