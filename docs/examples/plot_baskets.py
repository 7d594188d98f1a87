"""
Products in baskets instead of words
====================================

Nothing in word2vec knows that a token is a word. If a document is a basket and its
tokens are product numbers, then products that are bought together with the same others
get similar vectors, and the average of a basket is close to what is missing from it.
Tokens may be integers, as they come from a database.
"""

# %%
# Baskets
# -------
#
# Shops keep theirs to themselves, so we make some up: 40 dishes have eight ingredients
# each out of 200 products, and a basket holds most ingredients of one or two dishes and
# three staples.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.preprocessing import normalize

from sk_cbow import CBOWVectorizer

rng = np.random.default_rng(0)
products = np.arange(1000, 1200)  # as numbered in a database
staples = products[:10]
dishes = [rng.choice(products[10:], 8, replace=False) for _ in range(40)]


def basket():
    wanted = np.concatenate(
        [
            dishes[number]
            for number in rng.choice(40, rng.integers(1, 3), replace=False)
        ]
    )
    bought = wanted[rng.random(len(wanted)) < 0.7]
    return rng.permutation(
        np.unique(np.concatenate([bought, rng.choice(staples, 3)]))
    ).tolist()


baskets = [basket() for _ in range(20_000)]
mean_length = sum(map(len, baskets)) / len(baskets)
print(f"{mean_length:.1f} products in a basket, for example {baskets[0][:8]} …")

# %%
# Vectors of products
# -------------------
#
# The order in a basket means nothing, so ``window`` is at least as long as a basket;
# the width that is used is drawn anew for each block of training. Most of these few
# products are frequent in the sense of ``sample``, which is meant for words like "the",
# so subsampling is turned off.

train, test = (
    baskets[:18_000],
    [basket for basket in baskets[18_000:] if len(basket) > 4],
)
vectorizer = CBOWVectorizer(
    vector_size=50, window=20, sample=0, epochs=10, random_state=0
).fit(train)

product = int(dishes[0][0])
together = {
    int(other) for dish in dishes if product in dish for other in dish
} - {product}
print(f"nearest to product {product} (* is in a dish with it):")
for other, cosine in vectorizer.most_similar(product, topn=8):
    print(f"   {other}{'*' if other in together else ' '} {cosine:.2f}")

# %%
# What is missing from the basket?
# --------------------------------
#
# From each basket that the vectorizer has not seen, one product that is no staple is
# taken out. Products are recommended by how near their vectors are to the average of
# what is left. Next to it, those that sell best: the vocabulary is in the order of
# counts.

hidden, left = [], []
for basket in test:
    taken = next(product for product in basket if product not in staples)
    hidden.append(vectorizer.vocabulary_[taken])
    left.append([product for product in basket if product != taken])

nearness = vectorizer.transform(left) @ normalize(vectorizer.embeddings_).T
sales = np.tile(-np.arange(nearness.shape[1], dtype=float), (len(left), 1))
sales[:, [vectorizer.vocabulary_[product] for product in staples]] = -np.inf
numbers_shown = np.arange(1, 31)
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for name, scores in [
    ("nearest to the basket", nearness),
    ("best sellers", sales),
]:
    for row, basket in enumerate(
        left
    ):  # what is there already is not recommended
        scores[
            row, [vectorizer.vocabulary_[product] for product in basket]
        ] = -np.inf
    score_of_hidden = scores[np.arange(len(left)), hidden]
    rank = (scores > score_of_hidden[:, None]).sum(axis=1)
    share = [(rank < n).mean() for n in numbers_shown]
    print(
        f"{name}: the missing product is among ten of {share[9]:.0%} of the baskets"
    )
    axes.plot(numbers_shown, share, label=name)
axes.set(xlabel="products recommended", ylabel="share of baskets", ylim=(0, 1))
axes.set_title("The missing product is among those recommended")
axes.grid(alpha=0.3)
axes.legend()
plt.show()
