"""The scikit-learn estimator: documents -> document vectors."""

from __future__ import annotations

import os
import reprlib
from collections import ChainMap, OrderedDict, UserDict, defaultdict
from collections.abc import Callable, Iterable
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning

from sk_cbow._documents import token_lists, with_progress
from sk_cbow._files import quoted
from sk_cbow._fitted import (
    COUNTS,
    FITTED_ATTRIBUTES,
    WEIGHTS,
    InconsistentAttributesError,
    TrainingState,
    attributes_of_rows,
    attributes_of_state,
    attributes_of_vectors,
    check_packed,
    checked,
    combined_vectors,
    consistent,
    fitted_view,
    independent,
    next_state,
    pack_training_state,
    require,
    state_of,
    trained_tables,
    unpack_training_state,
    with_attributes,
)
from sk_cbow._forked import check_not_forked
from sk_cbow._likelihood import log_likelihood
from sk_cbow._pooling import Pooling, document_frequency
from sk_cbow._similarity import SearchIndex, most_similar
from sk_cbow._sklearn import HasMethods, Interval, Range, StrOptions, fit_context, plain
from sk_cbow._training.automatic import AUTOMATIC, resolve
from sk_cbow._training.checkpoint import check_checkpoint_path, remove_checkpoint
from sk_cbow._training.config import TrainingConfig
from sk_cbow._training.initial import as_mapping, given_rows
from sk_cbow._training.local import train_locally
from sk_cbow._version import MINOR_VERSION, __version__, minor_version
from sk_cbow._vocabulary import (
    encode_documents,
    pack_vocabulary,
    read_corpus,
    unpack_vocabulary,
)
from sk_cbow._warnings import warn
from sk_cbow._word_vectors import WordVectors

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import Self

    Token = str | int

# Minor versions whose pickles this version reads. If parameters or fitted attributes change, older ones are removed.
READABLE_VERSIONS = {"0.1", MINOR_VERSION}

LARGEST_INT = 2**31 - 1  # of int32
SMALLEST_FLOAT, LARGEST_FLOAT = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)
LARGEST_EXPONENT = 1000  # beyond it, all negative samples would be the same token, or an exponential would overflow

# Training has diverged if the loss of the last epoch is above this multiple of the loss of vectors of zeros. Fits of
# corpora end below once that loss, and fits of a few steps below four times. The first epoch does not serve for a
# comparison: a diverging loss is highest there, and falls with the learning rate.
DIVERGED = 5

# Not their subclasses, which may look up tokens in another way.
PLAIN_MAPPINGS = (dict, OrderedDict, defaultdict, UserDict, ChainMap)

TRAINING_PARAMETERS = [name for name in TrainingConfig._fields if name not in ("offset", "negatives_per_group")]


