"""What an environment with sk-cbow-serving has to do, and that it refuses to train."""

import pickle
from importlib.util import find_spec

from sk_cbow import CBOWVectorizer, WordVectors

assert find_spec("tensorflow") is find_spec("keras") is None
word_vectors = WordVectors(["tea", "milk", "car"], [[1, 0], [1, 1], [0, 1]])
vectorizer = CBOWVectorizer.from_vectors(word_vectors, analyzer="word")
vectorizer = pickle.loads(pickle.dumps(vectorizer))
assert vectorizer.transform(["Tea and milk", "unknown"]).tolist() == [[1, 0.5], [0, 0]]
assert vectorizer.most_similar("tea", topn=1)[0][0] == "milk"
refusal = ""
try:
    vectorizer.fit(["tea and milk"] * 10)
except ImportError as error:
    refusal = str(error)
assert refusal.endswith("pip install tensorflow"), refusal
assert vectorizer.transform(["tea"]).tolist() == [[1, 0]]
print("serves without TensorFlow")
