"""Corpora that several test modules use."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def two_topics():
    """400 documents of 8 words from one of two topics that share no word, and the topics."""
    rng = np.random.default_rng(0)
    topics = rng.integers(0, 2, 400)
    words = [["tea", "milk", "cup", "sugar", "spoon", "pot"], ["car", "road", "wheel", "brake", "fuel", "lane"]]
    return [rng.choice(words[topic], 8).tolist() for topic in topics], topics
