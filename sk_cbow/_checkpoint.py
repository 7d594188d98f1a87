"""The state of training <-> a file from which the same training can resume."""

import hashlib
import json
import zipfile
from typing import NamedTuple

import numpy as np


class SavedTraining(NamedTuple):
    """The state of training between two blocks."""

    rng_state: dict  # of the random generator, before training
    progress: tuple  # a `Progress` of _model.py
    tables: list  # of ndarrays of shape (n_tokens, vector_size), float32
    accumulators: list  # of ndarrays of shape (n_tokens,), float32


def digest(*arrays, texts=()):
    """A hash of the contents of arrays and texts."""
    state = hashlib.blake2b(digest_size=16)
    for array in arrays:
        state.update(np.ascontiguousarray(array))
    for text in texts:
        state.update(repr(text).encode(errors="surrogatepass"))
    return state.hexdigest()


def write_checkpoint(file, identity, saved):
    """Write the state of training to a binary file.

    Parameters
    ----------
    file : binary file
    identity : dict
        Everything that determines the result of training: name -> number, text or dict of these.
    saved : SavedTraining
    """
    texts = {"identity": identity, "rng_state": saved.rng_state, "progress": saved.progress}
    arrays = {f"table {index}": table for index, table in enumerate(saved.tables)}
    arrays |= {f"accumulator {index}": values for index, values in enumerate(saved.accumulators)}
    np.savez(file, **{name: np.array(json.dumps(value)) for name, value in texts.items()}, **arrays)


def read_checkpoint(file, identity, path):
    """Read the state of training from a binary file.

    Raises
    ------
    ValueError
        If the file is not a checkpoint, is damaged, or has another identity.
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
