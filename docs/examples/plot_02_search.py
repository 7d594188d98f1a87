"""
Search in documents
===================

Does a search with document vectors find the right document? Here the summary line of a
docstring is the query, and the rest of the docstring is the document to be found.
"""

# %%
# Queries and documents
# ---------------------
#
# The docstrings of scipy, each without its summary. Summaries of fewer than four words
# are left out, and so are repetitions of a summary.

import re

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.pipeline import make_pipeline

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


queries, documents, subpackages = [], [], []
seen = set()
for docstring, subpackage in zip(*load_docstrings(), strict=True):
    summary = first_line(docstring)
    query = tokens(summary)
    document = tokens(docstring.replace(summary, " ", 1))
    if (
        subpackage.startswith("scipy")
        and summary not in seen
        and len(query) >= 4
        and len(document) >= 30
    ):
        seen.add(summary)
        queries.append(query)
        documents.append(document)
        subpackages.append(subpackage)
subpackages = np.array(subpackages)
print(len(documents), "documents,", sum(map(len, documents)), "tokens")
print("a query:", *queries[500])

# %%
# Vectors
# -------
#
# The vectorizers are fitted on the documents only. CBOW has the guide's parameters for
# documents. LSA is tf-idf reduced to 100 dimensions. CBOW and LSA are fitted with three
# seeds each.


def cbow(seed):
    return CBOWVectorizer(
        document_context=1, weighting="idf", random_state=seed
    )


def tfidf():
    return TfidfVectorizer(analyzer=list, sublinear_tf=True)


def lsa(seed):
    return make_pipeline(tfidf(), TruncatedSVD(100, random_state=seed))


def similarities(vectorizer):
    """Cosine of every query (rows) and every document (columns)."""
    vectors = vectorizer.fit_transform(documents)
    return cosine_similarity(vectorizer.transform(queries), vectors)


by_tfidf = similarities(tfidf())
by_cbow = [similarities(cbow(seed)) for seed in range(3)]

# %%
# A hybrid search ranks by the average of two similarities. Cosines of word vectors are
# larger than those of tf-idf, so that CBOW counts for more in the plain average. In the
# second hybrid, each query's similarities are standardized first.


def standardized(similarity):
    centred = similarity - similarity.mean(axis=1, keepdims=True)
    return centred / centred.std(axis=1, keepdims=True)


searches = {
    "tf-idf": [by_tfidf],
    "LSA": [similarities(lsa(seed)) for seed in range(3)],
    "CBOW": by_cbow,
    "average": [(by_tfidf + cosines) / 2 for cosines in by_cbow],
    "standardized": [
        standardized(by_tfidf) + standardized(cosines) for cosines in by_cbow
    ],
}

# %%
# Which search finds the document?
# --------------------------------
#
# Three measures, as means over all queries:
#
# - *recall@10*: how often the right document is among the first ten;
# - *MRR*, mean reciprocal rank: the mean of 1 / rank of the right document;
# - *same topic*: the share of documents from the query's subpackage among the first ten
#   *other* documents.


def measures(similarity):
    right = similarity.diagonal()[:, None]
    ranks = 1 + (similarity > right).sum(axis=1)
    others = similarity.copy()
    np.fill_diagonal(others, -np.inf)
    first_ten = np.argsort(-others, axis=1)[:, :10]
    same_topic = subpackages[first_ten] == subpackages[:, None]
    return (ranks <= 10).mean(), (1 / ranks).mean(), same_topic.mean()


results = {
    name: np.array([measures(similarity) for similarity in by_seed])
    for name, by_seed in searches.items()
}
print(f"{'':14}{'recall@10':>14}{'MRR':>14}{'same topic':>14}")
for name, values in results.items():
    cells = [
        f"{mean:.3f} ± {std:.3f}"
        for mean, std in zip(values.mean(0), values.std(0), strict=True)
    ]
    print(f"{name:14}" + "".join(f"{cell:>14}" for cell in cells))
recall = results["tf-idf"][0, 0]
error = np.sqrt(recall * (1 - recall) / len(queries))
print(f"standard error of a recall over these queries: {error:.3f}")

# %%

figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
for name, values in results.items():
    recalls, _, topics = values.T
    axes.scatter(recalls, topics, s=60)
    axes.annotate(
        name,
        (recalls.mean(), topics.mean()),
        xytext=(0, -18),
        textcoords="offset points",
        ha="center",
        fontsize=12,
    )
axes.set_xlabel("recall@10: the document itself", fontsize=12)
axes.set_ylabel("same topic among ten others", fontsize=12)
axes.margins(0.2)
axes.grid(alpha=0.3)
plt.show()

# %%
# Few words in common
# -------------------
#
# The more words of the query the right document contains, the easier is the search.
# Recall@10 by this share of words, with the first seed:

shares = np.array(
    [
        np.mean([token in set(document) for token in query])
        for query, document in zip(queries, documents, strict=True)
    ]
)
groups = {
    "up to half": shares <= 0.5,
    "to 3/4": (shares > 0.5) & (shares <= 0.75),
    "over 3/4": shares > 0.75,
}
print(f"{'':14}" + "".join(f"{group:>12}" for group in groups))
sizes = [in_group.sum() for in_group in groups.values()]
print(f"{'queries':14}" + "".join(f"{size:12}" for size in sizes))
for name, (similarity, *_) in searches.items():
    ranks = 1 + (similarity > similarity.diagonal()[:, None]).sum(axis=1)
    row = [(ranks[in_group] <= 10).mean() for in_group in groups.values()]
    print(f"{name:14}" + "".join(f"{value:12.3f}" for value in row))

# %%
# Which method wins depends on the search. For one particular document, tf-idf finds it
# more often than CBOW, and CBOW more often than LSA, even if query and document share
# few words. For documents on the same topic, CBOW is ahead and tf-idf is last. The
# plain average of both similarities is a compromise that is close to CBOW for topics
# and loses little against tf-idf. The standardized average finds slightly more
# documents than tf-idf, but the difference is about one standard error. If a search
# already uses tf-idf, add CBOW to it rather than replace it.
