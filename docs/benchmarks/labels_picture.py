"""Draw the tables that `labels.py` has printed: accuracy by labels per class, a picture for each corpus.

    python docs/benchmarks/labels_picture.py

reads the tables between ``<!-- labels -->`` and ``<!-- end of labels -->`` of the README.md beside it, and writes
``docs/_static/labels_20_newsgroups.png`` and so on. ``CBOWVectorizer for documents`` is drawn with the
learning rate that the guide recommends for the size of the corpus.
"""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

HERE = Path(__file__).parent
PICTURES = HERE.parent / "_static"
FOR_DOCUMENTS = "CBOWVectorizer for documents"
# The row that the guide recommends: .05 for a quarter of a million tokens, .1 for half a million, .25 for two million
RECOMMENDED = {"AG News": "the same, learning_rate=.05", "R8": "the same, learning_rate=.1"}
STYLES = {
    "tf-idf": {"color": "black", "linestyle": "--"},
    "LSA": {"color": "tab:gray", "linestyle": ":"},
    "Doc2Vec": {"color": "tab:brown", "linestyle": ":"},
    "fastText": {"color": "tab:green", "linestyle": "-."},
    "Word2Vec": {"color": "tab:purple", "linestyle": "-."},
    "CBOWVectorizer": {"color": "tab:orange", "linewidth": 2.5},
    FOR_DOCUMENTS: {"color": "tab:blue", "linewidth": 2.5},
}


def main():
    text = (HERE / "README.md").read_text()
    tables = text.split("<!-- labels -->")[1].split("<!-- end of labels -->")[0].split("\n### ")[1:]
    for table in tables:
        title, *lines = table.strip().splitlines()
        corpus = title.partition(",")[0]
        picture = PICTURES / f"labels_{corpus.lower().replace(' ', '_')}.png"
        rows = dict(row(line) for line in lines if line.startswith("|"))
        labels = rows.pop("method")
        rows[FOR_DOCUMENTS] = rows[RECOMMENDED.get(corpus, FOR_DOCUMENTS)]
        draw(title, labels, rows).savefig(picture, dpi=150, facecolor="white")


def row(line):
    name, *cells = (cell.strip() for cell in line.strip("|\n ").split("|"))
    return name, cells


def draw(title, labels, rows):
    figure, axes = plt.subplots(figsize=(5.2, 4.6), layout="constrained")
    positions = np.arange(len(labels))
    for shift, (name, style) in zip(np.linspace(-0.12, 0.12, len(STYLES)), STYLES.items(), strict=True):
        values = [list(map(float, re.findall(r"\d*\.\d+", cell))) for cell in rows[name]]
        mean, deviation = zip(*values, strict=True)
        axes.errorbar(positions + shift, mean, deviation, label=name, capsize=3, marker="o", markersize=4, **style)
    axes.set_title(title, fontsize=13)
    axes.set_xticks(positions, labels)
    axes.tick_params(labelsize=12)
    axes.set_xlabel("labels per class", fontsize=12)
    axes.set_ylabel("test accuracy", fontsize=12)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=10, loc="lower right")
    return figure


if __name__ == "__main__":
    main()
