"""
Sessions: which item comes next?
================================

A session is a document whose tokens are items, such as the products that a visitor
looks at. Which item does the visitor want next? Vectors of items can tell, and so can
counts. Which of them is better, and what matters?
"""

# %%
# Sessions
# --------
#
# The shop is synthetic. It has 1000 items in 50 categories, and for each item there are
# six others that often follow it, four of them in its category. Each step of a session
# goes to one of the six, or to another item of the category, or anywhere. Popular items
# are chosen more often.

import matplotlib.pyplot as plt
import numpy as np

from sk_cbow import CBOWVectorizer


def draw_sessions(rng, n_sessions=10_000, n_items=1000, n_categories=50):
    category = rng.integers(n_categories, size=n_items)
    popularity = rng.permutation(1 / np.arange(10, n_items + 10))
    everything = np.arange(n_items)
    members = [
        np.flatnonzero(category == number) for number in range(n_categories)
    ]

    def draw(items, size=None):
        weights = popularity[items]
        return rng.choice(items, size, p=weights / weights.sum())

    following = [
        [*draw(members[own], 4), *draw(everything, 2)]
        for own in category.tolist()
    ]
    anywhere = iter(draw(everything, 20 * n_sessions))
    sessions = []
    for _ in range(n_sessions):
        session = [next(anywhere)]
        for step in rng.random(1 + rng.geometric(0.25)):
            if step < 0.6:
                item = rng.choice(following[session[-1]])
            elif step < 0.85:
                item = rng.choice(members[category[session[-1]]])
            else:
                item = next(anywhere)
            if item not in session:
                session.append(item)
        if len(session) > 1:
            sessions.append([int(item) for item in session])
    return sessions


sessions = draw_sessions(np.random.default_rng(0))
print(
    f"{np.mean([len(session) for session in sessions]):.1f} items in a session"
)
print(*sessions[:3], sep="\n")

# %%
# The last item of each test session is to be predicted from the others. Ten items are
# recommended, none of which the visitor has seen.

train, test = sessions[:-1000], sessions[-1000:]
seen = [session[:-1] for session in test]
wanted = [session[-1] for session in test]


def hit_rate(recommended):
    """Share of the sessions whose last item is among the recommended ones."""
    hits = [
        item in items for item, items in zip(wanted, recommended, strict=True)
    ]
    return np.mean(hits)


# %%
# Counts
# ------
#
# Two baselines need no vectors: the best sellers, and the items that are most often one
# step or two away from the visitor's last item.

n_items = 1000
sold = np.zeros(n_items)
pairs = np.zeros((n_items, n_items))
for session in train:
    np.add.at(sold, session, 1)
    for distance in (1, 2):
        before, after = session[:-distance], session[distance:]
        np.add.at(pairs, (before, after), 1 / distance)
        np.add.at(pairs, (after, before), 1 / distance)


def ten_best(scores):
    scores = scores.copy()
    for row, session in zip(scores, seen, strict=True):
        row[session] = -np.inf
    return np.argsort(-scores, axis=1)[:, :10]


last = [session[-1] for session in seen]
baselines = {
    "best sellers": hit_rate(ten_best(np.tile(sold, (len(seen), 1)))),
    "co-occurrence, last item": hit_rate(ten_best(pairs[last])),
    "co-occurrence, all items": hit_rate(
        ten_best(np.array([pairs[session].sum(axis=0) for session in seen]))
    ),
}

# %%
# Vectors
# -------
#
# ``most_similar`` takes the vectors of all sessions at once, and a list of items to
# exclude for each. The query can be the average of the session, that of its last item,
# or a weighted average in which later items count more.
#
# The automatic ``learning_rate`` is low for short documents, because it was chosen for
# averages and classifiers. The neighbours of items need a higher one.

recency = [0.7, 0.5, 0.3, 0.1]


def queries(vectorizer):
    steps_back = [
        vectorizer.transform(
            [session[-1 - n : len(session) - n] for session in seen]
        )
        for n in range(4)
    ]
    return {
        "average": vectorizer.transform(seen),
        "last item": steps_back[0],
        "last four": np.tensordot(recency, steps_back, axes=1),
    }


rates = dict(baselines)
for name, parameters in {
    "defaults": {},
    "learning_rate=.5": {"learning_rate": 0.5},
    "with negative=15": {"learning_rate": 0.5, "negative": 15},
    "with ns_exponent=0": {
        "learning_rate": 0.5,
        "negative": 15,
        "ns_exponent": 0,
    },
}.items():
    vectorizer = CBOWVectorizer(min_count=1, random_state=0, **parameters).fit(
        train
    )
    for kind, vectors in queries(vectorizer).items():
        neighbours = vectorizer.most_similar(vectors, topn=10, exclude=seen)
        rates[f"{name}, {kind}"] = hit_rate(
            [[item for item, _ in items] for items in neighbours]
        )

print(f"{'':30}hit rate")
for name, rate in rates.items():
    print(f"{name:30}{rate:.3f}")

# %%

figure, axes = plt.subplots(figsize=(6.5, 5), layout="constrained")
colours = [f"C{int(name in baselines)}" for name in rates]
axes.barh(list(rates), list(rates.values()), color=colours)
axes.invert_yaxis()
axes.set_xlabel("share of sessions whose next item is among ten", fontsize=12)
axes.tick_params(labelsize=11)
axes.grid(axis="x", alpha=0.3)
plt.show()

# %%
# The query matters most: in this shop, the last item says more about the next one than
# the whole session does, with counts as with vectors. Then the learning rate matters.
# Counts are ahead of vectors here, where each item has only six that often follow it.
# They have hardly any parameters and can be updated at once, so try them first.
#
# On the films that the users of MovieLens rated one after the other, vectors are ahead:
# the last four items have a hit rate of .16 with ``learning_rate=.5, negative=15``, and
# of .13 with counts (:doc:`/benchmarks/README`).
#
# :doc:`/guide/updating` shows what to do when new items arrive every day.
