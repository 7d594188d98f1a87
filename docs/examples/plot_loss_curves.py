"""
Loss curves, and stopping early
===============================

``loss_curve_`` has the mean loss of each epoch, and Keras' callbacks see it while
training goes on.
"""

# %%
# Three learning rates
# --------------------
#
# The learning rate, which falls linearly to zero over a fit, decides how fast the loss
# falls.

import matplotlib.pyplot as plt
from keras.callbacks import EarlyStopping, LambdaCallback

from docstrings import labelled_docstrings, tokens
from sk_cbow import CBOWVectorizer

documents = [tokens(docstring) for docstring in labelled_docstrings()[0]]

figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for learning_rate in [0.03, 0.25, 1.0]:
    vectorizer = CBOWVectorizer(
        epochs=10, learning_rate=learning_rate, random_state=0
    ).fit(documents)
    first, *_, last = vectorizer.loss_curve_
    print(f"learning_rate {learning_rate:4}: losses {first:.3f} … {last:.3f}")
    axes.plot(
        range(1, vectorizer.n_iter_ + 1),
        vectorizer.loss_curve_,
        marker="o",
        label=f"learning rate {learning_rate}",
    )
axes.set(xlabel="epoch", ylabel="mean loss of a target and its noise")
axes.grid(alpha=0.3)
axes.legend()
plt.show()

# %%
# The loss is a poor guide to the quality of vectors: large steps end well although they
# begin badly. A task, such as :doc:`a classifier downstream
# </gallery/plot_grid_search>`, tells more.
#
# Stopping early
# --------------
#
# ``callbacks`` takes any callback of Keras. ``EarlyStopping`` watches the "loss", for
# there is no validation data, and ends a fit when an epoch brings less than
# ``min_delta``. In ``logs``, a callback also finds "tokens_per_second".


def say(epoch, logs):
    print(f"epoch {epoch + 1:2}: loss {logs['loss']:.3f}")


callbacks = [
    EarlyStopping("loss", min_delta=0.01),
    LambdaCallback(on_epoch_end=say),
]
vectorizer = CBOWVectorizer(epochs=40, callbacks=callbacks, random_state=0)
vectorizer.fit(documents)
print(f"stopped after {vectorizer.n_iter_} of {vectorizer.epochs} epochs")

# %%
# Fitting uses copies of the callbacks in a list, so that a vectorizer can be cloned and
# pickled. A function instead, ``callbacks=lambda: [callback]``, hands over the
# callbacks themselves, for those whose findings you want to read afterwards. When
# training stops early, the learning rate has not fallen to zero yet: if you know how
# many epochs are needed, it is better to ask for so many from the start.
