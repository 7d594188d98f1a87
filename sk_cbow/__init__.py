"""Word2vec as a scikit-learn transformer: tokenized documents in, averaged document vectors out."""

from sk_cbow._vectorizer import CBOWVectorizer
from sk_cbow._version import __version__
from sk_cbow._word_vectors import WordVectors

__all__ = ["CBOWVectorizer", "WordVectors", "__version__"]
