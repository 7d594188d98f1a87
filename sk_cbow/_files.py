"""A path -> a file to write, which appears there when it is complete, or the bounded lines of a file to read."""

import codecs
import gzip
import io
import itertools
import os
import re
import signal
import stat
import tempfile
import threading
import zlib
from contextlib import contextmanager, nullcontext

MAX_LINE_BYTES = 2**20  # of a file of which any line can be short
QUOTED_CHARACTERS = 80  # of a token or a line, in an error message
DESCRIPTOR_PATH = re.compile(r"(?:/dev|/proc/(\d+)(?:/task/\d+)?)/fd/(\d+)")  # where /dev/stdout leads, too


@contextmanager
def replaced(path):
    """Open a file for writing that replaces the one under `path` when it is complete.

    After an exception, and after SIGTERM in the main thread, nothing is left of the new file and the old one is as it
    was. An existing file keeps its mode, and a symbolic link stays a link. Pipes, devices and open descriptors, such as
    /dev/stdout, cannot be replaced and are written into.

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
        If the folder does not exist or cannot be written, or the disk is full.
    """
    path = os.fsdecode(path) or os.curdir
    target, mode = os.path.realpath(path), _mode(path)
    descriptor = _descriptor_path(path)
    if descriptor or not (mode is None or stat.S_ISREG(mode)):
        with _open_in_place(path, descriptor) as file, _compressed(path, file) as to_compress:
            yield to_compress
        return
    with _unwind_on_sigterm(), _private_folder(path, target) as folder:
        unfinished = os.path.join(folder, "unfinished")
        with open(unfinished, "wb") as file:
            with _compressed(path, file) as to_compress:
                yield to_compress
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(unfinished, stat.S_IMODE(mode))
        os.replace(unfinished, target)


def _mode(path):
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None


def _descriptor_path(path):
    """Follow symbolic links up to an open descriptor of a process; None if they lead elsewhere.

    A descriptor's entry in /proc is a link, too, but another file under the same name would not be the one it has open.
    """
    while True:
        folder, name = os.path.split(path)
        path = os.path.join(os.path.realpath(folder), name)
        if descriptor := DESCRIPTOR_PATH.fullmatch(path):
            return descriptor
        if not os.path.islink(path):
            return None
        path = os.path.join(os.path.dirname(path), os.readlink(path))


def _open_in_place(path, descriptor):
    if descriptor and descriptor[1] in (None, str(os.getpid())):
        try:
            return open(os.dup(int(descriptor[2])), "wb")  # opened by its path, a file would be written from its start
        except OSError as error:
            error.filename = path
            raise
    return open(path, "wb")


def _compressed(path, file):
    return gzip.GzipFile("", "wb", fileobj=file) if path.endswith(".gz") else nullcontext(file)


def _private_folder(path, target):
    """A folder beside the target: contents are private until complete, and a new file's mode follows the umask."""
    try:
        return tempfile.TemporaryDirectory(prefix=".sk_cbow-", dir=os.path.dirname(target))
    except OSError as error:
        error.filename = path  # the name of the temporary folder means nothing to the user
        raise


@contextmanager
def _unwind_on_sigterm():
    """Unwind the stack at SIGTERM, which would end the process at once, and end it by SIGTERM afterwards.

    Python allows handlers in the main thread only; a handler that the program has installed stays in its place.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    received = []

    def unwind(signal_number, frame):
        received.append(signal_number)
        if len(received) == 1:  # a second one must not interrupt the removal of the file
            raise SystemExit(128 + signal_number)

    try:
        signal.signal(signal.SIGTERM, unwind)
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if received:
            os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def opened(path):
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
        raise ValueError(f"{path} cannot be unpacked ({error}): it is damaged or incomplete; get it anew") from error


class RereadableFile:
    """A binary file that need not be seekable, such as a pipe, to which bytes can be given back."""

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
    """Yield the number and the bytes of each line, with its line break; never hold more than `max_bytes` of one.

    Raises
    ------
    ValueError
        If a line is longer.
    """
    for number in itertools.count(first_number):
        line = file.readline(max_bytes + 1)
        if len(line) > max_bytes:
            raise ValueError(
                f"line {number} of {path} has more than {max_bytes} bytes: the file is damaged or of another format; "
                "check that it is what you want to read, or download it again"
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
    with opened(path) as file:
        for number, line in numbered_lines(file, path, MAX_LINE_BYTES):
            location = f"line {number} of {path}"
            try:
                text = line.decode().rstrip("\r\n")
            except UnicodeDecodeError:
                raise ValueError(f"{location} is {shown(line)}, which is not UTF-8: convert the file to it") from None
            if text.strip():
                yield location, text


def shown(value):
    """Quote a token, a line or another value in an error message, however long it is."""
    if isinstance(value, bytes):
        value = value[: 4 * QUOTED_CHARACTERS + 4].decode(errors="replace").rstrip("\r\n")
    if isinstance(value, str):
        return repr(str(value)) if len(value) <= QUOTED_CHARACTERS else repr(value[:QUOTED_CHARACTERS]) + "…"
    try:
        text = repr(value)
    except ValueError:  # from Python's limit of digits
        return f"an integer of {value.bit_length()} bits"
    return text if len(text) <= QUOTED_CHARACTERS else text[:QUOTED_CHARACTERS] + "…"
