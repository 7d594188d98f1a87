"""A path -> a file to write atomically, or the lines of a file to read, of limited length."""

import codecs
import errno
import gzip
import importlib
import io
import itertools
import os
import re
import stat
import zipfile
from contextlib import contextmanager, nullcontext, suppress
from functools import partial

# How files begin. No text does, because most of these bytes are not UTF-8 or are control characters.
COMPRESSED = {  # and the module that unpacks it
    rb"\x1f\x8b": "gzip",
    rb"BZh[1-9](1AY&SY|\x17rE8P\x90)": "bz2",
    rb"\xfd7zXZ\0": "lzma",
}
ZIP = rb"PK(\x03\x04|\x05\x06|\x07\x08)"
NUMPY_FILE = "a NumPy file, which has no tokens: pass dict(zip(tokens, numpy.load(path))) as init_vectors"
OTHER_FORMATS = {
    rb"\xba\x16\x4f\x2f": "a fastText model: pass its .vec file; or load it by fasttext, and pass {word: "
    "model.get_word_vector(word) for word in model.get_words()} as init_vectors",
    rb"\x80[\x02-\x05]": "a pickle, maybe of gensim: then load it by KeyedVectors.load(path), and pass that as "
    "init_vectors or save it by its method save_word2vec_format",
    rb"\x93NUMPY": NUMPY_FILE,
    rb".{100}[0-7]{6}[0-7 ]\0.{148}\0ustar": "a tar archive: unpack it first",
    rb"7z\xbc\xaf\x27\x1c|\x28\xb5\x2f\xfd": "compressed by 7-Zip or Zstandard: unpack it first",
    b"|".join([ZIP, *COMPRESSED]): "compressed twice: unpack it first",
}
COMPRESSED_SUFFIXES = (".gz", ".tgz", ".bz2", ".xz", ".zip", ".7z", ".zst")  # only .gz is written
MAGIC_BYTES = 262  # the longest of these, of tar
ZIP_ENCRYPTED = 1  # a flag in zip archives
NAMED_MEMBERS = 5  # of a zip archive, in an error message

MAX_LINE_BYTES = 2**20  # in files of word pairs or analogies
MAX_BLANK_LINES = 100_000  # one after the other; compressed, a kilobyte holds a million
QUOTED_CHARACTERS = 80  # of a token or a line, in an error message


@contextmanager
def atomic_write(path):
    """Open a file for writing that replaces the one at `path` when it is complete.

    After an exception, the new file is removed and the old one is unchanged. An existing file keeps its mode; a
    symbolic link stays a link. Pipes and devices cannot be replaced; they are written to.

    Parameters
    ----------
    path : str or path-like
        A name that ends in ``.gz`` is compressed.

    Yields
    ------
    file : binary file

    Raises
    ------
    OSError
        If `path` cannot be opened for writing, its folder is not writable, or the disk is full.
    """
    path = os.fsdecode(path)
    status = _status(path)
    is_special = status is not None and not _is_replaceable(path, status)
    target = path if is_special else _resolved(path)
    if is_special or not os.path.basename(target):  # for a path such as "new/", `open` raises an error
        with open(path, "wb") as file, _compressed(path, file) as to_compress:
            yield to_compress
        return
    if status is not None:
        os.close(os.open(path, os.O_WRONLY))  # raises if the file is not writable, even if its folder is
    unfinished = os.path.join(os.path.dirname(target), f".sk_cbow-{os.urandom(8).hex()}")
    mode = 0o666 if status is None else 0o600  # the default, or private until it gets the mode of the old file
    with _removed_afterwards(unfinished):
        with _created(unfinished, path, mode) as file:
            with _compressed(path, file) as to_compress:
                yield to_compress
            file.flush()
            os.fsync(file.fileno())
        if status is not None:
            os.chmod(unfinished, stat.S_IMODE(status.st_mode))
        os.replace(unfinished, target)


