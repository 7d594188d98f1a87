"""Fixtures that several test modules use."""

import os
import subprocess
import sys

import hypothesis
import numpy as np
import pytest

from sk_cbow import CBOWVectorizer

# The same examples in every run, no time limit per example, and no database of earlier failures.
hypothesis.settings.register_profile("sk_cbow", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("sk_cbow")


@pytest.fixture(scope="session")
def two_topics():
    """400 documents of 8 words from one of two topics without common words, and the topics."""
    rng = np.random.default_rng(0)
    topics = rng.integers(0, 2, 400)
    words = [["tea", "milk", "cup", "sugar", "spoon", "pot"], ["car", "road", "wheel", "brake", "fuel", "lane"]]
    return [rng.choice(words[topic], 8).tolist() for topic in topics], topics


@pytest.fixture(scope="session")
def small():
    """Parameters that learn two topics in a fraction of a second."""
    return {"vector_size": 8, "sample": 0, "epochs": 3, "learning_rate": 0.25, "random_state": 0}


@pytest.fixture(scope="session")
def fitted(two_topics, small):
    """A vectorizer fitted on two topics, which tests must not change."""
    return CBOWVectorizer(**small).fit(two_topics[0])


@pytest.fixture(scope="session")
def gensim_models():
    return pytest.importorskip("gensim.models", reason="gensim has no wheels for this version of Python")


@pytest.fixture(scope="session")
def in_a_fresh_process():
    """A function of code, arguments and environment variables: returns what the code prints in a new interpreter."""

    def run(code, *arguments, **environment):
        command = [sys.executable, "-c", code, *map(str, arguments)]
        return subprocess.run(
            command, check=True, text=True, stdout=subprocess.PIPE, env={**os.environ, **environment}
        ).stdout.strip()

    return run
