"""The scikit-learn shell: documents in, document vectors out."""

import os
import sys
import warnings
from contextlib import suppress
from numbers import Integral, Real
from typing import ClassVar, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from sk_cbow._blocks import (
    BlockMaker,
    default_block_size,
    default_tile_size,
    keep_probability,
    noise_probability,
)
from sk_cbow._checkpoint import SavedTraining, digest, read_checkpoint, write_checkpoint
from sk_cbow._documents import token_lists, with_progress
from sk_cbow._files import atomic_write, text_lines
from sk_cbow._pooling import (
    count_document_frequency,
    document_term_matrices,
    first_singular_vectors,
    mean_vectors,
    project_out,
    second_moments,
    token_weights,
)
from sk_cbow._row_init import RowInit, as_mapping, rows_from_previous, rows_from_vectors
from sk_cbow._similarity import analogy_score, most_similar, similarity_score
from sk_cbow._state import FITTED_ATTRIBUTES, checked, require
from sk_cbow._vocabulary import EMPTY_VOCABULARY, Vocabulary, encode_documents, pack_counts, read_corpus, unpack_counts

# Minor versions whose pickles this one reads. A change of parameters or fitted attributes shortens the list.
READABLE_VERSIONS = ("0.1.",)

LARGEST_INT = 2**31 - 1  # that TensorFlow's and NumPy's 32-bit integers hold
SMALLEST_FLOAT, LARGEST_FLOAT = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)
LARGEST_EXPONENT = 1000  # beyond it, all negative samples are one token, or an exponential overflows

CALLED_THROUGH = {"sk_cbow", "sklearn", "joblib"}  # packages between a user's line and a warning

# On which, beside the text, the result of training depends.
TRAINING_PARAMETERS = (
    "vector_size",
    "window",
    "document_context",
    "sample",
    "negative",
    "ns_exponent",
    "shared_embedding",
    "epochs",
    "learning_rate",
    "batch_size",
)


class Range(Interval):
    """An interval of Python's and NumPy's numbers, in which True and False are none."""

    def is_satisfied_by(self, value):
        is_number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
        return is_number and super().is_satisfied_by(_plain(value))


