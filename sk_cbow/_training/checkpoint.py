"""Unfinished training <-> a file from which it can resume."""

import hashlib
import itertools
import json
import os
import stat
import zipfile
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from sk_cbow._files import COMPRESSED_SUFFIXES, atomic_write
from sk_cbow._training.config import EpochLoss, Progress, Tables
from sk_cbow._version import MINOR_VERSION

TEXTS = ("fingerprint", "rng_state", "progress")


class SavedTraining(NamedTuple):
    """Unfinished training, between two blocks."""

    rng_state: dict  # of the random generator, before training
    progress: Progress
    tables: Tables


def digest(*arrays, texts=()):
    """A hash of the contents of arrays and texts."""
    hasher = hashlib.blake2b(digest_size=16)
    for array in arrays:
        hasher.update(f"{array.dtype.str} {array.shape}\n".encode())
        hasher.update(np.ascontiguousarray(array))
    for text in texts:
        hasher.update(repr(text).encode(errors="surrogatepass") + b"\n")
    return hasher.hexdigest()


def fingerprint_of(corpus, config, row_inits, rng_state):
    """Everything on which the result of a fit depends: name -> number, text or dict of these."""
    return {
        "version of sk_cbow": MINOR_VERSION,
        **config._asdict(),
        "random_state": rng_state,
        "documents": digest(corpus.rows, corpus.offsets, texts=corpus.vocabulary.rows),
        "initial vectors": digest(*[array for inits in row_inits for init in inits for array in init]),
    }


def check_checkpoint_path(checkpoint):
    """Check that a file can be written, read and deleted, without opening it.

    Raises
    ------
    ValueError
        If it cannot.
    """
    problem = None
    try:
        path = os.fsdecode(checkpoint)
        folders = [os.path.dirname(path) or ".", os.path.dirname(os.path.realpath(path))]  # of a link and its target
        if path.lower().endswith(COMPRESSED_SUFFIXES):
            problem = "the name of a compressed file, which a checkpoint is not"
        elif os.path.basename(path) in ("", ".", "..") or not stat.S_ISREG(_mode(path)):
            problem = "not a file"
        elif not all(map(os.path.isdir, folders)):
            problem = "in a folder that does not exist"
        elif not os.access(folders[-1], os.W_OK) or (os.path.exists(path) and not os.access(path, os.R_OK | os.W_OK)):
            problem = "not writable"
    except (OSError, ValueError) as error:  # a loop of links, a name that is too long or has a null character
        problem = f"not a path ({getattr(error, 'strerror', None) or error})"
    if problem:
        raise ValueError(
            f"checkpoint={checkpoint!r} is {problem}: pass the path of a new file in a writable folder, such as "
            "'training.npz'"
        )


def _mode(path):
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return stat.S_IFREG


def write_checkpoint(path, fingerprint, saved):
    """Write unfinished training to a file.

    Parameters
    ----------
    path : str or path-like
    fingerprint : dict
        As `fingerprint_of` returns it.
    saved : SavedTraining

    Raises
    ------
    OSError
        If the file cannot be written; the message has a remedy.
    """
    texts = dict(zip(TEXTS, map(json.dumps, (fingerprint, saved.rng_state, saved.progress)), strict=True))
    arrays = {name: np.array(text) for name, text in texts.items()}
    arrays |= {f"table {index}": vectors for index, vectors in enumerate(saved.tables.vectors)}
    arrays |= {f"accumulator {index}": values for index, values in enumerate(saved.tables.accumulators)}
    try:
        with atomic_write(path) as file:
            np.savez(file, **arrays)
    except OSError as error:
        raise OSError(
            error.errno,
            f"{error.strerror or error}; training cannot be saved in this checkpoint: free space, or pass another path",
            os.fsdecode(path),
        ) from error


def read_checkpoint(path, fingerprint, n_tables, table_shape):
    """Read unfinished training from a file.

    Parameters
    ----------
    path : str or path-like
    fingerprint : dict
        As in `write_checkpoint`.
    n_tables : int
    table_shape : tuple
        (n_tokens, vector_size).

    Returns
    -------
    saved : SavedTraining

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ValueError
        If the file is not a checkpoint, is damaged, or has another fingerprint.
    """
    with open(path, "rb") as file:
        try:
            archive = zipfile.ZipFile(file)
            found = _read_text(archive, "fingerprint")
            different = [name for name in fingerprint | found if found.get(name) != fingerprint.get(name)]
            if not different:
                return _read_training(archive, n_tables, table_shape)
        except MemoryError:
            raise
        except Exception as error:  # of zipfile, NumPy, json and the checks below, which raise a dozen kinds
            raise ValueError(
                f"checkpoint={path!r} is not a checkpoint of sk_cbow, or it is damaged: delete it, or pass another path"
            ) from error
    raise ValueError(
        f"checkpoint={path!r}, saved by sk_cbow {found.get('version of sk_cbow')}, is of another fit, with another "
        f"{' and '.join(different)}: fit as before to resume, or delete the file, or pass another path"
    )


def _read_training(archive, n_tables, table_shape):
    shapes = {f"table {index}": table_shape for index in range(n_tables)}
    shapes |= {f"accumulator {index}": table_shape[:1] for index in range(n_tables)}
    if sorted(archive.namelist()) != sorted(f"{name}.npy" for name in (*TEXTS, *shapes)):
        raise ValueError(f"the entries are {archive.namelist()}")
    rng_state, progress = _read_text(archive, "rng_state"), _read_text(archive, "progress")
    np.random.default_rng(0).bit_generator.state = rng_state  # raises if it is not a state
    losses, n_blocks, loss = progress
    progress = Progress([EpochLoss(*finished) for finished in losses], n_blocks, EpochLoss(*loss))
    if not all(isinstance(value, (int, float)) for value in (n_blocks, *itertools.chain(*progress.losses, loss))):
        raise ValueError(f"the progress is {progress}")
    arrays = [_read_array(archive, name, np.float32, shape) for name, shape in shapes.items()]
    return SavedTraining(rng_state, progress, Tables(arrays[:n_tables], arrays[n_tables:]))


def _read_text(archive, name):
    return json.loads(str(_read_array(archive, name, np.str_, ())))


def _read_array(archive, name, dtype, shape):
    """Read an array without memory for more than the file contains."""
    member = archive.getinfo(f"{name}.npy")
    if member.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is compressed")
    with archive.open(member) as entry:
        version = np.lib.format.read_magic(entry)
        if version != (1, 0):
            raise ValueError(f"{name} has the version {version}")
        found_shape, is_fortran_order, found_dtype = np.lib.format.read_array_header_1_0(entry)
        if found_shape != shape or is_fortran_order or not np.issubdtype(found_dtype, dtype):
            raise ValueError(f"{name} has the shape {found_shape} and the type {found_dtype}")
        return np.frombuffer(entry.read(), found_dtype).reshape(shape)


def remove_checkpoint(path):
    """Delete the file, if there is one. Of a symbolic link, the target, so that the next fit writes there, too."""
    with suppress(FileNotFoundError):
        os.remove(os.path.realpath(path))