def _status(path):
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _is_replaceable(path, status):
    target = os.path.realpath(path)  # does not exist if the file is open, as in /dev/fd/5, but has been deleted
    return stat.S_ISREG(status.st_mode) and os.path.exists(target)


def _resolved(path):
    """Follow symbolic links as the system does, also to a file that does not exist yet."""
    target = path
    while True:
        folder, name = os.path.split(target)
        if not name:
            return target
        with _errors_about(path):
            target = os.path.join(os.path.realpath(folder, strict=True), name)
        if not os.path.islink(target):
            return target
        target = os.path.join(os.path.dirname(target), os.readlink(target))


@contextmanager
def _errors_about(path):
    """In an OSError, name the path that the user has passed, not one derived from it."""
    try:
        yield
    except OSError as error:
        error.filename = path
        raise


def _compressed(path, file):
    return gzip.GzipFile("", "wb", fileobj=file) if path.lower().endswith(".gz") else nullcontext(file)


def _created(unfinished, path, mode):
    with _errors_about(path):
        return open(unfinished, "xb", opener=partial(os.open, mode=mode))


@contextmanager
def _removed_afterwards(file):
    try:
        try:
            yield
        finally:
            _remove(file)
    finally:
        _remove(file)  # again, since Ctrl-C may have interrupted it


def _remove(file):
    with suppress(OSError):
        os.remove(file)


