"""
Getting started
===============

From texts in a DataFrame to a classifier, to the neighbours of a word and to a search
for documents. The texts are docstrings of numpy, scipy and scikit-learn, which are on
your machine already: download this file and run it.
"""

# %%
# Texts
# -----
#
# What the functions and classes of twelve modules say of themselves; the module is the
# label. The vectorizer does not need it.

import importlib
import inspect

import pandas as pd

MODULES = [
    *["numpy.fft", "numpy.linalg", "numpy.random"],
    *[
        "scipy.ndimage",
        "scipy.optimize",
        "scipy.signal",
        "scipy.sparse",
        "scipy.stats",
    ],
    *["sklearn.cluster", "sklearn.linear_model", "sklearn.metrics"],
    "sklearn.preprocessing",
]

rows = []
for module in MODULES:
    for name, thing in inspect.getmembers(
        importlib.import_module(module), callable
    ):
        rows.append((name, inspect.getdoc(thing) or "", module))
data = pd.DataFrame(rows, columns=["name", "text", "module"])
data = data[data["text"].str.len() > 200].drop_duplicates(
    "text", ignore_index=True
)
print(data.shape)
data.head()

# %%
# Vectors
# -------
#
# ``analyzer="word"`` splits strings into words as ``CountVectorizer`` does. ``fit``
# learns a vector for every word that occurs at least five times, and ``transform``
# averages them. A corpus of this size needs more than the default of five epochs.

from sk_cbow import CBOWVectorizer

vectorizer = CBOWVectorizer(
    analyzer="word", epochs=20, learning_rate=0.1, random_state=0
)
vectors = vectorizer.fit_transform(data["text"])
print(vectors.shape, "of", vectorizer.token_counts_.sum(), "words")

# %%
# Neighbours of words
# -------------------

for word in ["matrix", "cluster", "probability"]:
    neighbours = vectorizer.most_similar(word, topn=6)
    print(f"{word:>12}:", *[neighbour for neighbour, similarity in neighbours])

# %%
# A pipeline
# ----------
#
# It goes into pipelines and searches like ``TfidfVectorizer``. With all labels, tf-idf
# is hard to beat: these docstrings name their module.

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedShuffleSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

averages = make_pipeline(
    vectorizer, StandardScaler(), LogisticRegression(C=0.1, max_iter=1000)
)
tfidf = make_pipeline(
    TfidfVectorizer(sublinear_tf=True), LogisticRegression(C=100, max_iter=1000)
)
for name, pipeline in {"averages": averages, "tf-idf": tfidf}.items():
    scores = cross_val_score(pipeline, data["text"], data["module"], cv=3)
    print(f"{name:>8}: {scores.mean():.3f}")

# %%
# With three labels per module, it is the other way round. Both vectorizers have read
# all texts, which need no labels; the classifiers see 36 of them, in twenty draws.

few = StratifiedShuffleSplit(20, train_size=3 * len(MODULES), random_state=0)
for name, (*steps, classifier) in {
    "averages": averages,
    "tf-idf": tfidf,
}.items():
    features = make_pipeline(*steps).fit_transform(data["text"])
    scores = cross_val_score(classifier, features, data["module"], cv=few)
    print(f"{name:>8}: {scores.mean():.3f} ± {scores.std():.3f}")

# %%
# A search
# --------
#
# A query becomes a vector like any document. The nearest documents share its topic, and
# need not share its words. An average of vectors knows the topic, such as random
# numbers, but not that a bell curve is the normal distribution.

from sklearn.metrics.pairwise import cosine_similarity

for query in [
    "eigenvalues of a symmetric matrix",
    "find the minimum of a function",
    "random numbers from a bell curve",
]:
    similarities = cosine_similarity(vectorizer.transform([query]), vectors)[0]
    print(f"{query}:")
    for row in similarities.argsort()[:-4:-1]:
        print(
            f"    {similarities[row]:.2f} {data['module'][row]}.{data['name'][row]}"
        )

# %%
# Save and load
# -------------
#
# A fitted vectorizer holds arrays, a dict and numbers. Where it is loaded, TensorFlow
# is not needed.

import pickle
import tempfile
from pathlib import Path

path = Path(tempfile.mkdtemp()) / "vectorizer.pickle"
path.write_bytes(pickle.dumps(vectorizer))
loaded = pickle.loads(path.read_bytes())
print(
    (loaded.transform(data["text"]) == vectors).all(),
    path.stat().st_size,
    "bytes",
)
