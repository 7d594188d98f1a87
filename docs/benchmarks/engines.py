"""Lists of tokens in, vectors out: sk_cbow and the compared libraries, each with its best usual options.

A specification selects an engine and its options: ``name:option=value,option=value``. Options have the names of the
library itself, except `vector_size`, `window`, `min_count`, `negative`, `epochs` and `seed`, which are common to all.

============ =====================================================================================================
``sk_cbow``  `CBOWVectorizer`. ``offset=0`` trains without the offset log(negative).
``gensim``   `Word2Vec`, continuous bag of words unless ``sg=1``. A document is the average of its words' vectors,
             ``weighting=idf`` as for `CBOWVectorizer`.
``fasttext`` CBOW without subwords unless options say otherwise. Averages as for gensim.
``doc2vec``  gensim's `Doc2Vec`, PV-DBOW unless ``dm=1``. `infer_vector` makes the vectors of all documents.
``tfidf``    scikit-learn's `TfidfVectorizer`, with logarithms of counts (``sublinear_tf``).
``lsa``      the same, and `TruncatedSVD` with `vector_size` components.
``union``    ``tfidf`` beside vectors of `CBOWVectorizer`, centred on the mean of the training documents and scaled to
             the length ``weight``. Other options are those of ``sk_cbow``.
============ =====================================================================================================
"""

import gzip
import json
import os
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

COMMON = {"vector_size": 100, "window": 5, "min_count": 5, "negative": 5, "epochs": 5, "seed": 0}
N_CORES = len(os.sched_getaffinity(0))


class Trained(NamedTuple):
    transform: Callable  # documents -> array or sparse matrix of shape (n_documents, n_features)
    seconds: dict  # of "fit", of "training" within it, and of what happens once in a process
    vocabulary: dict | None = None  # token -> row of `embeddings`, in decreasing order of frequency
    embeddings: np.ndarray | None = None
    epochs: int = 1


def train(specification, documents, **options):
    """Train an engine; options of the specification go before the common ones."""
    name, _, own = specification.partition(":")
    return ENGINES[name](documents, **COMMON | options | parsed_options(own))


def parsed_options(text):
    """Names and values of ``name=value,name=value``."""
    options = dict(option.split("=") for option in text.split(",") if option)
    return {name: parsed(value) for name, value in options.items()}


def parsed(value):
    try:
        return json.loads(value.lower())
    except json.JSONDecodeError:
        return value


def train_sk_cbow(documents, seed, offset=None, **options):
    seconds = {}
    start = time.perf_counter()
    from sk_cbow import CBOWVectorizer

    seconds["import"] = time.perf_counter() - start

    class TimedVectorizer(CBOWVectorizer):
        def _train(self, corpus, config, *arguments):
            return timed(super()._train, seconds, "training")(corpus, config._replace(offset=offset), *arguments)

    vectorizer = TimedVectorizer(random_state=seed, **options)
    clone(vectorizer).set_params(epochs=1).fit(documents)
    first_epoch = seconds["training"]
    timed(vectorizer.fit, seconds, "fit")(documents)
    seconds["compilation"] = first_epoch - seconds["training"] / vectorizer.n_iter_
    return Trained(vectorizer.transform, seconds, vectorizer.vocabulary_, vectorizer.embeddings_, vectorizer.n_iter_)


def train_gensim(documents, epochs, weighting="uniform", **options):
    from gensim.models import Word2Vec

    seconds = {}
    model = Word2Vec(**{"sg": 0, "workers": N_CORES} | options)
    start = time.perf_counter()
    model.build_vocab(documents)
    timed(model.train, seconds, "training")(documents, total_examples=model.corpus_count, epochs=epochs)
    seconds["fit"] = time.perf_counter() - start
    return Trained(
        averages(documents, weighting, model.wv.key_to_index, model.wv.vectors),
        seconds,
        model.wv.key_to_index,
        model.wv.vectors,
        epochs,
    )


