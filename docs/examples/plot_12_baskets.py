"""
Products in baskets instead of words
====================================

Nothing in word2vec requires that a token is a word. If a document is a basket and its
tokens are product numbers, do the vectors find the product that is missing from a
basket? They compete with co-occurrence counts and with the best sellers.
"""

# %%
# Baskets
# -------
#
# The baskets are synthetic. There are 200 products and 40 dishes with eight ingredients
# each. A basket holds about 70% of the ingredients of one or two dishes, and up to
# three staples.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.preprocessing import normalize

from sk_cbow import CBOWVectorizer

products = np.arange(1000, 1200)  # as numbered in a database
staples = products[:10]


def draw_baskets(rng, n_baskets=10_000):
    dishes = [rng.choice(products[10:], 8, replace=False) for _ in range(40)]
    baskets = []
    for _ in range(n_baskets):
        chosen = rng.choice(40, rng.integers(1, 3), replace=False)
        wanted = np.concatenate([dishes[dish] for dish in chosen])
        bought = wanted[rng.random(len(wanted)) < 0.7]
        bought = np.union1d(bought, rng.choice(staples, 3))
        baskets.append(rng.permutation(bought).tolist())
    return baskets


baskets = draw_baskets(np.random.default_rng(0))
mean_length = np.mean([len(basket) for basket in baskets])
print(f"{mean_length:.1f} products in a basket, for example")
print(baskets[0])

# %%
# Three recommenders
# ------------------
#
# The order of products in a basket means nothing, so ``document_context`` is 1: the
# context is a random sample of the basket, up to 20 products on each side. With only
# 200 products, nearly every one is above the threshold of subsampling, so it is turned
# off. Tokens may be integers.
#
# - *word vectors*: the products whose vectors are nearest to the average of the basket;
# - *co-occurrence*: the cosine between two columns of the matrix of baskets by
#   products, summed over the products in the basket;
# - *best sellers*: the most frequent products, without the staples.


def recommenders(train, test):
    """Scores of all products for each basket of the test set."""
    vectorizer = CBOWVectorizer(
        vector_size=50,
        document_context=1,
        sample=0,
        random_state=0,
    ).fit(train)
    vocabulary = vectorizer.vocabulary_
    counter = CountVectorizer(analyzer=list, vocabulary=vocabulary)
    is_bought, is_left = (
        counter.transform(baskets).toarray() for baskets in (train, test)
    )
    similarity = cosine_similarity(is_bought.T)
    n_sold = is_bought.sum(axis=0).astype(float)
    n_sold[[vocabulary[staple] for staple in staples]] = 0
    scores = {
        "word vectors": vectorizer.transform(test)
        @ normalize(vectorizer.embeddings_).T,
        "co-occurrence": is_left @ similarity,
        "best sellers": np.tile(n_sold, (len(test), 1)),
    }
    for matrix in scores.values():
        matrix[is_left == 1] = -np.inf  # already in the basket
    return vocabulary, scores


# %%
# What is missing from the basket?
# --------------------------------
#
# From each test basket with more than four products, one that is not a staple is
# removed. Its rank among the recommended products shows how good the recommendations
# are. All of it is repeated with three draws of dishes and baskets.

n_shown = np.arange(1, 31)
found = {}
for draw in range(3):
    baskets = draw_baskets(np.random.default_rng(draw))
    test = [basket for basket in baskets[9000:] if len(basket) > 4]
    removed = [
        next(product for product in basket if product not in staples)
        for basket in test
    ]
    left = [
        [product for product in basket if product != missing]
        for basket, missing in zip(test, removed, strict=True)
    ]
    vocabulary, scores_of = recommenders(baskets[:9000], left)
    columns = [vocabulary[product] for product in removed]
    for name, scores in scores_of.items():
        score_of_removed = scores[np.arange(len(left)), columns]
        rank = (scores > score_of_removed[:, None]).sum(axis=1)
        share = [(rank < n).mean() for n in n_shown]
        found.setdefault(name, []).append(share)

print("share of baskets whose missing product is recommended")
print(f"{'':15}{'first':>14}{'among five':>14}{'among ten':>14}")
for name, shares in found.items():
    mean, deviation = np.mean(shares, axis=0), np.std(shares, axis=0)
    cells = [f"{mean[n - 1]:.3f} ± {deviation[n - 1]:.3f}" for n in (1, 5, 10)]
    print(f"{name:15}" + "".join(f"{cell:>14}" for cell in cells))

# %%

figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
for name, shares in found.items():
    mean, deviation = np.mean(shares, axis=0), np.std(shares, axis=0)
    (line,) = axes.plot(n_shown, mean, linewidth=2.5, label=name)
    axes.fill_between(
        n_shown,
        mean - deviation,
        mean + deviation,
        color=line.get_color(),
        alpha=0.2,
    )
axes.set_xlabel("products recommended", fontsize=13)
axes.set_ylabel("share of baskets", fontsize=13)
axes.set_title("Is the missing product found?", fontsize=15)
axes.set_ylim(0, 1)
axes.tick_params(labelsize=12)
axes.grid(alpha=0.3)
axes.legend(fontsize=13, loc="center")
plt.show()

# %%
# Word vectors and co-occurrence are far better than the best sellers. With ten
# recommendations, word vectors find the missing product a little more often. With one
# or five, the two do not differ by more than the spread. Co-occurrence has no
# hyperparameters, so try it first. Real baskets are less regular than these.
