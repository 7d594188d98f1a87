"""Draw the tables that `labels.py` has printed: accuracy by labels per class, a picture for each corpus.

    python docs/benchmarks/labels_picture.py

reads the tables between ``<!-- labels -->`` and ``<!-- end of labels -->`` of the README.md beside it, and writes
``docs/_static/labels_20_newsgroups.png`` and so on. fastText is left out, as its line is almost that of Word2Vec.
"""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

HERE = Path(__file__).parent
PICTURES = HERE.parent / "_static"
STYLES = {
    "tf-idf": {"color": "black", "linestyle": "--"},
    "LSA": {"color": "tab:gray", "linestyle": ":"},
    "Doc2Vec": {"color": "tab:brown", "linestyle": ":"},
    "Word2Vec": {"color": "tab:purple", "linestyle": "-."},
    "WordLlama": {"color": "tab:pink", "linestyle": "--"},
    "MiniLM": {"color": "tab:red", "linestyle": "--"},
    "CBOWVectorizer": {"color": "tab:orange", "linewidth": 2.5},
    "CBOWVectorizer for documents": {"color": "tab:blue", "linewidth": 2.5},
    "tf-idf and CBOWVectorizer": {"color": "tab:green", "linewidth": 2.5},
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
        draw(title, labels, rows).savefig(picture, dpi=150, facecolor="white")


def row(line):
    name, *cells = (cell.strip() for cell in line.strip("|\n ").split("|"))
    return name, cells


def draw(title, labels, rows):
    figure, axes = plt.subplots(figsize=(6.4, 5.2), layout="constrained")
    positions = np.arange(len(labels))
    drawn = [name for name in STYLES if name in rows]
    for shift, name in zip(np.linspace(-0.16, 0.16, len(drawn)), drawn, strict=True):
        values = [list(map(float, re.findall(r"\d*\.\d+", cell))) for cell in rows[name]]
        mean, deviation = zip(*values, strict=True)
        axes.errorbar(
            positions + shift, mean, deviation, label=name, elinewidth=1, marker="o", markersize=4, **STYLES[name]
        )
    axes.set_title(title, fontsize=13)
    axes.set_xticks(positions, labels)
    axes.tick_params(labelsize=12)
    axes.set_xlabel("labels per class", fontsize=12)
    axes.set_ylabel("test accuracy", fontsize=12)
    axes.grid(alpha=0.3)
    figure.legend(fontsize=10, loc="outside lower center", ncols=3, frameon=False)
    return figure


if __name__ == "__main__":
    main()