def train_fasttext(documents, seed, weighting="uniform", **options):
    """fastText's Python interface takes no seed; with several threads, runs differ anyway."""
    import fasttext

    names = {"vector_size": "dim", "window": "ws", "min_count": "minCount", "negative": "neg", "epochs": "epoch"}
    options = {names.get(name, name): value for name, value in options.items()}

    seconds = {}
    with tempfile.NamedTemporaryFile("w") as file:
        file.writelines(" ".join(tokens) + "\n" for tokens in documents)
        file.flush()
        model = timed(fasttext.train_unsupervised, seconds, "training")(
            file.name,
            **{"model": "cbow", "maxn": 0, "thread": N_CORES, "verbose": 0} | options,
        )
    seconds["fit"] = seconds["training"]
    words = model.get_words()
    vocabulary = {word: row for row, word in enumerate(words)}
    vectors = np.stack([model.get_word_vector(word) for word in words])
    return Trained(averages(documents, weighting, vocabulary, vectors), seconds, vocabulary, vectors, options["epoch"])


def averages(documents, weighting, vocabulary, vectors):
    """A function that averages word vectors, by a sparse product."""
    weights = TfidfTransformer(norm="l1", use_idf=weighting == "idf")
    counts = make_pipeline(CountVectorizer(analyzer=list, vocabulary=vocabulary), weights).fit(documents)
    return lambda documents: counts.transform(documents) @ vectors


def train_doc2vec(documents, epochs, **options):
    from gensim.models.doc2vec import Doc2Vec, TaggedDocument

    seconds = {}
    start = time.perf_counter()
    tagged = [TaggedDocument(tokens, [number]) for number, tokens in enumerate(documents)]
    model = Doc2Vec(**{"dm": 0, "workers": N_CORES} | options, epochs=epochs)
    model.build_vocab(tagged)
    timed(model.train, seconds, "training")(tagged, total_examples=model.corpus_count, epochs=epochs)
    seconds["fit"] = time.perf_counter() - start
    return Trained(
        lambda documents: np.stack([model.infer_vector(tokens) for tokens in documents]), seconds, epochs=epochs
    )


def train_tfidf(documents, **_):
    return fitted(tfidf(), documents)


def train_lsa(documents, vector_size, seed, **_):
    return fitted(make_pipeline(tfidf(), TruncatedSVD(vector_size, random_state=seed)), documents)


def train_union(documents, seed, weight, **options):
    from sk_cbow import CBOWVectorizer

    vectorizer = CBOWVectorizer(random_state=seed, **options)
    clone(vectorizer).set_params(epochs=1).fit(documents)  # imports and compiles, which `fitted` shall not time
    cbow = make_pipeline(vectorizer, centred_to_unit_length())
    return fitted(FeatureUnion([("tfidf", tfidf()), ("cbow", cbow)], transformer_weights={"cbow": weight}), documents)


def tfidf():
    return TfidfVectorizer(analyzer=list, min_df=2, sublinear_tf=True)


def centred_to_unit_length():
    return make_pipeline(StandardScaler(with_std=False), Normalizer())


def fitted(model, documents):
    seconds = {}
    timed(model.fit, seconds, "fit")(documents)
    return Trained(model.transform, seconds | {"training": seconds["fit"]})


ENGINES = {
    "sk_cbow": train_sk_cbow,
    "gensim": train_gensim,
    "fasttext": train_fasttext,
    "doc2vec": train_doc2vec,
    "tfidf": train_tfidf,
    "lsa": train_lsa,
    "union": train_union,
}


def timed(function, seconds, name):
    def call(*arguments, **options):
        start = time.perf_counter()
        result = function(*arguments, **options)
        seconds[name] = time.perf_counter() - start
        return result

    return call


def transformed(trained, documents):
    """The vectors of documents, and the million words per second of making them."""
    seconds = {}
    vectors = timed(trained.transform, seconds, "transform")(documents)
    return vectors, sum(map(len, documents)) / seconds["transform"] / 1e6


def begin_peak():
    """Begin a new peak of resident memory, and return what this process holds now, in MB."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


def memory(field):
    """Resident memory of this process in MB, now (VmRSS) or at most (VmHWM)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{field}:")[1].split()[0]) * 1024 / 1e6


def lines(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8") as file:
        yield from file


def read(path):
    """The documents of a file, each a list of tokens, and their labels, None in a .txt file."""
    if ".tsv" not in path:
        return [line.split() for line in lines(path)], None
    labels, texts = zip(*(line.rstrip("\n").split("\t", 1) for line in lines(path)), strict=True)
    return [re.findall(r"(?u)\b\w\w+\b", text.lower()) for text in texts], np.array(labels)
