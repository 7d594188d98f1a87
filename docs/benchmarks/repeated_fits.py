"""Fit sixty times in one process: how much memory do fits leave behind, and are all results identical?

    python docs/benchmarks/repeated_fits.py

The text is synthetic: 120,000 tokens that follow Zipf's law. Linux only (/proc/self/statm).
"""

import hashlib
import os

import numpy as np

from sk_cbow import CBOWVectorizer

N_FITS, FIRST = 60, 5


def main():
    rng = np.random.default_rng(0)
    documents = [[str(number) for number in rng.zipf(1.3, 60) % 5000] for _ in range(2000)]
    resident, hashes = [], set()
    for number in range(1, N_FITS + 1):
        vectorizer = CBOWVectorizer(min_count=1, epochs=1, random_state=0).fit(documents)
        hashes.add(hashlib.sha256(vectorizer.embeddings_.tobytes()).hexdigest())
        resident.append(resident_megabytes())
        if number % 5 == 0:
            print(f"fit {number:2}: {resident[-1]:7.1f} MB resident", flush=True)
    growth = (resident[N_FITS - 1] - resident[FIRST - 1]) / (N_FITS - FIRST)
    print(f"growth per fit over fits {FIRST} to {N_FITS}: {growth:.2f} MB")
    print(f"distinct results: {len(hashes)} ({min(hashes)[:16]})")


def resident_megabytes(process="self"):
    with open(f"/proc/{process}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