class CBOWVectorizer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Turn documents into averages of word vectors that are learned from the documents themselves.

    `fit` trains a continuous bag of words [1]_ with negative sampling [2]_: from the average vector of a word's
    context, it learns to distinguish the word, the target, from negative samples. It needs no labels, because it makes
    its own targets. Context, target and negative samples share the weights of one Keras ``Embedding`` layer.
    `transform` returns, for each document, the average vector of its known tokens.

    The loss carries the offset log(`negative`) [3]_, and rows are updated by row-wise Adagrad [4]_ with the true
    gradient of the averaged context.

    Parameters
    ----------
    vector_size : int, default=100
        Length of a word vector, and so of a document vector.

    window : int, default=5
        Maximum number of context words on each side of a target. The number used is drawn uniformly from 1..window.

    document_context : float, default=0.8
        Share of the document in a target's context, 0..1: the average of the window's vectors is mixed with the average
        over a random sample of the document's other words [6]_. 0 is the textbook's continuous bag of words. 1 ignores
        the order of words: they are shuffled within each document in every epoch, and the window is the sample, so that
        a larger `window` samples more [7]_. Long documents are read in parts: below 1, samples come from the same 64
        tokens, at 1 from the same `batch_size` tokens.

    min_count : int, default=5
        Tokens that occur fewer times than this in the corpus are left out.

    max_vocab : int or None, default=None
        Maximum size of the vocabulary; the most frequent tokens are kept. None keeps all.

    sample : float, default=1e-3
        Subsampling threshold for frequent tokens. In each epoch, an occurrence of a token with share f of the corpus
        takes part with probability min(1, sqrt(sample / f) + sample / f). 0 keeps every occurrence, which is what a
        small corpus needs: among a hundred distinct tokens, most are frequent.

    negative : int, default=5
        Negative samples per target. Each target has 12 negative samples, which it shares with other targets and which
        are weighted by `negative` / 12; those equal to the target are dropped.

    ns_exponent : float, default=0.75
        Negative samples are drawn with probability proportional to count ** ns_exponent: 1 follows the corpus, 0 draws
        all tokens with equal probability, and a negative value prefers rare ones.

    shared_embedding : bool, default=True
        Whether context, target and negative samples share one table. If False, targets and negative samples have a
        second table, and `embeddings_` is the sum of both.

    epochs : int, default=5
        Passes over the documents of a call of `fit` or `partial_fit`.

    learning_rate : float, default=0.25
        Of row-wise Adagrad, at the start; it falls linearly to zero over a call of `fit` or `partial_fit`.

    batch_size : int or "auto", default="auto"
        Tokens in a training block, which is one step of training; rounded up to a multiple of 64, or more where the
        window is wide. "auto" takes about 256 blocks per epoch, of 256 to 8192 tokens, and beyond 8 million
        tokens about 1024 blocks of up to 32768: small corpora need many small steps, and the tiles of large blocks
        can be shared by more cores.

    weighting : {"uniform", "idf", "sif"}, default="uniform"
        Weight of a token's occurrences in the average of a document, the sum of weighted vectors over the sum of
        weights. "idf" is ln((1 + n) / (1 + df)) + 1 for a token that occurs in df of the n training documents, as in
        scikit-learn's `TfidfVectorizer`. "sif" is smooth inverse frequency [5]_, a / (a + p) with a = 1e-3 for a token
        with share p of the training documents' known tokens; the paper divides by the number of tokens instead, which
        gives the same directions before components are removed. Both let rare tokens count for more.

    remove_components : int, default=0
        Number of principal components of the training documents' vectors that are removed from every document's vector
        [5]_: what most documents have in common. It can bring out differences for cosine similarity; a classifier may
        lose by it. Must be less than `vector_size`.

    analyzer : {"word", "char", "char_wb"}, callable or None, default=None
        None: a document is a sequence of tokens. A name: a document is a string, split as
        `sklearn.feature_extraction.text.CountVectorizer` does by default, into words or single characters. A callable
        takes a document, whatever it is, and returns its tokens; ``CountVectorizer(...).build_analyzer()`` gives one
        for strings, with stop words, n-grams and so on. Without a callable, a missing value (None, NaN, pandas' NA) is
        a document without tokens.

    init_vectors : dict, CBOWVectorizer, gensim model or KeyedVectors, or anything with ``in`` and ``[]``, default=None
        Token -> vector of `vector_size` finite numbers, with which a token starts; tokens that it lacks start with
        small random vectors. With two tables, these are the vectors of the context. It is copied by
        `sklearn.base.clone` and goes into pickles, as parameters do.

    freeze_init : bool, default=False
        Whether, in the calls made with it, tokens of `init_vectors` have those vectors and keep them. Needs
        ``shared_embedding=True``.

    warm_start : bool, default=False
        Whether `fit` starts from the vectors, and the state of Adagrad, that an earlier `fit` gave to the same tokens.

    callbacks : Keras callback, list of Keras callbacks, function that returns these, or None, default=None
        What Keras calls while it trains, such as ``keras.callbacks.EarlyStopping("loss")``; its ``logs`` have "loss"
        and "tokens_per_second". Copies of the callbacks are used, so that the vectorizer can be cloned and pickled; a
        function is called without arguments in each `fit` and gives the callbacks themselves. The learning
        rate follows its schedule, which callbacks cannot change, and checkpoints can hold weights only. In a callback,
        ``self.model.get_weights()[0][1:]`` are the vectors so far, with some rows of zeros behind them.

    checkpoint : str or path-like, optional
        A file in which `fit` saves its training after each epoch and every five minutes. If a fit is interrupted, by
        Ctrl-C or because the machine went down, the same fit with the same documents resumes there, with identical
        results; a successful one deletes the file. It takes the space of the tables. For one fit at a time, not for
        searches, whose fits would share it.

    random_state : int, RandomState instance or None, default=None
        Decides the initial vectors, the order of documents, subsampling, sampled windows and negative samples. With an
        int, fits on the CPU of the same machine are bit-for-bit reproducible, whatever the number of threads. None
        takes fresh entropy and leaves NumPy's global state alone.

    verbose : {0, 1, 2}, default=0
        0 is silent. 1 shows how many documents have been read, and Keras' bar for each epoch, with the time left; 2
        prints one line for each of these. Both tell the tokens of the corpus per second.

    Attributes
    ----------
    vocabulary_ : dict
        Token -> row of `embeddings_`, in decreasing order of frequency; tokens added by `partial_fit` come after the
        others.

    embeddings_ : ndarray of shape (n_tokens, vector_size), float32
        The word vectors.

    context_embeddings_, target_embeddings_ : ndarray of shape (n_tokens, vector_size), float32
        The two tables whose sum is `embeddings_`; only with ``shared_embedding=False``.

    token_counts_ : ndarray of shape (n_tokens,), int64
        Occurrences of each token in the documents of `fit` and of every `partial_fit` after it.

    token_weights_ : ndarray of shape (n_tokens,), float32
        Weight of an occurrence of each token in the average of a document.

    idf_ : ndarray of shape (n_tokens,), float32
        The same; only with ``weighting="idf"``.

    components_ : ndarray of shape (n_components, vector_size), float32
        The removed components, orthonormal.

    loss_curve_ : list of float
        Mean loss of a target and its negative samples, one value per epoch; 0 for an epoch without targets, because
        subsampling left no two tokens together. `partial_fit` adds to it.

    n_iter_ : int
        Number of epochs run, which callbacks may have made fewer than `epochs`; `partial_fit` adds to it.

    See Also
    --------
    sklearn.feature_extraction.text.TfidfVectorizer : Sparse weighted counts of tokens; often better where labels are
        many and texts long.

    Notes
    -----
    Training imports TensorFlow; nothing else does, neither `transform` nor unpickling. The size of the window is drawn
    per block; groups of about 64 positions from all over a block share their negative samples.

    The first fit of a process compiles the training step, which takes a second or two. So does each new `vector_size`,
    `window`, `negative` or block size, and a vocabulary of quite another size. A compiled step holds some memory for
    the life of the process.

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

    Examples
    --------
    >>> from sk_cbow import CBOWVectorizer
    >>> documents = [["to", "be", "or", "not", "to", "be"], ["let", "it", "be"]] * 10
    >>> vectorizer = CBOWVectorizer(vector_size=8, sample=0, random_state=0).fit(documents)
    >>> vectorizer.transform(documents).shape
    (20, 8)
    >>> list(vectorizer.vocabulary_)
    ['be', 'to', 'or', 'not', 'let', 'it']

    Documents may be strings:

    >>> texts = ["To be, or not to be!", "Let it be."] * 10
    >>> vectorizer = CBOWVectorizer(vector_size=8, sample=0, analyzer="word", random_state=0).fit(texts)
    >>> list(vectorizer.vocabulary_)
    ['be', 'to', 'or', 'not', 'let', 'it']
    """

    _doc_link_module = "sk_cbow"
    _doc_link_template = "https://sk-cbow.readthedocs.io/en/stable/api/{estimator_module}.{estimator_name}.html"

    _parameter_constraints: ClassVar[dict] = {
        "vector_size": [Range(Integral, 1, LARGEST_INT, closed="both")],
        "window": [Range(Integral, 1, LARGEST_INT, closed="both")],
        "document_context": [Range(Real, 0, 1, closed="both")],
        "min_count": [Range(Integral, 1, None, closed="left")],
        "max_vocab": [Range(Integral, 1, None, closed="left"), None],
        "sample": [Range(Real, 0, None, closed="left")],
        "negative": [Range(Integral, 1, LARGEST_INT, closed="both")],
        "ns_exponent": [Range(Real, -LARGEST_EXPONENT, LARGEST_EXPONENT, closed="both")],
        "shared_embedding": ["boolean"],
        "epochs": [Range(Integral, 1, LARGEST_INT, closed="both")],
        "learning_rate": [Range(Real, SMALLEST_FLOAT, LARGEST_FLOAT, closed="both")],
        "batch_size": [Range(Integral, 1, LARGEST_INT, closed="both"), StrOptions({"auto"})],
        "weighting": [StrOptions({"uniform", "idf", "sif"})],
        "remove_components": [Range(Integral, 0, None, closed="left")],
        "analyzer": [StrOptions({"word", "char", "char_wb"}), callable, None],
        "init_vectors": "no_validation",  # `as_mapping` does it, whose error tells what is taken
        "freeze_init": ["boolean"],
        "warm_start": ["boolean"],
        "callbacks": [list, tuple, callable, HasMethods(["set_model", "on_epoch_end"]), None],
        "checkpoint": [str, os.PathLike, None],
        "random_state": ["random_state"],
        "verbose": [Interval(Integral, 0, 2, closed="both")],  # True is usual, too
    }

    def __init__(
        self,
        vector_size=100,
        *,
        window=5,
        document_context=0.8,
        min_count=5,
        max_vocab=None,
        sample=1e-3,
        negative=5,
        ns_exponent=0.75,
        shared_embedding=True,
        epochs=5,
        learning_rate=0.25,
        batch_size="auto",
        weighting="uniform",
        remove_components=0,
        analyzer=None,
        init_vectors=None,
        freeze_init=False,
        warm_start=False,
        callbacks=None,
        checkpoint=None,
        random_state=None,
        verbose=0,
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
        self.analyzer = analyzer
        self.init_vectors = init_vectors
        self.freeze_init = freeze_init
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn a vector for every token of the vocabulary.

        Parameters
        ----------
        X : iterable of documents
            A document is a sequence of tokens, a token a string or an integer; with an `analyzer`, what that takes. A
            missing value is a document without tokens. X is read once; a generator will do, and so will a Series or a
            DataFrame of one column.
        y : None
            Ignored.

        Returns
        -------
        self : CBOWVectorizer
            The fitted vectorizer.

        Raises
        ------
        TypeError
            If X is not an iterable of documents or has several columns, a document is not what `analyzer` takes, or a
            token is neither string nor integer; if something in `callbacks` is no Keras callback.
        MemoryError
            If there is not enough memory for the tables or for a block; the message tells how much training needs.
        OSError
            If X has more than a quarter of a billion tokens, which are kept in a temporary file, and the folder of
            temporary files has no room for them.
        RuntimeError
            If it is called where TensorFlow cannot train, such as in the scope of a ``tf.distribute`` strategy.
        ValueError
            If X has no documents, no token occurs `min_count` times, or no document has two tokens of the vocabulary;
            if training diverges because `learning_rate` is too large; if `remove_components` would leave nothing of
            the documents' vectors; if one of `init_vectors` does not have `vector_size` finite numbers, or they are to
            be frozen in one of two tables; if `vector_size` or `shared_embedding` is not what it was before a warm
            start.

        Examples
        --------
        >>> from sk_cbow import CBOWVectorizer
        >>> documents = [["tea", "milk", "cup"], ["car", "road", "wheel"]] * 50
        >>> vectorizer = CBOWVectorizer(vector_size=8, sample=0, random_state=0).fit(documents)
        >>> vectorizer.embeddings_.shape
        (6, 8)
        >>> len(vectorizer.loss_curve_)
        5
        """
        self._fit(X)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X, y=None):
        """Learn the word vectors and return the documents' vectors, reading the documents only once.

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
        >>> CBOWVectorizer(vector_size=8, sample=0, random_state=0).fit_transform(documents).shape
        (100, 8)
        """
        corpus, fitted = self._fit(X)
        return fitted._transform(corpus.chunks())

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None):
        """Train incrementally with new documents; the first call is the same as `fit`.

        Tokens of these documents that reach `min_count` in all the documents seen so far get vectors, up to
        `max_vocab`. Tokens that have vectors keep their rows. Results are identical whether or not the vectorizer is
        pickled between calls.

        Parameters
        ----------
        X : iterable of documents
            As in `fit`. `epochs` passes are made over them.
        y : None
            Ignored.

        Returns
        -------
        self : CBOWVectorizer
            The vectorizer.

        Raises
        ------
        TypeError
            As in `fit`.
        ValueError
            As in `fit`, except that documents without known tokens are no error after the first call; if the
            vectorizer comes from a file of vectors, which tells no counts; if `vector_size` or `shared_embedding` is
            not what it was, or `weighting` is "idf" and was not.

        Notes
        -----
        With ``weighting="idf"``, documents seen before a token got its vector are counted for it as if each had it once
        at most. Removed components stay those of the first call, unless `remove_components` changes.

        For this method, a fitted vectorizer keeps the counts of the tokens that `min_count` and `max_vocab` left out,
        and a pickle of it holds them.

        Examples
        --------
        >>> from sk_cbow import CBOWVectorizer
        >>> vectorizer = CBOWVectorizer(vector_size=8, sample=0, random_state=0)
        >>> vectorizer = vectorizer.partial_fit([["tea", "milk", "cup"]] * 50)
        >>> vectorizer = vectorizer.partial_fit([["car", "road"], ["tea", "cup"]] * 50)
        >>> list(vectorizer.vocabulary_)
        ['tea', 'milk', 'cup', 'car', 'road']
        """
        self._validate_params()  # which scikit-learn leaves out once an estimator is fitted
        self._fit(X, incremental=hasattr(self, "embeddings_"))
        return self

    def _fit(self, X, incremental=False):
        """Fit, and return the corpus with a view of the fitted vectorizer."""
        # Neither parameters that another thread sets nor NumPy's numbers, which overflow, get into training.
        parameters = {name: getattr(self, name) for name in self._get_param_names()}
        plain = {name: _plain(value) for name, value in parameters.items()}
        corpus, fitted = _with_attributes(type(self), vars(self) | plain)._corpus_and_attributes(X, incremental)
        others = {name: value for name, value in vars(self).copy().items() if name not in FITTED_ATTRIBUTES}
        self.__dict__ = others | fitted  # one assignment: other threads see the old attributes or the new ones
        if parameters.get("checkpoint") is not None:
            with suppress(FileNotFoundError):
                os.remove(parameters["checkpoint"])
        return corpus, _with_attributes(type(self), others | fitted)

    def _corpus_and_attributes(self, X, incremental):
        """Read the documents, train, weigh, and return the corpus with the attributes to set."""
        self._check_parameters()
        initial = self._previous_state() if incremental or self.warm_start else TrainingState()  # vectors to start from
        previous = initial if incremental else TrainingState()  # counts, documents and losses to add to

        corpus = self._read(X, previous.vocabulary)
        n_documents = previous.n_documents + corpus.n_documents
        document_frequency = self._document_frequency(corpus, previous)

        rng = _generator(previous.rng_state if incremental else self.random_state)
        trained = self._train(corpus, initial, rng)
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is an error below
            embeddings = sum(trained.tables)  # of one table or two, copied
        self._check_training(corpus, embeddings, trained.loss_curve)

        weights = token_weights(self.weighting, corpus.vocabulary.counts, document_frequency, n_documents)
        components = self._components(corpus, weights, embeddings, previous)

        state = TrainingState(
            vocabulary=corpus.vocabulary,
            tables=[embeddings] if self.shared_embedding else list(map(np.array, trained.tables)),
            accumulators=[np.where(np.isinf(values), 0, values) for values in trained.accumulators],  # inf: frozen
            components=components,
            loss_curve=[*previous.loss_curve, *trained.loss_curve],
            rng_state=rng.bit_generator.state,
            n_documents=n_documents,
            document_frequency=document_frequency,
        )
        return corpus, self._fitted_attributes(state, embeddings, weights)

    def _read(self, X, previous):
        documents = token_lists(X, self.analyzer)
        if self.verbose:
            documents = with_progress(documents, X, every=1 if self.verbose == 1 else np.inf)
        return read_corpus(documents, min_count=self.min_count, max_vocab=self.max_vocab, previous=previous)

    def _check_parameters(self):
        if self.init_vectors is not None:
            self.init_vectors = as_mapping(self.init_vectors)  # of this copy
        if self.checkpoint is not None:
            path = os.path.abspath(self.checkpoint)
            if not os.access(os.path.dirname(path), os.W_OK) or os.path.isdir(path) or path.endswith(".gz"):
                raise ValueError(
                    f"checkpoint={self.checkpoint!r} must be a file, not compressed, in a folder that can be written"
                )
        if self.remove_components >= self.vector_size:
            raise ValueError(
                f"remove_components={self.remove_components} leaves nothing of vectors of vector_size="
                f"{self.vector_size}: lower it"
            )
        if self.freeze_init and not self.shared_embedding:
            raise ValueError(
                "freeze_init=True with shared_embedding=False: a token's vector is then the sum of two, of which only "
                "one is given; share the embedding, or do not freeze"
            )

    def _previous_state(self):
        """The state of training that the fitted attributes hold; the empty one before the first fit."""
        if not hasattr(self, "embeddings_"):
            return TrainingState()
        fitted = fitted_view(self)
        if not hasattr(fitted, "_training_state"):
            raise ValueError(
                "this vectorizer was loaded from a file of vectors, which has no counts of tokens to go on from: pass "
                "its vectors as init_vectors to a new one"
            )
        has_two_tables = hasattr(fitted, "context_embeddings_")
        if self.vector_size != fitted._n_features_out or self.shared_embedding == has_two_tables:
            raise ValueError(
                f"vector_size={self.vector_size} and shared_embedding={self.shared_embedding}, but in earlier training "
                f"they were {fitted._n_features_out} and {not has_two_tables}: set them back, or fit anew with "
                "warm_start=False"
            )
        state = dict(fitted._training_state)
        return TrainingState(
            vocabulary=Vocabulary(fitted.vocabulary_, fitted.token_counts_, unpack_counts(state.pop("dropped_counts"))),
            tables=[fitted.context_embeddings_, fitted.target_embeddings_] if has_two_tables else [fitted.embeddings_],
            components=fitted.components_,
            loss_curve=fitted.loss_curve_,
            **state,
        )

    def _fitted_attributes(self, state, embeddings, weights):
        """The fitted attributes that hold a state of training, as plain data."""
        fitted = {
            "vocabulary_": state.vocabulary.rows,
            "token_counts_": state.vocabulary.counts,
            "token_weights_": weights,
            "embeddings_": embeddings,
            "components_": state.components,
            "loss_curve_": state.loss_curve,
            "_training_state": {
                "dropped_counts": pack_counts(state.vocabulary.dropped_counts),
                "accumulators": state.accumulators,
                "rng_state": state.rng_state,
                "n_documents": state.n_documents,
                "document_frequency": state.document_frequency,
            },
            "n_iter_": len(state.loss_curve),
        }
        if self.weighting == "idf":
            fitted["idf_"] = weights
        if not self.shared_embedding:
            fitted["context_embeddings_"], fitted["target_embeddings_"] = state.tables
        return fitted

    def _train(self, corpus, previous, rng):
        blocks = self._block_maker(corpus, corpus.vocabulary.counts, len(corpus.rows))
        row_inits = self._row_inits(corpus.vocabulary.rows, previous)

        # Here, because it imports TensorFlow.
        from sk_cbow._model import NO_PROGRESS, Progress, runs_uncompiled, train

        if runs_uncompiled():
            _warn(
                "tf.config.run_functions_eagerly(True) is set, so training runs uncompiled: much slower, and rounded "
                "differently; set it to False"
            )

        progress, save = NO_PROGRESS, None
        if self.checkpoint is not None:
            identity = self._identity(corpus, row_inits, rng)
            rng_state = rng.bit_generator.state
            if (saved := self._saved_training(identity)) is not None:
                progress = Progress(*saved.progress)
                rng_state = rng.bit_generator.state = saved.rng_state
                every_row = np.arange(len(corpus.vocabulary.rows))
                for inits, *vectors in zip(row_inits, saved.tables, saved.accumulators, strict=True):
                    inits.append(RowInit(every_row, *vectors))

            def save(trained, progress):
                with atomic_write(self.checkpoint) as file:
                    saved = SavedTraining(rng_state, progress, trained.tables, trained.accumulators)
                    write_checkpoint(file, identity, saved)

        return train(
            blocks,
            self._model_config(len(corpus.vocabulary.rows)),
            row_inits,
            epochs=self.epochs,
            learning_rates=(self.learning_rate, 0.0),
            rng=rng,
            callbacks=self.callbacks,
            verbose=self.verbose,
            progress=progress,
            save=save,
        )

    def _saved_training(self, identity):
        """The training that the checkpoint holds, if there is one."""
        with suppress(FileNotFoundError), open(self.checkpoint, "rb") as file:
            return read_checkpoint(file, identity, self.checkpoint)

    def _identity(self, corpus, row_inits, rng):
        """Everything that decides the result of training."""
        from sk_cbow import __version__

        inits = [array for inits in row_inits for init in inits for array in init]
        return {
            "sk_cbow": __version__,
            **{name: getattr(self, name) for name in TRAINING_PARAMETERS},
            "random_state": None if self.random_state is None else rng.bit_generator.state,
            "documents": digest(corpus.rows, corpus.offsets, texts=corpus.vocabulary.rows),
            "initial vectors": digest(*inits),
        }

    def _model_config(self, n_tokens):
        from sk_cbow._model import ModelConfig

        return ModelConfig(
            n_tokens=n_tokens,
            vector_size=self.vector_size,
            shared_embedding=self.shared_embedding,
            negative=self.negative,
            document_context=self.document_context,
        )

    def _block_maker(self, corpus, counts, n_occurrences):
        """Blocks of documents; the counts may be those of more documents, and the size of blocks suit more."""
        block_size = default_block_size(n_occurrences)
        if self.batch_size != "auto":
            block_size = min(self.batch_size, max(block_size, n_occurrences))  # more would be padding
        return BlockMaker(
            corpus.rows,
            corpus.offsets,
            token_counts=corpus.token_counts,
            keep_probability=keep_probability(counts, self.sample),
            noise_probability=noise_probability(counts, self.ns_exponent),
            window=self.window,
            document_context=self.document_context,
            block_size=block_size,
            tile_size=default_tile_size(self.vector_size),
        )

    def _row_inits(self, vocabulary, previous):
        """For each table, the rows that do not start at random."""
        known = previous.vocabulary.rows
        trained = rows_from_previous(vocabulary, known, previous.tables, previous.accumulators)
        row_inits = [[rows] for rows in trained] or [[] for _ in range(1 if self.shared_embedding else 2)]
        if self.init_vectors is not None:
            new = {token: row for token, row in vocabulary.items() if token not in known}
            given = rows_from_vectors(
                vocabulary if self.freeze_init else new, self.init_vectors, self.vector_size, freeze=self.freeze_init
            )
            row_inits[0].append(given)
        return row_inits

    def _check_training(self, corpus, embeddings, loss_curve):
        # Averages of vectors whose lengths are finite are finite, too, with and without components.
        squared_lengths = np.einsum("ij,ij->i", embeddings, embeddings, dtype=np.float64)
        if not (np.isfinite(loss_curve).all() and squared_lengths.max() <= float(np.finfo(np.float32).max) ** 2):
            raise ValueError(
                f"training with learning_rate={self.learning_rate} gave vectors or losses that are not finite: lower it"
            )
        if self.sample > 0 and 0 in loss_curve and corpus.max_length > 1:
            _warn(
                f"{loss_curve.count(0)} of {len(loss_curve)} epochs had nothing to train on, because subsampling with "
                f"sample={self.sample} left no two tokens together: set sample=0, which suits a small corpus"
            )

    def _document_frequency(self, corpus, previous):
        """Document frequency of each token, which only idf needs.

        A token that had no row before counts as if each of its previous occurrences had been in another document.
        """
        if self.weighting != "idf":
            return None
        document_frequency = corpus.total(_document_frequency_of_chunks, len(corpus.vocabulary.rows))
        n_before = len(previous.vocabulary.rows)
        if n_before and previous.document_frequency is None:
            raise ValueError(
                "weighting='idf' needs the documents of all calls, but was not set in the earlier ones: fit again"
            )
        if n_before:
            document_frequency[:n_before] += previous.document_frequency
            added = list(corpus.vocabulary.rows)[n_before:]
            occurrences = np.array([previous.vocabulary.dropped_counts.get(token, 0) for token in added], np.int64)
            document_frequency[n_before:] += np.minimum(occurrences, previous.n_documents)
        return document_frequency

    def _components(self, corpus, weights, embeddings, previous):
        """Components to remove: those of the previous training if their number is the same."""
        if not self.remove_components:
            return np.empty((0, self.vector_size), np.float32)
        if len(previous.components) == self.remove_components:
            return previous.components
        moments = corpus.total(_second_moments_of_chunks, weights, embeddings)
        return first_singular_vectors(moments, self.remove_components, corpus.n_documents)

    def transform(self, X):
        """Average the vectors of each document's known tokens.

        A document's vector depends on nothing but how often it has each token.

        Parameters
        ----------
        X : iterable of documents
            As in `fit`. Beyond the result, memory is needed for some documents at a time only.

        Returns
        -------
        document_vectors : ndarray of shape (n_documents, vector_size), float32
            A document with no known token has the zero vector.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        TypeError
            As in `fit`.

        Examples
        --------
        >>> from sk_cbow import CBOWVectorizer
        >>> documents = [["tea", "milk", "cup"], ["car", "road", "wheel"]] * 50
        >>> vectorizer = CBOWVectorizer(vector_size=8, sample=0, random_state=0).fit(documents)
        >>> tea, road, unknown = vectorizer.transform([["milk", "tea"], ["road", "bus"], ["plane"]])
        >>> bool((road == vectorizer.embeddings_[vectorizer.vocabulary_["road"]]).all())  # the one known token's
        True
        >>> bool(unknown.any())
        False
        """
        fitted = fitted_view(self)
        return fitted._transform(encode_documents(token_lists(X, fitted.analyzer), fitted.vocabulary_))

    def _transform(self, chunks):
        document_vectors = bytearray()  # it grows in place, where joining arrays would take twice the memory
        for counts in document_term_matrices(chunks, len(self.embeddings_)):
            vectors = mean_vectors(counts, self.token_weights_, self.embeddings_)
            document_vectors += project_out(vectors, self.components_).data
        return np.frombuffer(document_vectors, np.float32).reshape(-1, self._n_features_out)

    def most_similar(self, positive, negative=(), topn=10):
        """Find the tokens whose vectors are nearest, by cosine, to a sum and difference of vectors.

        The query is the mean of the `positive` unit vectors and of the `negative` ones with their sign turned
        (Mikolov et al., 2013: "king" + "woman" - "man" is near "queen").

        Parameters
        ----------
        positive, negative : token or vector, or list of these
            A token stands for its vector at unit length; a vector, a NumPy array of `vector_size` floats, is taken as
            it is.
        topn : int, default=10
            Number of tokens to return.

        Returns
        -------
        neighbours : list of (token, similarity)
            In decreasing order of cosine similarity, -1..1; the tokens of the query are left out.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        KeyError
            If a token is not in the vocabulary.
        TypeError
            If `positive` or `negative` is neither token, vector nor a list of these, or `topn` not an integer.
        ValueError
            If the query is empty, a vector has another length or is not finite, or `topn` is negative.

        Examples
        --------
        >>> from sk_cbow import CBOWVectorizer
        >>> documents = [["tea", "milk", "cup"], ["car", "road", "wheel"]] * 50
        >>> vectorizer = CBOWVectorizer(vector_size=8, sample=0, random_state=0).fit(documents)
        >>> sorted(token for token, similarity in vectorizer.most_similar("tea", topn=2))
        ['cup', 'milk']
        """
        fitted = fitted_view(self)
        return most_similar(positive, negative, topn, fitted.vocabulary_, fitted.embeddings_)

    def similarity_score(
        self, path, *, delimiter=None, restrict_vocab=300_000, case_insensitive=True, dummy4unknown=False
    ):
        """Correlate cosine similarity with the similarities that people see between words.

        The same as gensim's ``KeyedVectors.evaluate_word_pairs`` on the same vectors.

        Parameters
        ----------
        path : str or path-like
            A text file, perhaps ``.gz``, of two words and a number a line, such as WordSim-353 [1]_; lines that begin
            with # are left out.
        delimiter : str, optional
            What stands between the words and the number; by default white space.
        restrict_vocab : int, default=300_000
            Number of tokens that are known, the first in `vocabulary_`.
        case_insensitive : bool, default=True
            Whether to ignore case. Of tokens that differ only in case, the first in `vocabulary_` is compared.
        dummy4unknown : bool, default=False
            Whether pairs with an unknown word count, with similarity 0; otherwise they are left out.

        Returns
        -------
        pearson, spearman : scipy.stats results
            Correlations, each with ``statistic``, -1..1, and ``pvalue``.
        oov_ratio : float
            Percentage of the pairs that have an unknown word.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        TypeError
            If `restrict_vocab` is no integer or `delimiter` no string.
        ValueError
            If a line is not two words and a number, not UTF-8 or longer than 1 MiB, fewer than two pairs are known, the
            file is damaged, `restrict_vocab` is below 1 or `delimiter` empty.

        References
        ----------
        .. [1] Lev Finkelstein et al. (2002). Placing search in context: the concept revisited. ACM TOIS 20.

        Examples
        --------
        >>> from pathlib import Path
        >>> from sk_cbow import CBOWVectorizer
        >>> documents = [["tea", "milk", "cup"], ["car", "road", "wheel"]] * 50
        >>> vectorizer = CBOWVectorizer(vector_size=8, sample=0, random_state=0).fit(documents)
        >>> _ = Path("pairs.txt").write_text("tea milk 9\\ncar road 8\\ntea car 1\\nroad cup 0\\n")
        >>> bool(vectorizer.similarity_score("pairs.txt").spearman.statistic > 0.5)
        True
        """
        fitted = fitted_view(self)
        return similarity_score(
            path,
            text_lines(path),
            fitted.vocabulary_,
            fitted.embeddings_,
            delimiter=delimiter,
            restrict_vocab=restrict_vocab,
            case_insensitive=case_insensitive,
            dummy4unknown=dummy4unknown,
        )

    def analogy_score(self, path, *, restrict_vocab=300_000, case_insensitive=True, dummy4unknown=False):
        """Answer questions of the kind "Athens is to Greece as Oslo is to?".

        The answer is the word nearest, by cosine, to the second less the first plus the third word's unit vector, and
        none of these words itself [1]_. The same as gensim's ``KeyedVectors.evaluate_word_analogies`` on the same
        vectors.

        Parameters
        ----------
        path : str or path-like
            A text file, perhaps ``.gz``, of four words a line, below lines with a colon and the name of a section.
        restrict_vocab : int, default=300_000
            Number of tokens that are known and may be answers, the first in `vocabulary_`.
        case_insensitive : bool, default=True
            Whether to ignore case. Of tokens that differ only in case, the first in `vocabulary_` is used.
        dummy4unknown : bool, default=False
            Whether questions with an unknown word count as not answered; otherwise they are left out.

        Returns
        -------
        accuracy : float
            Share of the questions that were answered rightly, 0..1.
        sections : list of dict
            For each section, and last for all together, its name under "section" and the questions under "correct" and
            "incorrect".

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        TypeError
            If `restrict_vocab` is no integer.
        ValueError
            If a line is not four words, stands before the first section, is not UTF-8 or longer than 1 MiB, no question
            has only known words, the file is damaged, or `restrict_vocab` is below 1.

        References
        ----------
        .. [1] Tomas Mikolov, Kai Chen, Greg Corrado and Jeffrey Dean (2013). Efficient estimation of word
           representations in vector space. ICLR workshop.

        Examples
        --------
        >>> from pathlib import Path
        >>> from sk_cbow import CBOWVectorizer
        >>> vectors = {"oslo": [1, 0, 0], "norway": [1, 0, 1], "athens": [0, 1, 0], "greece": [0, 1, 1]}
        >>> vectorizer = CBOWVectorizer(vector_size=3, sample=0, init_vectors=vectors, freeze_init=True)
        >>> vectorizer = vectorizer.fit([["oslo", "norway", "fjord"], ["athens", "greece", "olive"]] * 50)
        >>> _ = Path("questions.txt").write_text(": capitals\\nathens greece oslo norway\\n")
        >>> accuracy, sections = vectorizer.analogy_score("questions.txt")
        >>> accuracy
        1.0
        >>> [section["section"] for section in sections]
        ['capitals', 'Total accuracy']
        """
        fitted = fitted_view(self)
        return analogy_score(
            path,
            text_lines(path),
            fitted.vocabulary_,
            fitted.embeddings_,
            restrict_vocab=restrict_vocab,
            case_insensitive=case_insensitive,
            dummy4unknown=dummy4unknown,
        )

    @property
    def _n_features_out(self):
        return self.embeddings_.shape[1]

    def __getstate__(self):
        from sk_cbow import __version__

        return super().__getstate__() | {"_sk_cbow_version": __version__}

    def __setstate__(self, state):
        state = dict(state) if isinstance(state, dict) else {}
        version = state.pop("_sk_cbow_version", None)
        if not str(version).startswith(READABLE_VERSIONS):
            from sk_cbow import __version__

            raise ValueError(
                f"this CBOWVectorizer was saved by sk_cbow {version or 'before 0.1'}, which sk_cbow {__version__} "
                "cannot read: load it with the version that saved it, or fit again"
            )
        state = checked(state)
        missing = set(self._get_param_names()) - state.keys()
        require(not missing, f"{', '.join(sorted(missing))} is missing")
        for name in state:
            require(not hasattr(type(self), name), f"{name} is no attribute of its own")
        super().__setstate__(state)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = []
        return tags


