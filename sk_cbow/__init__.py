"""Word2vec as a scikit-learn transformer: tokenized documents in, averaged document vectors out."""

from sk_cbow._vectorizer import CBOWVectorizer

__all__ = ["CBOWVectorizer", "__version__"]

__version__ = "0.1.0.dev0"
