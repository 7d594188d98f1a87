"""Draw what the library does: documents, a map of their words, a map of the documents.

    python docs/examples/overview.py

writes three pictures, ``docs/_static/overview_*.png``, which are shown in a row, or
one above the other on a phone. Both maps are made without labels from the docstrings
of four libraries. The colours of the third are the subpackages that the
docstrings belong to, which `fit` did not know.
"""

import re
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, smacof
from sklearn.metrics import euclidean_distances
from sklearn.preprocessing import normalize

from sk_cbow import CBOWVectorizer
from sk_cbow.datasets import load_docstrings

FOLDER = Path(__file__).parent.parent / "_static"
SEEDS = ["matrix", "optimizer", "image", "fft", "cluster"]
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
    docstrings, subpackages = load_docstrings()
    documents = [tokens(docstring) for docstring in docstrings]
    vectorizer = CBOWVectorizer(epochs=10, weighting="idf", random_state=0)
    vectors = vectorizer.fit_transform(documents)
    lines = [
        first_line(docstrings[np.flatnonzero(subpackages == name)[5]])
        for name in SHOWN[:5]
    ]
    n_words = len(vectorizer.vocabulary_)
    for name, title, draw, *data in [
        ("documents", f"{len(documents)} documents", draw_lines, lines),
        ("words", f"fit: {n_words} word vectors", draw_words, vectorizer),
        ("map", "transform: documents", draw_map, vectors, subpackages),
    ]:
        # 360 pixels wide, as on a phone, an inch is a hundred pixels.
        figure, axes = plt.subplots(figsize=(3.6, 3.4), layout="constrained")
        draw(axes, *data)
        axes.set_axis_off()
        axes.set_title(title, fontsize=13, weight="bold")
        path = FOLDER / f"overview_{name}.png"
        figure.savefig(path, dpi=200, facecolor="white")


def draw_lines(axes, lines):
    for number, line in enumerate(lines):
        wrapped = textwrap.wrap(
            " ".join(line.split()), 32, max_lines=2, placeholder=" …"
        )
        box = {
            "boxstyle": "round,pad=0.5",
            "facecolor": "0.95",
            "edgecolor": "0.7",
        }
        text = "\n".join(wrapped)
        axes.text(0, -number, text, va="center", fontsize=11, bbox=box)
    axes.set(xlim=(-0.05, 1), ylim=(0.5 - len(lines), 0.5))


def draw_words(axes, vectorizer):
    words = {}
    for number, seed in enumerate(SEEDS):
        neighbours = vectorizer.most_similar(seed, topn=3)
        for token in [seed, *(token for token, _ in neighbours)]:
            words.setdefault(token, number)
    rows = [vectorizer.vocabulary_[token] for token in words]
    unit = normalize(vectorizer.embeddings_[rows])
    initial = PCA(2).fit_transform(unit)
    points, _ = smacof(euclidean_distances(unit), init=initial, n_init=1)
    axes.scatter(*points.T, s=0)
    axes.margins(0.18, 0.05)
    texts = [
        axes.text(
            *point,
            token,
            color=COLOURS[number],
            weight="bold" if token in SEEDS else "normal",
            ha="center",
            va="center",
            fontsize=11,
        )
        for token, point, number in zip(
            words, points, words.values(), strict=True
        )
    ]
    move_apart(axes, texts)


def move_apart(axes, texts):
    """Move words up or down until none lies on another."""
    axes.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in texts]
    points = axes.transData.transform([text.get_position() for text in texts])
    left, right = np.transpose([(box.x0, box.x1) for box in boxes])
    height = max(box.height for box in boxes)
    side_by_side = (left[:, None] >= right) | (right[:, None] <= left)
    y = points[:, 1]
    for _ in range(500):
        distance = y[:, None] - y
        overlap = np.maximum(height - np.abs(distance), 0)
        overlap[side_by_side | np.eye(len(y), dtype=bool)] = 0
        y += 0.2 * (overlap * np.sign(distance)).sum(axis=1)
    for text, point in zip(
        texts, axes.transData.inverted().transform(points), strict=True
    ):
        text.set_position(point)


def draw_map(axes, vectors, subpackages):
    rows = np.flatnonzero(np.isin(subpackages, SHOWN))
    maker = TSNE(metric="cosine", init="pca", random_state=0)
    points = maker.fit_transform(vectors[rows])
    for name, colour in zip(SHOWN, COLOURS, strict=False):
        of_name = points[subpackages[rows] == name]
        axes.scatter(*of_name.T, s=5, color=colour, alpha=0.6)
        axes.text(
            *np.median(of_name, axis=0),
            name.replace(".", ".\n"),
            color=colour,
            ha="center",
            va="center",
            weight="bold",
            fontsize=11,
            bbox={
                "facecolor": "white",
                "edgecolor": "none",
                "alpha": 0.75,
                "pad": 1,
            },
        )


def tokens(text):
    """Words of at least two letters, in lower case."""
    return re.findall(r"[a-z]\w+", text.lower())


def first_line(docstring):
    """Summary of a docstring; NumPy's compiled functions have a signature before it."""
    paragraphs = docstring.split("\n\n")
    has_signature = re.match(r"[\w.]+\(", docstring) and len(paragraphs) > 1
    return paragraphs[1] if has_signature else paragraphs[0]


if __name__ == "__main__":
    main()