class BaseCBOWVectorizer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """What vectorizers have in common that train on one machine and on a cluster.

    A subclass has the parameters in its docstring and signature, and two methods: `_read` reads documents and returns a
    `sk_cbow._vocabulary.CorpusProtocol`, and `_train` trains on it.
    """

    _doc_link_module = "sk_cbow"
    _doc_link_template = "https://sk-cbow.readthedocs.io/en/stable/api/{estimator_module}.{estimator_name}.html"

    vocabulary_: dict[Any, int]
    embeddings_: NDArray[np.float32]
    context_embeddings_: NDArray[np.float32]
    target_embeddings_: NDArray[np.float32]
    token_counts_: NDArray[np.int64]
    token_weights_: NDArray[np.float32]
    idf_: NDArray[np.float32]
    components_: NDArray[np.float32]
    mean_: NDArray[np.float32]
    window_: int
    sample_: float
    epochs_: int
    learning_rate_: float
    loss_curve_: list[float]
    n_iter_: int

    _parameter_constraints: ClassVar[dict] = {
        "vector_size": [Range(Integral, 1, LARGEST_INT, closed="both")],
        "window": [Range(Integral, 1, LARGEST_INT, closed="both"), StrOptions({"auto"})],
        "document_context": [Range(Real, 0, 1, closed="both")],
        "min_count": [Range(Integral, 1, None, closed="left")],
        "max_vocab": [Range(Integral, 1, None, closed="left"), None],
        "sample": [Range(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "negative": [Range(Integral, 1, LARGEST_INT, closed="both")],
        "ns_exponent": [Range(Real, -LARGEST_EXPONENT, LARGEST_EXPONENT, closed="both")],
        "shared_embedding": ["boolean"],
        "epochs": [Range(Integral, 1, LARGEST_INT, closed="both"), StrOptions({"auto"})],
        "learning_rate": [Range(Real, SMALLEST_FLOAT, LARGEST_FLOAT, closed="both"), StrOptions({"auto"})],
        "batch_size": [Range(Integral, 1, LARGEST_INT, closed="both"), StrOptions({"auto"})],
        "weighting": [StrOptions({"uniform", "idf", "sif"})],
        "remove_components": [Range(Integral, 0, None, closed="left")],
        "norm": [StrOptions({"l2"}), None],
        "analyzer": [StrOptions({"word", "char", "char_wb"}), callable, None],
        "init_vectors": "no_validation",  # `as_mapping` checks it, with a more helpful error
        "freeze_init": ["boolean"],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
    }

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters of this vectorizer.

        Parameters
        ----------
        deep : bool, default=True
            Has no effect, because no parameter is an estimator.

        Returns
        -------
        params : dict
            Parameter name -> value. A dict of `init_vectors` is returned as a copy that is printed in one line:
            scikit-learn prints parameters in full, which takes minutes for a large dict of arrays.

        Examples
        --------
        >>> import numpy as np
        >>> from sk_cbow import CBOWVectorizer
        >>> CBOWVectorizer(8, init_vectors={"tea": np.zeros(8), "cup": np.ones(8)})
        CBOWVectorizer(init_vectors=<dict of 2 vectors>, vector_size=8)
        """
        params = super().get_params(deep)
        if type(params["init_vectors"]) in PLAIN_MAPPINGS:
            params["init_vectors"] = DictOfVectors(params["init_vectors"])
        return params

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Iterable[Any], y: object = None) -> Self:
        """Learn a vector for every token of the vocabulary.

        Parameters
        ----------
        X : iterable of documents
            A document is a sequence of tokens, which are strings or integers, or what `analyzer` takes. A missing value
            is a document without tokens. X is read once, so that it can be a generator; it can also be a Series, or a
            DataFrame of one column.
        y : None
            Ignored.

        Returns
        -------
        self : CBOWVectorizer
            The fitted vectorizer.

        Warns
        -----
        ConvergenceWarning
            If the loss of the last epoch is more than five times that of vectors of zeros: `learning_rate` is too
            large.
        UserWarning
            If an epoch had nothing to train on, a callback stopped training before the first block, or TensorFlow runs
            functions uncompiled.

        Raises
        ------
        TypeError
            If X is not an iterable of documents or has several columns, `analyzer` does not take a document, or a token
            is neither a string nor an integer; if `callbacks` contains something that is not a Keras callback, or
            `init_vectors` does not map tokens to vectors.
        ImportError
            If TensorFlow or Keras is not installed, or Keras does not run on TensorFlow.
        MemoryError
            If there is not enough memory for the tables or for a block; the message says how much training needs.
        OSError
            If X has more than a quarter of a billion tokens, so that they are kept in a temporary file, and the folder
            of temporary files does not have enough space; if `checkpoint` cannot be written.
        RuntimeError
            If it is called where TensorFlow cannot train: in a process forked after TensorFlow had been used, in the
            scope of a ``tf.distribute`` strategy and so on.
        ValueError
            If X has no documents, no token occurs `min_count` times, or no document has two tokens of the vocabulary;
            if training diverges because `learning_rate` is too large; if `remove_components` is not less than the
            number of dimensions that the document vectors span; if one of `init_vectors` does not have `vector_size`
            finite numbers; if ``freeze_init=True`` with ``shared_embedding=False``; if `vector_size` or
            `shared_embedding` has changed since the previous fit and ``warm_start=True``; if `checkpoint` is damaged,
            belongs to another fit, or cannot be a file.

        Examples
        --------
        >>> from sk_cbow import CBOWVectorizer
        >>> documents = [["tea", "milk", "cup"], ["car", "road", "wheel"]] * 50
        >>> vectorizer = CBOWVectorizer(vector_size=8)
        >>> vectorizer.fit(documents).embeddings_.shape
        (6, 8)
        >>> vectorizer.epochs_  # "auto" for a small corpus
        50
        """
        self._fit(X)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: Iterable[Any], y: object = None) -> NDArray[np.float32]:
        """Learn word vectors and return document vectors, reading the documents only once.

        Parameters
        ----------
        X : iterable of documents
            As in `fit`.
        y : None
            Ignored.

        Returns
        -------
        document_vectors : ndarray of shape (n_documents, vector_size), float32
            The same as ``fit(X).transform(X)``.

        Raises
        ------
        TypeError, MemoryError, OSError, RuntimeError, ValueError
            As in `fit`.

        Examples
        --------
        >>> from sk_cbow import CBOWVectorizer
        >>> documents = [["tea", "milk", "cup"], ["car", "road", "wheel"]] * 50
        >>> vectorizer = CBOWVectorizer(vector_size=8)
        >>> vectorizer.fit_transform(documents).shape
        (100, 8)
        """
        corpus, fitted = self._fit(X)
        return fitted._pooling.transform(corpus.chunks(), fitted.embeddings_)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Iterable[Any], y: object = None) -> Self:
        """Train incrementally with new documents; the first call is the same as `fit`.

        A token of these documents gets a vector if it occurs at least `min_count` times in all documents so far, up to
        `max_vocab` tokens. Tokens that have vectors keep their rows. Results are identical whether or not the
        vectorizer is pickled between calls.

        Parameters
        ----------
        X : iterable of documents
            As in `fit`. Training makes `epochs` passes over them.
        y : None
            Ignored.

        Returns
        -------
        self : CBOWVectorizer
            The vectorizer.

        Raises
        ------
        TypeError, ImportError, MemoryError, OSError, RuntimeError
            As in `fit`.
        ValueError
            As in `fit`, except that documents without known tokens are allowed after the first call. Also if the
            vectorizer was loaded from a file of vectors, which has no counts; if `vector_size` or `shared_embedding`
            has changed; or if `weighting` has been changed to "idf".

        Notes
        -----
        With ``weighting="idf"``, the document frequency of a new token assumes that each of its earlier occurrences was
        in another document. The mean and the removed components remain those of the first call. If `norm` changes, both
        are computed from the documents of this call; if only `remove_components` changes, the components are.

        For this method, a fitted vectorizer and its pickle contain the counts of tokens that `min_count` and
        `max_vocab` dropped, of 200,000 at most: when there are more, those of the 100,000 most frequent are kept, and
        among equals those of the latest; a forgotten token is counted anew. Five million tokens of Wikipedia, in 1000
        calls, have 108,000 dropped tokens, of which none is forgotten. With a tenth of these limits, 16% of the tokens
        that occur five times, .8% of the text, got no vector.

        Examples
        --------
        >>> from sk_cbow import CBOWVectorizer
        >>> vectorizer = CBOWVectorizer(vector_size=8)
        >>> vectorizer = vectorizer.partial_fit([["tea", "milk", "cup"]] * 50)
        >>> more = [["car", "road"], ["tea", "cup"]] * 50
        >>> list(vectorizer.partial_fit(more).vocabulary_)
        ['tea', 'milk', 'cup', 'car', 'road']
        """
        self._validate_params()  # scikit-learn skips this if the estimator is fitted
        self._fit(X, incremental=hasattr(self, "embeddings_"))
        return self

    def _fit(self, X, incremental=False):
        """Fit, and return the corpus with a view of the fitted vectorizer."""
        # A copy of the parameters, because other threads may set them; with Python's numbers, because NumPy's overflow.
        parameters = {name: plain(getattr(self, name)) for name in self._get_param_names()}
        corpus, fitted = with_attributes(type(self), vars(self) | parameters)._learn(X, incremental)
        others = {name: value for name, value in vars(self).copy().items() if name not in FITTED_ATTRIBUTES}
        self.__dict__ = others | fitted  # atomic: other threads see either the old attributes or the new ones
        return corpus, with_attributes(type(self), others | fitted)

    def _learn(self, X, incremental):
        """Read the documents, train, and return the corpus with the fitted attributes."""
        self._check_parameters()
        initial = state_of(self) if incremental or self.warm_start else TrainingState()  # vectors to start from
        previous = initial if incremental else TrainingState()  # counts, documents and losses to add to

        corpus = self._read(X, previous.vocabulary)
        frequency = self._document_frequency(corpus, previous)

        counts, n_documents = corpus.vocabulary.counts, previous.n_documents + corpus.n_documents
        config = resolve(self._config(), int(counts.sum()), n_documents, len(counts))
        row_inits = given_rows(
            corpus.vocabulary.rows,
            initial.vocabulary.rows,
            initial.tables,
            self.init_vectors,
            freeze=self.freeze_init,
            config=config,
        )
        rng = _generator(previous.rng_state if incremental else self.random_state)
        tables, losses = self._train(corpus, config, row_inits, rng)

        state = next_state(previous, corpus, tables, losses, rng, frequency)
        embeddings = combined_vectors(state.tables)
        _check_training(corpus, config, embeddings, [loss.mean for loss in losses])
        pooling = Pooling.fit(
            corpus,
            embeddings,
            self.weighting,
            self.remove_components,
            self.norm,
            frequency,
            state.n_documents,
            state.pooling,
        )
        return corpus, attributes_of_state(state, config, embeddings, pooling)

    def _config(self):
        return TrainingConfig(**{name: plain(getattr(self, name)) for name in TRAINING_PARAMETERS})

    def _check_parameters(self):
        if self.init_vectors is not None:
            self.init_vectors = as_mapping(self.init_vectors)  # self is a copy
        if self.remove_components >= self.vector_size:
            raise ValueError(
                f"remove_components={self.remove_components} removes all dimensions of vectors with vector_size="
                f"{self.vector_size}: lower it"
            )
        if self.freeze_init and not self.shared_embedding:
            raise ValueError(
                "freeze_init=True with shared_embedding=False: the vector of a token is a sum of two vectors, of which "
                "only one would be frozen; set shared_embedding=True or freeze_init=False"
            )

    def _read(self, X, previous):
        """Read documents; `previous` is the vocabulary to extend. Return a `CorpusProtocol`."""
        raise NotImplementedError

    def _train(self, corpus, config, row_inits, rng):
        """Train on what `_read` has returned. Return `Tables` and a list of `EpochLoss`."""
        raise NotImplementedError

    def _document_frequency(self, corpus, previous):
        """Return the document frequency of each token in all documents so far; None without idf."""
        if self.weighting != "idf":
            return None
        if previous.vocabulary.rows and previous.document_frequency is None:
            raise ValueError(
                "weighting='idf' needs the documents of all calls, but was not set in earlier ones: call fit instead"
            )
        known = np.empty(0, np.int64) if previous.document_frequency is None else previous.document_frequency
        return document_frequency(corpus, known, previous.vocabulary.dropped_counts, previous.n_documents)

    def transform(self, X: Iterable[Any]) -> NDArray[np.float32]:
        """Average the vectors of each document's known tokens; with a `norm`, centre and scale the averages.

        The vector of a document depends only on the counts of its tokens.

        Parameters
        ----------
        X : iterable of documents
            As in `fit`. Only some documents at a time are held in memory.

        Returns
        -------
        document_vectors : ndarray of shape (n_documents, vector_size), float32
            A document without known tokens has the zero vector.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        TypeError
            As in `fit`.
        ValueError
            If fitted attributes were changed and do not belong together any more.

        Warns
        -----
        UserWarning
            If the documents have 20 tokens or more, and none of them is known.

        Examples
        --------
        >>> from sk_cbow import CBOWVectorizer
        >>> documents = [["tea", "milk", "cup"], ["car", "road", "wheel"]] * 50
        >>> vectorizer = CBOWVectorizer(vector_size=8).fit(documents)
        >>> tea, road, plane = vectorizer.transform(
        ...     [["milk", "tea"], ["road", "bus"], ["plane"]]
        ... )
        >>> row = vectorizer.vocabulary_["road"]  # the only known token
        >>> bool((road == vectorizer.embeddings_[row]).all())
        True
        >>> bool(plane.any())
        False
        """
        fitted = fitted_view(self)
        chunks = encode_documents(token_lists(X, fitted.analyzer), fitted.vocabulary_)
        return fitted._pooling.transform(chunks, fitted.embeddings_)

    def score(self, X: Iterable[Any], y: object = None) -> float:
        """Mean log-likelihood of the tokens of documents under negative sampling, to choose parameters without labels.

        For a target with logit z and negative samples with logits z', it is log sigmoid(z) + k E[log sigmoid(-z')] with
        k = `negative` [1]_. What training samples is replaced with its expectation: the context vector is averaged
        over all sizes of the window, and over all other words of the document. So nothing is random. Frequent tokens
        are not subsampled, and unknown tokens are dropped.

        Use it to compare `epochs`, `learning_rate` and `vector_size` on held-out documents. On long documents, it
        chooses well: of 7 to 10 combinations of the first two, the one with the best score had an accuracy of .463 on
        20 Newsgroups, .953 on R8 and .474 on Ohsumed (1000 training documents each), where the best had .463, .955 and
        .474, and 5 epochs at .25 .414, .943 and .440. It is no guide for short texts with few labels: on 1000 texts of
        AG News with five labels per class, it chose .633, where the best was .696 and 5 epochs at .25 .652.

        Do not use it to compare `document_context`, `window`, `negative`, `ns_exponent`, `sample`, `min_count`,
        `max_vocab` or `analyzer`, which change what is predicted: on 20 Newsgroups, ``document_context`` .8 and 1 had
        scores of -2.47 and -2.55, but accuracies of .444 and .468. It does not depend on `weighting`,
        `remove_components` and `norm`.

        Parameters
        ----------
        X : iterable of documents
            As in `transform`. Documents of the training set have higher scores than others.
        y : None
            Ignored.

        Returns
        -------
        score : float
            Per target, at most 0; higher is better. Vectors of zeros have -log(1 + k) - k log(1 + 1/k), up to negative
            samples that equal the target: about -2.7 by default. Minus infinity if training has diverged so far that
            dot products overflow.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        TypeError
            As in `fit`.
        ValueError
            If no document has two tokens of the vocabulary; if the vectorizer was made by `from_vectors` or
            `with_vectors`; if fitted attributes were changed and do not belong together any more.

        Notes
        -----
        The window is `window_`; `document_context`, `negative` and `ns_exponent` are the parameters at the time of the
        call. In a vocabulary of more than 256 tokens, the expectation over negative samples is approximate,
        with an error below .001 on five corpora. Documents are cut every 262,144 tokens.

        References
        ----------
        .. [1] Tomas Mikolov, Ilya Sutskever, Kai Chen, Greg Corrado and Jeffrey Dean (2013). Distributed
           representations of words and phrases and their compositionality. NeurIPS.

        Examples
        --------
        >>> from sk_cbow import CBOWVectorizer
        >>> from sklearn.model_selection import GridSearchCV
        >>> documents = [["tea", "milk", "cup"], ["car", "road", "wheel"]] * 50
        >>> vectorizer = CBOWVectorizer(vector_size=8, random_state=0)
        >>> search = GridSearchCV(vectorizer, {"epochs": [1, 5]}).fit(documents)
        >>> search.best_params_
        {'epochs': 5}
        """
        fitted = fitted_view(self)
        if not hasattr(fitted, "_training_state"):
            raise ValueError(
                "this vectorizer was made of word vectors, without the counts and tables of training, so it has no "
                "likelihood: fit a CBOWVectorizer, with init_vectors=vectorizer.word_vectors() to start from them"
            )
        total, n_targets = fitted._log_likelihood(X)
        if not n_targets:
            raise ValueError(
                "no document of X has two tokens of the vocabulary, so none has a context: pass longer documents, or "
                "fit with a lower min_count or more documents"
            )
        return total / n_targets

    def _log_likelihood(self, X):
        """Return the sum over the targets of documents, and their number."""
        chunks = encode_documents(token_lists(X, self.analyzer), self.vocabulary_)
        config = self._config()._replace(window=getattr(self, "window_", self.window))
        return log_likelihood(chunks, trained_tables(self), self.token_counts_, config)

    def most_similar(
        self,
        positive: Any,
        negative: Any = (),
        topn: int = 10,
        *,
        candidates: Iterable[Token] | None = None,
        exclude: Iterable[Any] = (),
    ) -> list[Any]:
        """Find the tokens whose vectors have the highest cosine similarity to a query, or to each of several queries.

        The query is the mean of the unit vectors of `positive` and the negated unit vectors of `negative`, as in "king"
        + "woman" - "man", which is near "queen" [1]_.

        Parameters
        ----------
        positive, negative : token or vector, or list of these
            The vector of a token is scaled to unit length. A vector, a NumPy array of `vector_size` floats, is not
            scaled. If `positive` is a list of lists, or an array of shape (n_queries, vector_size) such as the vectors
            of documents, each of its elements is a query of its own; `negative` is then one list for all queries, or a
            list with a list for each.
        topn : int, default=10
            Number of tokens to return for a query.
        candidates : iterable of tokens or None, default=None
            The only tokens that may be returned, such as those of one category; None means all.
        exclude : iterable of tokens, or list with a list of tokens for each query, default=()
            Tokens that are not returned, such as what a customer already has.

        Returns
        -------
        neighbours : list of (token, similarity), or a list of these lists
            In decreasing order of cosine similarity, -1..1; without the tokens of the query. With several queries, one
            list for each.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        KeyError
            If a token is not in the vocabulary.
        TypeError
            If `positive` or `negative` is neither a token, a vector nor a list of these, `candidates` or `exclude`
            contains something else than tokens, or `topn` is not an integer.
        ValueError
            If a query is empty or zero, a vector has the wrong length or is not finite, `topn` is negative, or a list
            for each query has another length than `positive`.

        Notes
        -----
        Tokens of `candidates` and `exclude` that are not in the vocabulary are ignored. The first call after a fit
        computes the lengths of all vectors, which later ones use: replace `embeddings_` by `with_vectors` rather than
        changing it in place. Similarities are computed in single precision; those of several queries in one call can
        differ from those of the same queries one by one in the last digit, because the sums are in another order.

        References
        ----------
        .. [1] Tomas Mikolov, Wen-tau Yih and Geoffrey Zweig (2013). Linguistic regularities in continuous space word
           representations. NAACL.

        Examples
        --------
        >>> from sk_cbow import CBOWVectorizer
        >>> documents = [["tea", "milk", "cup"], ["car", "road", "wheel"]] * 50
        >>> vectorizer = CBOWVectorizer(vector_size=8, random_state=0)
        >>> neighbours = vectorizer.fit(documents).most_similar("tea", topn=2)
        >>> sorted(token for token, similarity in neighbours)
        ['cup', 'milk']

        One more item for each of two sessions:

        >>> sessions = [["tea", "milk"], ["road"]]
        >>> queries = vectorizer.transform(sessions)
        >>> more = vectorizer.most_similar(queries, topn=1, exclude=sessions)
        >>> len(more), more[0][0][0]
        (2, 'cup')
        """
        attributes = vars(self)  # of one fit, because `fit` replaces them at once
        index, vectors = attributes.get("_search_index"), attributes.get("embeddings_")
        if index is None or not index.is_of(attributes.get("vocabulary_"), vectors):
            fitted = fitted_view(self)
            vectors = fitted.embeddings_
            index = self._search_index = SearchIndex(fitted.vocabulary_, vectors)
        return most_similar(index, vectors, positive, negative, topn, candidates, exclude)

    def word_vectors(self) -> WordVectors:
        """Return the word vectors as a read-only mapping, which is no estimator.

        It can be `init_vectors` of another vectorizer, whereas scikit-learn would clone, and so unfit, a vectorizer.

        Returns
        -------
        word_vectors : WordVectors
            Token -> vector, in the order of `vocabulary_`. It shares the memory of `embeddings_`.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.

        Examples
        --------
        >>> from sk_cbow import CBOWVectorizer
        >>> documents = [["tea", "milk", "cup"], ["car", "road", "wheel"]] * 50
        >>> vectorizer = CBOWVectorizer(vector_size=8).fit(documents)
        >>> vectorizer.word_vectors()
        WordVectors(n_tokens=6, vector_size=8)
        """
        fitted = fitted_view(self)
        return WordVectors(fitted.vocabulary_, fitted.embeddings_)

    @classmethod
    def from_vectors(cls, word_vectors: WordVectors, **parameters: Any) -> Self:
        """Make a fitted vectorizer of word vectors, to use them without training.

        In a pipeline that is cloned, as in cross-validation, wrap it in `sklearn.frozen.FrozenEstimator`; a clone of
        the vectorizer itself is not fitted.

        Parameters
        ----------
        word_vectors : WordVectors
            Their number and length become those of `embeddings_`. All tokens have weight 1. There are no documents
            whose mean could be subtracted: with ``norm="l2"``, `mean_` is zero, and averages are only scaled.
        **parameters
            Parameters of the vectorizer, such as `analyzer`.

        Returns
        -------
        vectorizer : CBOWVectorizer
            Fitted. It has no counts of tokens, and so no `partial_fit`.

        Raises
        ------
        TypeError
            If `word_vectors` is not a `WordVectors`.
        ValueError
            If a parameter is invalid, or `vector_size` is not the length of the vectors.

        Examples
        --------
        >>> from sk_cbow import CBOWVectorizer, WordVectors
        >>> word_vectors = WordVectors(["tea", "milk"], [[1, 0, 0], [0, 1, 0]])
        >>> vectorizer = CBOWVectorizer.from_vectors(word_vectors, analyzer="word")
        >>> vectorizer.transform(["Tea and milk"])
        array([[0.5, 0.5, 0. ]], dtype=float32)
        """
        if not isinstance(word_vectors, WordVectors):
            raise TypeError(
                f"word_vectors is the {type(word_vectors).__name__} {reprlib.repr(word_vectors)}: pass "
                "WordVectors(tokens, vectors), or what sk_cbow.word2vec_format.load returns"
            )
        vectorizer = cls(**{"vector_size": word_vectors.vectors.shape[1]} | parameters)
        if vectorizer.vector_size != word_vectors.vectors.shape[1]:
            raise ValueError(
                f"vector_size={vectorizer.vector_size}, but the vectors have {word_vectors.vectors.shape[1]} numbers: "
                "leave vector_size out"
            )
        vectorizer._validate_params()
        vectorizer.__dict__.update(attributes_of_vectors(word_vectors, has_mean=vectorizer.norm is not None))
        return vectorizer

    def with_vectors(self, vectors: ArrayLike) -> Self:
        """Return a vectorizer with other vectors for the same tokens, such as vectors reduced by PCA.

        Parameters
        ----------
        vectors : array-like of shape (n_tokens, new_vector_size)
            In the order of `vocabulary_`; finite numbers.

        Returns
        -------
        vectorizer : CBOWVectorizer
            Fitted, with the same weights and counts of tokens. It removes no components, because these belong to the
            old vectors, as does the mean: if there is a `mean_`, it becomes zero, as in `from_vectors`. The result has
            no `partial_fit`. This vectorizer stays as it is.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If `vectors` does not have one row of finite numbers for each token.

        Examples
        --------
        >>> from sk_cbow import CBOWVectorizer
        >>> from sklearn.decomposition import PCA
        >>> documents = [["tea", "milk", "cup"], ["car", "road", "wheel"]] * 50
        >>> vectorizer = CBOWVectorizer(vector_size=8).fit(documents)
        >>> reduced = PCA(2).fit_transform(vectorizer.embeddings_)
        >>> vectorizer.with_vectors(reduced).transform(documents).shape
        (100, 2)
        """
        fitted = fitted_view(self)
        attributes = vars(fitted)
        weights_and_counts = {name: attributes[name] for name in WEIGHTS | COUNTS if name in attributes}
        word_vectors = WordVectors(fitted.vocabulary_, vectors)
        replaced = attributes_of_vectors(word_vectors, has_mean="mean_" in attributes) | weights_and_counts
        others = {name: value for name, value in attributes.items() if name not in FITTED_ATTRIBUTES}
        changed = others | replaced | {"vector_size": replaced["embeddings_"].shape[1]}
        return with_attributes(type(self), independent(changed))

    def drop(self, tokens: Token | Iterable[Token]) -> Self:
        """Return a vectorizer without some tokens, such as stop words or discontinued items.

        Parameters
        ----------
        tokens : token or iterable of tokens
            Tokens of `vocabulary_`.

        Returns
        -------
        vectorizer : CBOWVectorizer
            Fitted; the vectors and weights of the other tokens, the mean and the components are the same. In
            `partial_fit`, a dropped token is a new one. This vectorizer stays as it is.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        KeyError
            If a token is not in the vocabulary.
        ValueError
            If no token would be left.

        Examples
        --------
        >>> from sk_cbow import CBOWVectorizer
        >>> documents = [["tea", "milk", "cup"], ["car", "road", "wheel"]] * 50
        >>> vectorizer = CBOWVectorizer(vector_size=8).fit(documents)
        >>> list(vectorizer.drop(["cup", "wheel"]).vocabulary_)
        ['tea', 'milk', 'car', 'road']
        """
        fitted = fitted_view(self)
        is_kept = np.ones(len(fitted.vocabulary_), bool)
        for token in [tokens] if isinstance(tokens, (str, int, Integral)) else tokens:
            if token not in fitted.vocabulary_:
                raise KeyError(f"the token {quoted(token)} is not in the vocabulary: leave it out")
            is_kept[fitted.vocabulary_[token]] = False
        if not is_kept.any():
            raise ValueError(f"tokens are all {len(is_kept)} of the vocabulary: keep at least one")
        return with_attributes(type(self), independent(attributes_of_rows(vars(fitted), np.flatnonzero(is_kept))))

    @property
    def _pooling(self):
        return Pooling(self.token_weights_, self.components_, getattr(self, "mean_", None))

    @property
    def _n_features_out(self):
        return self._pooling.width

    def __getstate__(self):
        with consistent():
            state = checked(super().__getstate__())
        state.pop("_search_index", None)
        if type(state.get("init_vectors")) is DictOfVectors:  # of a clone
            state["init_vectors"] = dict(state["init_vectors"])
        return pack_vocabulary(pack_training_state(state)) | {"_sk_cbow_version": __version__}

    def __setstate__(self, state):
        state = dict(state) if isinstance(state, dict) else {}
        version = state.pop("_sk_cbow_version", None)
        if minor_version(str(version)) not in READABLE_VERSIONS:
            raise ValueError(
                f"this {type(self).__name__} was saved by sk_cbow {version or 'before 0.1'}, which sk_cbow "
                f"{__version__} cannot read: load it with the version that saved it, or fit again"
            )
        try:
            if (packed := state.pop("_packed_vocabulary", None)) is not None:
                check_packed("vocabulary_", packed)
                state["vocabulary_"] = unpack_vocabulary(packed)
            state = checked(unpack_training_state(state))
            missing = set(self._get_param_names()) - state.keys()
            require(not missing, f"{', '.join(sorted(missing))} is missing")
            ours = [cls for cls in type(self).__mro__ if cls.__module__.partition(".")[0] == "sk_cbow"]
            for name in state:
                is_ours = hasattr(BaseCBOWVectorizer, name) or any(name in vars(cls) for cls in ours)
                require(not is_ours, f"{name} is not an attribute of an instance")
        except InconsistentAttributesError as error:
            raise ValueError(
                f"the saved {type(self).__name__} is damaged, {error}: restore the file, or fit again"
            ) from None
        super().__setstate__(state)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = []
        return tags


class CBOWVectorizer(BaseCBOWVectorizer):
    """Convert documents to averages of word vectors learned from the documents (word2vec, CBOW).

    `fit` trains a continuous bag of words [1]_ with negative sampling [2]_: given the average vector of a word's
    context, it learns to distinguish the word (the target) from negative samples. It needs no labels. Context, target
    and negative samples share the weights of one Keras ``Embedding`` layer. `transform` returns the average vector of
    the known tokens of each document, with ``norm="l2"`` centred and scaled.

    The loss subtracts log(`negative`) from each dot product, motivated by [3]_. The optimizer is Adagrad [4]_ with one
    accumulator per row, as in [8]_. The gradient of the averaged context includes the factor 1/n, which word2vec.c and
    gensim omit.

    Parameters
    ----------
    vector_size : int, default=100
        Length of a word vector, and so of a document vector.

    window : int or "auto", default="auto"
        Maximum number of context words on each side of a target. The number in use is drawn uniformly from 1..window.
        "auto" is 5, or 20 with ``document_context=1``.

    document_context : float, default=0.8
        Weight of the document in a target's context, 0..1. The context is the weighted average of the mean vector of
        the window and the mean vector of a random sample of the document's other words [6]_. With 0, it is the window
        alone, as in word2vec. With 1, word order is ignored: the words of each document are shuffled in every epoch,
        and the window is the sample, so that a larger `window` samples more words [7]_. Long documents are cut: the
        samples of a target come from the same 64 tokens, or with 1 from the same `batch_size` tokens.

    min_count : int, default=5
        Tokens that occur fewer times in the corpus are dropped.

    max_vocab : int or None, default=None
        Maximum size of the vocabulary; the most frequent tokens are kept. None means no limit.

    sample : float or "auto", default="auto"
        Subsampling threshold for frequent tokens. In each epoch, an occurrence of a token with relative frequency f is
        kept with probability min(1, sqrt(sample / f) + sample / f). 0 keeps every occurrence. "auto" is 1e-3, or 3 /
        n_tokens for a vocabulary of fewer than 3000 tokens, most of which would otherwise be frequent.

    negative : int, default=5
        Number of negative samples per target, used as a weight: each target has 12 negative samples with weight
        `negative` / 12, which it shares with other targets. A negative sample that equals the target is dropped.

    ns_exponent : float, default=0.75
        Negative samples are drawn with probability proportional to count ** ns_exponent: 1 is proportional to
        frequency, 0 is uniform, and negative values favour rare tokens.

    shared_embedding : bool, default=True
        Whether context, target and negative samples share one table of vectors. If False, targets and negative samples
        have a second table, and `embeddings_` is the sum of both.

    epochs : int or "auto", default="auto"
        Number of passes over the documents in each call of `fit` or `partial_fit`. "auto" is 20 for a corpus of 125,000
        to two million tokens; fewer for a larger one, in inverse proportion, down to 5 from eight million; and more for
        a smaller one, up to 50 for 50,000 tokens or fewer.

    learning_rate : float or "auto", default="auto"
        Initial learning rate of row-wise Adagrad. It decreases linearly to zero over a call of `fit` or `partial_fit`.
        "auto" is .25, or less for a small corpus of short documents: at most max(.35, L / 80, N / 2,000,000) /
        sqrt(`epochs`), if it has N known tokens, L per document.

    batch_size : int or "auto", default="auto"
        Number of tokens in a block, the unit of one training step. It is rounded up to a multiple of 64, or of a
        larger number if `window` is above 5. "auto" is about 1/256 of the corpus, within 256 to 8192 tokens, and beyond
        12 million tokens about 1/1024, up to 32768: small corpora need many small steps, and large blocks are
        distributed over more cores.

    weighting : {"uniform", "idf", "sif"}, default="uniform"
        Weight of each occurrence of a token in the average, which is the sum of weighted vectors divided by the sum of
        weights. "idf" is ln((1 + n) / (1 + df)) + 1 for a token that occurs in df of the n training documents, as in
        scikit-learn's `TfidfVectorizer`. "sif" is smooth inverse frequency [5]_, a / (a + p) with a = 1e-3 for a token
        with relative frequency p among the known tokens of the training documents; the paper divides by the number of
        tokens instead, which gives the same directions before components are removed. Both favour rare tokens. `fit`
        computes the weights: a change takes effect at the next `fit` or `partial_fit`.

    remove_components : int, default=0
        Number of components to remove from every document vector: the first singular vectors of the vectors of the
        training documents [5]_, which represent what most documents have in common. The vectors are uncentred, and
        with ``norm="l2"`` centred. This can improve cosine similarities, but can make a classifier worse. Must be less
        than `vector_size`. A change takes effect at the next `fit` or `partial_fit`.

    norm : {"l2"} or None, default=None
        None: a document vector is the plain average, less the removed components. "l2": the mean of the training
        documents' averages is subtracted first, and what is left is scaled to unit Euclidean length, which suits
        linear models, nearest neighbours and k-means. A document without known tokens has the zero vector all the
        same, and so has one whose vector is the mean. [9]_ subtracts a mean from word vectors, which is the same for
        averages. A change takes effect at the next `fit` or `partial_fit`.

    analyzer : {"word", "char", "char_wb"}, callable or None, default=None
        None: a document is a sequence of tokens. A name: a document is a string, split into words or single characters
        as by `sklearn.feature_extraction.text.CountVectorizer` with its defaults, which ignore case; "word" also drops
        one-letter words, emoji and the vowel signs of Indic scripts. A callable takes a document of any type and
        returns its tokens; for example, ``CountVectorizer(...).build_analyzer()`` takes strings and handles stop words,
        n-grams and so on. Without a callable, a missing value (None, NaN, pandas' NA) is a document without tokens.

    init_vectors : WordVectors, dict, gensim model or KeyedVectors, anything with ``in`` and ``[]``, or None, \
default=None
        Pretrained vectors of `vector_size` finite numbers, token -> vector, with which the vectors of these tokens are
        initialized; other tokens get small random vectors. In `partial_fit` and with ``warm_start=True``, tokens that
        already have vectors keep them, except with ``freeze_init=True``. With ``shared_embedding=False``, they
        initialize the table of the context. Those of a fitted vectorizer are `word_vectors`, those of a file
        `sk_cbow.word2vec_format.load`. Like all parameters, they are part of a pickle, and are copied by
        `sklearn.base.clone`, except for `WordVectors`, which clones share.

    freeze_init : bool, default=False
        Whether tokens in `init_vectors` keep those vectors during training (frozen) instead of being fine-tuned.
        Requires ``shared_embedding=True``.

    warm_start : bool, default=False
        Whether `fit` starts from the vectors and the Adagrad state of the previous fit, for the tokens that it had.

    callbacks : Keras callback, list of Keras callbacks, function that returns these, or None, default=None
        Callbacks such as ``keras.callbacks.EarlyStopping("loss")``; the ``logs`` that they receive contain "loss" and
        "tokens_per_second". Callbacks are copied before use, so that the vectorizer can be cloned and pickled. A
        function is called without arguments in each `fit`, and its callbacks are not copied. Callbacks cannot change
        the learning rate. In a callback, ``self.model.get_weights()[0][1:]`` are the current vectors, followed by some
        rows of zeros; with ``shared_embedding=False``, those of the context. If a callback stops training before the
        first block, nothing is trained, which is a warning.

    checkpoint : str, path-like or None, default=None
        File to which training is saved after each epoch and every five minutes. If `fit` is interrupted, by Ctrl-C or a
        failure of the machine, the same `fit` with the same documents and minor version of sk_cbow resumes from the
        file, with identical results.
        Callbacks start again and do not see the earlier epochs, so that ``EarlyStopping`` may stop later. The file, or
        the one that a symbolic link points to, is deleted when `fit` succeeds. It is as large as the tables. Only one
        fit at a time may use it, so it cannot be used in a grid search.

    random_state : int, RandomState instance or None, default=None
        Determines the initial vectors, the order of documents, subsampling, window sizes and negative samples. With an
        int, fits on the CPU of the same machine are bit-for-bit reproducible, whatever the number of threads. None
        gives different results in every fit and does not use NumPy's global state.

    verbose : {0, 1, 2}, default=0
        0 prints nothing. 1 shows progress in reading documents, and Keras' progress bar for each epoch, with the
        remaining time. 2 prints one line for each of these. Both report tokens of the corpus per second.

    Attributes
    ----------
    vocabulary_ : dict
        Token -> row of `embeddings_`, in decreasing order of frequency. Tokens added by `partial_fit` follow the
        others.

    embeddings_ : ndarray of shape (n_tokens, vector_size), float32
        The word vectors.

    context_embeddings_, target_embeddings_ : ndarray of shape (n_tokens, vector_size), float32
        The two tables whose sum is `embeddings_`; only with ``shared_embedding=False``.

    token_counts_ : ndarray of shape (n_tokens,), int64
        Number of occurrences of each token in the documents of `fit` and all later calls of `partial_fit`.

    token_weights_ : ndarray of shape (n_tokens,), float32
        Weight of each occurrence of a token in the average of a document.

    idf_ : ndarray of shape (n_tokens,), float32
        The same as `token_weights_`; only with ``weighting="idf"``.

    components_ : ndarray of shape (remove_components, vector_size), float32
        The removed components, orthonormal.

    mean_ : ndarray of shape (vector_size,), float32
        The mean of the averages of the training documents that have known tokens; only with ``norm="l2"``.

    window_, sample_, epochs_, learning_rate_ : int or float
        The values of these parameters in the latest call of `fit` or `partial_fit`. "auto" stands for them there: it
        counts the documents of all calls so far.

    loss_curve_ : list of float
        Mean loss of a target and its negative samples, one value per epoch; 0 for an epoch without targets, if
        subsampling dropped too many tokens. `partial_fit` extends it.

    n_iter_ : int
        Number of epochs, including those of `partial_fit`; callbacks may have stopped training early.

    See Also
    --------
    sk_cbow.dask.DaskCBOWVectorizer : The same on a Dask cluster.
    sklearn.feature_extraction.text.TfidfVectorizer : Sparse weighted counts of tokens; often better with many labels
        and long documents.

    Notes
    -----
    Only training imports TensorFlow; `transform` and unpickling do not. The size of the window is drawn once per block,
    and groups of about 64 positions from all over a block share their negative samples.

    The first fit in a process compiles the training step, which takes one to two seconds. Each new `vector_size`,
    `window`, `document_context`, `negative` or block size compiles it again, and so may a vocabulary of another size. A
    compiled step takes some memory until the process ends.

    References
    ----------
    .. [1] Tomas Mikolov, Kai Chen, Greg Corrado and Jeffrey Dean (2013). Efficient estimation of word representations
       in vector space. ICLR workshop.
    .. [2] Tomas Mikolov, Ilya Sutskever, Kai Chen, Greg Corrado and Jeffrey Dean (2013). Distributed representations
       of words and phrases and their compositionality. NeurIPS.
    .. [3] Omer Levy and Yoav Goldberg (2014). Neural word embedding as implicit matrix factorization. NeurIPS.
    .. [4] John Duchi, Elad Hazan and Yoram Singer (2011). Adaptive subgradient methods for online learning and
       stochastic optimization. JMLR 12.
    .. [5] Sanjeev Arora, Yingyu Liang and Tengyu Ma (2017). A simple but tough-to-beat baseline for sentence
       embeddings. ICLR.
    .. [6] Minmin Chen (2017). Efficient vector representation for documents through corruption. ICLR.
    .. [7] Matteo Pagliardini, Prakhar Gupta and Martin Jaggi (2018). Unsupervised learning of sentence embeddings using
       compositional n-gram features. NAACL.
    .. [8] Maxim Naumov et al. (2019). Deep learning recommendation model for personalization and recommendation
       systems. arXiv:1906.00091.
    .. [9] Jiaqi Mu and Pramod Viswanath (2018). All-but-the-top: simple and effective postprocessing for word
       representations. ICLR.

    Examples
    --------
    >>> from sk_cbow import CBOWVectorizer
    >>> documents = [["to", "be", "or", "not", "to", "be"], ["let", "it", "be"]]
    >>> documents = documents * 10
    >>> vectorizer = CBOWVectorizer(vector_size=8, random_state=0)
    >>> vectorizer.fit_transform(documents).shape
    (20, 8)
    >>> list(vectorizer.vocabulary_)
    ['be', 'to', 'or', 'not', 'let', 'it']

    Documents may be strings:

    >>> texts = ["To be, or not to be!", "Let it be."] * 10
    >>> vectorizer = vectorizer.set_params(analyzer="word").fit(texts)
    >>> list(vectorizer.vocabulary_)
    ['be', 'to', 'or', 'not', 'let', 'it']
    """

    _parameter_constraints: ClassVar[dict] = BaseCBOWVectorizer._parameter_constraints | {
        "callbacks": [list, tuple, callable, HasMethods(["set_model", "on_epoch_end"]), None],
        "checkpoint": [str, os.PathLike, None],
        "verbose": [Interval(Integral, 0, 2, closed="both")],  # True is common, too
    }

    def __init__(
        self,
        vector_size: int = 100,
        *,
        window: int | Literal["auto"] = "auto",
        document_context: float = 0.8,
        min_count: int = 5,
        max_vocab: int | None = None,
        sample: float | Literal["auto"] = "auto",
        negative: int = 5,
        ns_exponent: float = 0.75,
        shared_embedding: bool = True,
        epochs: int | Literal["auto"] = "auto",
        learning_rate: float | Literal["auto"] = "auto",
        batch_size: int | Literal["auto"] = "auto",
        weighting: Literal["uniform", "idf", "sif"] = "uniform",
        remove_components: int = 0,
        norm: Literal["l2"] | None = None,
        analyzer: Literal["word", "char", "char_wb"] | Callable[[Any], Iterable[Token]] | None = None,
        init_vectors: Any = None,
        freeze_init: bool = False,
        warm_start: bool = False,
        callbacks: Any = None,
        checkpoint: str | os.PathLike[str] | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ):
        self.vector_size = vector_size
        self.window = window
        self.document_context = document_context
        self.min_count = min_count
        self.max_vocab = max_vocab
        self.sample = sample
        self.negative = negative
        self.ns_exponent = ns_exponent
        self.shared_embedding = shared_embedding
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.weighting = weighting
        self.remove_components = remove_components
        self.norm = norm
        self.analyzer = analyzer
        self.init_vectors = init_vectors
        self.freeze_init = freeze_init
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.verbose = verbose

    def _check_parameters(self):
        check_not_forked()  # before documents are read, which may take long
        super()._check_parameters()
        if self.checkpoint is not None:
            check_checkpoint_path(self.checkpoint)

    def _fit(self, X, incremental=False):
        checkpoint = self.checkpoint  # other threads may set it
        corpus, fitted = super()._fit(X, incremental)
        if checkpoint is not None:
            try:
                remove_checkpoint(checkpoint)
            except OSError as error:
                warn(
                    f"the fit is complete, but checkpoint={checkpoint!r} could not be deleted ({error.strerror}): "
                    "delete it, since no other fit can use it"
                )
        return corpus, fitted

    def _read(self, X, previous):
        documents = token_lists(X, self.analyzer)
        if self.verbose:
            documents = with_progress(documents, X, every=1 if self.verbose == 1 else np.inf)
        return read_corpus(documents, min_count=self.min_count, max_vocab=self.max_vocab, previous=previous)

    def _train(self, corpus, config, row_inits, rng):
        if self.verbose:
            chosen = [f"{name}={getattr(config, name):.3g}" for name in AUTOMATIC if getattr(self, name) == "auto"]
            if chosen:
                print("auto:", ", ".join(chosen))
        return train_locally(
            corpus,
            config,
            row_inits,
            rng,
            is_reproducible=self.random_state is not None,
            checkpoint=self.checkpoint,
            callbacks=self.callbacks,
            verbose=self.verbose,
        )


class DictOfVectors(dict):
    """A dict that is printed in one line."""

    def __repr__(self):
        return f"<dict of {len(self)} vectors>"


def _generator(random_state):
    if isinstance(random_state, dict):  # the state of a generator, to resume
        generator = np.random.default_rng(0)
        generator.bit_generator.state = random_state
        return generator
    if isinstance(random_state, np.random.RandomState):
        random_state = random_state.randint(2**32, dtype=np.uint32)
    return np.random.default_rng(random_state)


def _check_training(corpus, config, embeddings, loss_curve):
    # If the lengths of word vectors are finite, so are all document vectors, however they are pooled.
    squared_lengths = np.einsum("ij,ij->i", embeddings, embeddings, dtype=np.float64)
    if not (np.isfinite(loss_curve).all() and squared_lengths.max() <= float(np.finfo(np.float32).max) ** 2):
        raise ValueError(
            f"training with learning_rate={config.learning_rate} diverged to vectors or losses that are not finite: "
            "lower it"
        )
    loss_of_zeros = np.log1p(config.negative) + config.negative * np.log1p(1 / config.negative)
    if not loss_curve:
        warn("a callback set stop_training before the first block: nothing was trained")
    elif loss_curve[-1] > DIVERGED * loss_of_zeros:
        warn(
            f"training with learning_rate={config.learning_rate} diverged: the loss of the last epoch is "
            f"{loss_curve[-1]:.3g}, but {loss_of_zeros:.3g} if all vectors were zero; lower learning_rate or "
            "batch_size, or scale long init_vectors down",
            ConvergenceWarning,
        )
    if config.sample > 0 and 0 in loss_curve and corpus.max_length > 1:
        warn(
            f"{loss_curve.count(0)} of {len(loss_curve)} epochs had nothing to train on, because subsampling with "
            f"sample={config.sample} dropped too many tokens: set sample=0 for a small corpus"
        )
