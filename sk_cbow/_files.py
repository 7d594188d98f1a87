"""A path -> a file to write atomically, or the lines of a file to read, of limited length."""

import codecs
import gzip
import io
import itertools
import os
import re
import signal
import stat
import threading
import zlib
from contextlib import contextmanager, nullcontext, suppress
from functools import partial

MAX_LINE_BYTES = 2**20  # in files of word pairs or analogies
QUOTED_CHARACTERS = 80  # of a token or a line, in an error message
DESCRIPTOR_PATH = re.compile(r"(?:/dev|/proc/(\d+)(?:/task/\d+)?)/fd/(\d+)")  # /dev/stdout links there, too


@contextmanager
def atomic_write(path):
    """Open a file for writing that replaces the one at `path` when it is complete.

    After an exception, and after SIGTERM in the main thread, the new file is removed and the old one is unchanged. An
    existing file keeps its mode and, where permitted, its owner; a symbolic link stays a link. Pipes, devices and open
    descriptors, such as /dev/stdout, cannot be replaced; they are written to.

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
    target, descriptor = _resolved(path)
    is_replaceable = os.path.basename(target) and (status is None or stat.S_ISREG(status.st_mode))
    if descriptor or not is_replaceable:
        with _open_in_place(path, descriptor) as file, _compressed(path, file) as to_compress:
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
            _copy_owner_and_mode(status, unfinished)
        os.replace(unfinished, target)


def _status(path):
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _resolved(path):
    """Follow symbolic links as the system does, to a file or to an open descriptor of a process.

    The entry of a descriptor in /proc is a link, too, but replacing its target would not change the open file.
    """
    target = path
    while True:
        folder, name = os.path.split(target)
        if not name:  # a path such as "new/", which cannot be opened
            return target, None
        with _errors_about(path):
            target = os.path.join(os.path.realpath(folder, strict=True), name)
        descriptor = DESCRIPTOR_PATH.fullmatch(target)
        if descriptor or not os.path.islink(target):
            return target, descriptor
        target = os.path.join(os.path.dirname(target), os.readlink(target))


@contextmanager
def _errors_about(path):
    """In an OSError, name the path that the user has passed, not one derived from it."""
    try:
        yield
    except OSError as error:
        error.filename = path
        raise


def _open_in_place(path, descriptor):
    if descriptor and descriptor[1] in (None, str(os.getpid())):
        with _errors_about(path):
            return open(os.dup(int(descriptor[2])), "wb")  # opening by path would write from the beginning
    return open(path, "wb")


def _compressed(path, file):
    return gzip.GzipFile("", "wb", fileobj=file) if path.endswith(".gz") else nullcontext(file)


def _created(unfinished, path, mode):
    with _errors_about(path):
        return open(unfinished, "xb", opener=partial(os.open, mode=mode))


@contextmanager
def _removed_afterwards(file):
    process = os.getpid()

    def remove():
        if os.getpid() == process:  # not in a forked process
            with suppress(OSError):
                os.remove(file)

    with _before_sigterm(remove):
        try:
            try:
                yield
            finally:
                remove()
        finally:
            remove()  # again, since Ctrl-C may have interrupted it


@contextmanager
def _before_sigterm(action):
    """Call `action` before SIGTERM ends the process.

    The stack is not unwound, just as without a handler. Python allows handlers in the main thread only. A handler that
    the program has installed is kept.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def act_and_end(signal_number, frame):
        try:
            action()
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)

    try:
        signal.signal(signal.SIGTERM, act_and_end)
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _copy_owner_and_mode(status, path):
    new = os.stat(path)
    if (new.st_uid, new.st_gid) != (status.st_uid, status.st_gid):
        # Changing the group may be permitted even if changing the user is not.
        for owner in ((status.st_uid, -1), (-1, status.st_gid)):
            with suppress(OSError):
                os.chown(path, *owner)
    os.chmod(path, stat.S_IMODE(status.st_mode))


@contextmanager
def open_for_reading(path):
    """Open a file for reading: without a byte order mark, and decompressed if its name ends in ``.gz``.

    Parameters
    ----------
    path : str or path-like

    Yields
    ------
    file : RereadableFile

    Raises
    ------
    ValueError
        If a compressed file is damaged.
    """
    path = os.fsdecode(path)
    try:
        with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
            file = RereadableFile(file)
            beginning = file.read(len(codecs.BOM_UTF8))
            if beginning != codecs.BOM_UTF8:
                file.unread(beginning)
            yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        remedy = "it is damaged or incomplete; download it again"
        raise ValueError(f"{path} cannot be unpacked ({error}): {remedy}") from error


class RereadableFile:
    """A binary file, even an unseekable one such as a pipe, with pushback: `unread` makes bytes readable again."""

    def __init__(self, file):
        self._file = file
        self._unread = io.BytesIO()

    def unread(self, data):
        self._unread = io.BytesIO(data + self._unread.read())

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
        If a line is longer than `max_bytes`, of which no more is read.
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


def text_lines(path):
    """Yield the location and the text of each line that is not empty.

    Raises
    ------
    ValueError
        If a line is not UTF-8 or longer than `MAX_LINE_BYTES`, or a compressed file is damaged.
    """
    with open_for_reading(path) as file:
        for number, line in numbered_lines(file, path, MAX_LINE_BYTES):
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