@contextmanager
def open_for_reading(path):
    """Open a file for reading: decompressed, whatever its name is, and without a byte order mark.

    Parameters
    ----------
    path : str or path-like
        A plain file, one compressed by gzip, bzip2 or xz, or a zip archive with one file.

    Yields
    ------
    file : RereadableFile

    Raises
    ------
    ValueError
        If a compressed file is damaged, or the file is of another known format, which the message names.
    """
    path = os.fsdecode(path)
    with open(path, "rb") as file:
        file = _unpacked(file, path)
        _refuse_other_formats(file, path)
        if file.peek(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8:
            file.read(len(codecs.BOM_UTF8))
        yield file


def _unpacked(file, path):
    packed = RereadableFile(file)
    beginning = packed.peek(MAGIC_BYTES)
    if re.match(ZIP, beginning):
        return RereadableFile(io.BufferedReader(_Unpacking(_member(file, path), path)))
    for magic, module in COMPRESSED.items():
        if re.match(magic, beginning):
            module = importlib.import_module(module)  # here, because Python can be built without bz2 and lzma
            return RereadableFile(io.BufferedReader(_Unpacking(module.open(packed), path)))
    return packed


def _member(file, path):
    """Open the only file in a zip archive."""
    if not file.seekable():
        raise ValueError(f"{path} is a pipe with a zip archive, which is read from its end: save it to a file first")
    with _errors_of_unpacking(path):
        archive = zipfile.ZipFile(file)
    members = [member for member in archive.infolist() if not member.is_dir()]
    if members and all(member.filename.endswith(".npy") for member in members):
        raise ValueError(f"{path} is {NUMPY_FILE}")
    if len(members) != 1:
        names = ", ".join(quoted(member.filename) for member in members[:NAMED_MEMBERS])
        names = f", {names}{', …' if len(members) > NAMED_MEMBERS else ''}" if names else ""
        raise ValueError(
            f"{path} is a zip archive of {len(members)} files{names}: pass an archive of one file, or extract the "
            "file with zipfile.ZipFile(path).extract(name) and pass that"
        )
    (member,) = members
    # Others are rare, and Python would unpack them with unlimited memory.
    is_readable = member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    if not is_readable or member.flag_bits & ZIP_ENCRYPTED:
        raise ValueError(f"{path} is encrypted, or compressed by another method than zip's usual one: unpack it first")
    with _errors_of_unpacking(path):
        return archive.open(member)


@contextmanager
def _errors_of_unpacking(path):
    """Turn the errors of damaged data into a ValueError.

    The modules raise EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError, OSError and others.
    """
    try:
        yield
    except Exception as error:
        is_of_disk = isinstance(error, OSError) and error.errno not in (None, errno.EINVAL)  # EINVAL: a damaged offset
        if is_of_disk or isinstance(error, MemoryError):
            raise
        remedy = "it is damaged or incomplete; download it again"
        raise ValueError(f"{path} cannot be unpacked ({error or type(error).__name__}): {remedy}") from error


class _Unpacking(io.RawIOBase):
    """The decompressed content of a file, whose damage is a ValueError."""

    def __init__(self, file, path):
        self._file, self._path = file, path

    def readable(self):
        return True

    def readinto(self, buffer):
        with _errors_of_unpacking(self._path):
            return self._file.readinto(buffer)


def _refuse_other_formats(file, path):
    beginning = file.peek(MAGIC_BYTES)
    for magic, kind_and_remedy in OTHER_FORMATS.items():
        if re.match(magic, beginning, re.DOTALL):
            raise ValueError(f"{path} is {kind_and_remedy}")


class RereadableFile:
    """A binary file, even an unseekable one such as a pipe, with pushback: `unread` makes bytes readable again."""

    def __init__(self, file):
        self._file = file
        self._unread = io.BytesIO()

    def unread(self, data):
        self._unread = io.BytesIO(data + self._unread.read())

    def peek(self, size):
        data = self.read(size)
        self.unread(data)
        return data

    def read(self, size):
        data = self._unread.read(size)
        return data + self._file.read(size - len(data))

    def readline(self, size):
        line = self._unread.readline(size)
        return line if line.endswith(b"\n") else line + self._file.readline(size - len(line))


def numbered_lines(file, path, max_bytes, first_number=1):
    """Yield the number and the bytes of each line, including its line break.

    Raises
    ------
    ValueError
        If a line is longer than `max_bytes`; the rest of it is not read.
    """
    for number in itertools.count(first_number):
        line = file.readline(max_bytes + 1)
        if len(line) > max_bytes:
            raise ValueError(
                f"line {number} of {path} has more than {max_bytes} bytes: the file is damaged or in another format; "
                "check that it is the right file, or download it again"
            )
        if not line:
            return
        yield number, line


def filled_lines(file, path, max_bytes, first_number=1):
    """Yield the number and the bytes of each line that is not blank, as `numbered_lines` does.

    Raises
    ------
    ValueError
        If a line is longer than `max_bytes`, or more than `MAX_BLANK_LINES` lines in a row are blank.
    """
    last = first_number - 1
    for number, line in numbered_lines(file, path, max_bytes, first_number):
        if line.strip():
            last = number
            yield number, line
        elif number - last > MAX_BLANK_LINES:
            raise ValueError(
                f"lines {last + 1} to {number} of {path} are blank: the file is damaged or in another format; remove "
                "them, or download it again"
            )


def text_lines(path):
    """Yield the location and the text of each line that is not empty.

    Raises
    ------
    ValueError
        If a line is not UTF-8 or longer than `MAX_LINE_BYTES`, more than `MAX_BLANK_LINES` lines in a row are blank, or
        a compressed file is damaged.
    """
    with open_for_reading(path) as file:
        for number, line in filled_lines(file, path, MAX_LINE_BYTES):
            location = f"line {number} of {path}"
            try:
                text = line.decode().rstrip("\r\n")
            except UnicodeDecodeError:
                raise ValueError(f"{location} is {quoted(line)}, which is not UTF-8: convert the file") from None
            if text.strip():
                yield location, text


def quoted(value):
    """Quote a token, a line or another value in an error message, shortened if it is long."""
    if isinstance(value, bytes):
        value = value[: 4 * QUOTED_CHARACTERS + 4].decode(errors="replace").rstrip("\r\n")
    if isinstance(value, str):
        return repr(str(value)) if len(value) <= QUOTED_CHARACTERS else repr(value[:QUOTED_CHARACTERS]) + "…"
    try:
        text = repr(value)
    except ValueError:  # from Python's limit of digits
        return f"an integer of {value.bit_length()} bits"
    return text if len(text) <= QUOTED_CHARACTERS else text[:QUOTED_CHARACTERS] + "…"
