"""
Getting started
===============

This page takes a column of texts to a classifier, to the neighbours of a word and to a
search for documents. It is for readers who know scikit-learn's ``TfidfVectorizer`` and
need not know word2vec. The texts are docstrings of numpy, scipy and scikit-learn, which
are on your machine already: install pandas, download this file and run it.
"""

# %%
# Texts
# -----
#
# The docstrings of the functions and classes of twelve modules. The module is the
# label; the vectorizer does not need it.

import importlib
import inspect

import pandas as pd

MODULES = ["numpy.fft", "numpy.linalg", "numpy.random"]
MODULES += ["scipy.ndimage", "scipy.optimize", "scipy.signal"]
MODULES += ["scipy.sparse", "scipy.stats"]
MODULES += ["sklearn.cluster", "sklearn.linear_model"]
MODULES += ["sklearn.metrics", "sklearn.preprocessing"]

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
print(len(data), "texts")
data.head()

# %%
# Vectors
# -------
#
# ``analyzer="word"`` splits strings into words as ``CountVectorizer`` does. ``fit``
# learns a vector of 100 numbers for every word that occurs at least five times.
# ``transform`` returns the average of these vectors for each text; ``norm="l2"``
# centres the averages and scales them to unit length.

from sk_cbow import CBOWVectorizer

vectorizer = CBOWVectorizer(analyzer="word", norm="l2", random_state=0)
vectors = vectorizer.fit_transform(data["text"])
print("document vectors:", vectors.shape)
print("word vectors:", vectorizer.embeddings_.shape)
print("words read:", vectorizer.token_counts_.sum())

# %%
# Neighbours of words
# -------------------
#
# Words that occur in similar contexts have similar vectors.

for word in ["matrix", "cluster", "probability"]:
    neighbours = vectorizer.most_similar(word, topn=6)
    print(f"{word:>12}:", *[neighbour for neighbour, similarity in neighbours])

# %%
# Classification with all labels
# ------------------------------
#
# ``CBOWVectorizer`` goes into a pipeline as ``TfidfVectorizer`` does, and the whole
# pipeline into cross-validation or a grid search. With all labels, tf-idf is ahead: a
# few words of a docstring, such as the module's own name, give its module away.

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedShuffleSplit, cross_val_score
from sklearn.pipeline import make_pipeline

by_cbow = make_pipeline(vectorizer, LogisticRegression(C=10, max_iter=1000))
by_tfidf = make_pipeline(
    TfidfVectorizer(sublinear_tf=True), LogisticRegression(C=100, max_iter=1000)
)
print("accuracy, mean and standard deviation of three folds")
for name, pipeline in {"CBOW": by_cbow, "tf-idf": by_tfidf}.items():
    scores = cross_val_score(pipeline, data["text"], data["module"], cv=3)
    print(f"{name:>8}: {scores.mean():.3f} ± {scores.std():.3f}")

# %%
# Classification with few labels
# ------------------------------
#
# With 36 labelled texts, three per module on average, CBOW is ahead. Both vectorizers
# read all texts, without labels. The classifiers are trained on the labelled texts and
# tested on the others, in five random draws.

few = StratifiedShuffleSplit(5, train_size=3 * len(MODULES), random_state=0)
features = {
    "CBOW": vectors,
    "tf-idf": by_tfidf[:-1].fit_transform(data["text"]),
}
classifiers = {"CBOW": by_cbow[-1], "tf-idf": by_tfidf[-1]}
print("accuracy, mean and standard deviation of five draws")
for name, classifier in classifiers.items():
    scores = cross_val_score(classifier, features[name], data["module"], cv=few)
    print(f"{name:>8}: {scores.mean():.3f} ± {scores.std():.3f}")

# %%
# A search
# --------
#
# A query becomes a vector as any document does. The nearest documents are about the
# same topic, even if they do not contain the words of the query.

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
# The last query shows a limit. The docstring of ``numpy.random.normal`` contains "bell
# curve", but "bell" occurs too rarely to have a vector and is ignored. The rest of the
# query finds the topic, random numbers.

print('"bell" has a vector:', "bell" in vectorizer.vocabulary_)

# %%
# Save and load
# -------------
#
# A fitted vectorizer consists of arrays, a dict and numbers. Loading it and
# transforming do not import TensorFlow.

import pickle
import tempfile
from pathlib import Path

path = Path(tempfile.mkdtemp()) / "vectorizer.pickle"
path.write_bytes(pickle.dumps(vectorizer))
loaded = pickle.loads(path.read_bytes())
print("same vectors:", (loaded.transform(data["text"]) == vectors).all())
print(f"{path.stat().st_size / 1e6:.1f} MB")
# sphinx_gallery_thumbnail_path = "_static/overview_map.png"

# %%
# In short: fit on all texts that you have, labelled or not. Use the vectors where there
# are few labels or neighbours are wanted; where labels are many, compare with tf-idf.
# :doc:`/guide/hyperparameters` says which parameters to try first, and
# :doc:`/gallery/plot_02_search` compares searches.