def fitted_view(vectorizer):
    """Copy a fitted vectorizer without its arrays: what is read from the copy belongs together.

    Another thread may fit the vectorizer at any time; the copy keeps the attributes of one fit.
    """
    check_is_fitted(vectorizer)
    return _with_attributes(type(vectorizer), vars(vectorizer).copy())


def _warn(message):
    """Warn of the line that called `fit`, through however many functions of scikit-learn."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in CALLED_THROUGH:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)


def _plain(value):
    """Python's own number for one of NumPy's; other values as they are."""
    if isinstance(value, np.floating):
        return float(value)
    return value.item() if isinstance(value, np.generic) else value


def _with_attributes(cls, attributes):
    vectorizer = object.__new__(cls)
    vectorizer.__dict__ = attributes
    return vectorizer


def _document_frequency_of_chunks(chunks, n_tokens):
    return count_document_frequency(document_term_matrices(chunks, n_tokens), n_tokens)


def _second_moments_of_chunks(chunks, weights, embeddings):
    matrices = document_term_matrices(chunks, len(embeddings))
    return second_moments(mean_vectors(counts, weights, embeddings) for counts in matrices)


class TrainingState(NamedTuple):
    """What training hands on to the next call of `partial_fit`, or to a warm start; at first, nothing."""

    vocabulary: Vocabulary = EMPTY_VOCABULARY
    tables: list | tuple = ()  # of ndarrays of shape (n_tokens, vector_size), float32, of the context and of the target
    accumulators: list | tuple = ()  # of ndarrays of shape (n_tokens,), float32, of row-wise Adagrad
    components: np.ndarray | tuple = ()  # (n_components, vector_size) float32
    loss_curve: list | tuple = ()
    rng_state: dict | None = None
    n_documents: int = 0
    document_frequency: np.ndarray | None = None  # (n_tokens,), only with idf


def _generator(random_state):
    if isinstance(random_state, dict):  # of a generator, to resume
        generator = np.random.default_rng(0)
        generator.bit_generator.state = random_state
        return generator
    if isinstance(random_state, np.random.RandomState):
        random_state = random_state.randint(2**32, dtype=np.uint32)
    return np.random.default_rng(random_state)
