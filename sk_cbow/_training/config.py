"""What training is given and what it returns, as plain data: this module does not import TensorFlow."""

import math
from typing import NamedTuple

NEGATIVES_PER_GROUP = 12  # shared by the targets of a group


class TrainingConfig(NamedTuple):
    """The parameters on which the result of training depends, as in `CBOWVectorizer`."""

    vector_size: int = 100
    window: int = 5
    document_context: float = 0.8
    sample: float = 1e-3
    negative: int = 5
    ns_exponent: float = 0.75
    shared_embedding: bool = True
    epochs: int = 5
    learning_rate: float = 0.25
    batch_size: int | str = "auto"
    # None is log(negative). The dot products that minimize the loss of negative sampling are the pointwise mutual
    # information less log k (Levy & Goldberg, 2014). In a shared table, where unrelated words are orthogonal, the
    # vectors cannot represent that constant.
    offset: float | None = None
    negatives_per_group: int = NEGATIVES_PER_GROUP

    @property
    def n_tables(self):
        return 1 if self.shared_embedding else 2

    @property
    def logit_offset(self):
        return math.log(self.negative) if self.offset is None else self.offset


class Tables(NamedTuple):
    """One or two tables of vectors, of the context and of the target, with the accumulators of row-wise Adagrad."""

    vectors: list  # of ndarrays of shape (n_tokens, vector_size), float32
    accumulators: list  # of ndarrays of shape (n_tokens,), float32; inf freezes a row


class EpochLoss(NamedTuple):
    """The loss of the targets and their negative samples in an epoch, or in a part of it."""

    total: float = 0.0
    n_targets: float = 0.0

    @property
    def mean(self):
        return self.total / max(self.n_targets, 1)


class Progress(NamedTuple):
    """The blocks trained on so far."""

    losses: list | tuple = ()  # an `EpochLoss` for each finished epoch
    n_blocks: int = 0  # blocks of the unfinished epoch that have been trained on
    loss: EpochLoss = EpochLoss()  # of these blocks


NO_PROGRESS = Progress()
