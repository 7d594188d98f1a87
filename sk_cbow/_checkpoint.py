"""Training that may be interrupted <-> a file from which it resumes, if it is the same training."""

import hashlib
import json
import zipfile
from typing import NamedTuple

import numpy as np


class SavedTraining(NamedTuple):
    """Training between two blocks."""

    rng_state: dict  # of the generator, before training
    progress: tuple  # of numbers and a list of numbers
    tables: list  # of ndarrays of shape (n_tokens, vector_size), float32
    accumulators: list  # of ndarrays of shape (n_tokens,), float32


def digest(*arrays, texts=()):
    """A short text that differs if the contents of arrays or texts do."""
    state = hashlib.blake2b(digest_size=16)
    for array in arrays:
        state.update(np.ascontiguousarray(array))
    for text in texts:
        state.update(repr(text).encode(errors="surrogatepass"))
    return state.hexdigest()


def write_checkpoint(file, identity, saved):
    """Write training into a binary file.

    Parameters
    ----------
    file : binary file
    identity : dict
        Everything that decides the result of the training: name -> index, text or dict of these.
    saved : SavedTraining
    """
    texts = {"identity": identity, "rng_state": saved.rng_state, "progress": saved.progress}
    arrays = {f"table {index}": table for index, table in enumerate(saved.tables)}
    arrays |= {f"accumulator {index}": values for index, values in enumerate(saved.accumulators)}
    np.savez(file, **{name: np.array(json.dumps(value)) for name, value in texts.items()}, **arrays)


def read_checkpoint(file, identity, path):
    """Read training from a binary file, after a check that it is the same training.

    Raises
    ------
    ValueError
        If the file is no checkpoint or damaged, or of other training.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            found, rng_state, progress = (
                json.loads(str(arrays[name])) for name in ("identity", "rng_state", "progress")
            )
            tables, accumulators = (
                [arrays[name] for name in arrays.files if name.startswith(kind)] for kind in ("table", "accumulator")
            )
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"checkpoint={path!r} is not a checkpoint of sk_cbow, or it is damaged: delete it, or pass another path"
        ) from error
    different = [name for name in identity | found if found.get(name) != identity.get(name)]
    if different:
        raise ValueError(
            f"checkpoint={path!r} is of another fit, with another {' and '.join(different)}: fit as before to resume, "
            "or delete the file, or pass another path"
        )
    return SavedTraining(rng_state, tuple(progress), tables, accumulators)
