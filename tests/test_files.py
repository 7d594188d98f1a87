import bz2
import errno
import gzip
import inspect
import io
import lzma
import os
import pickle
import signal
import stat
import subprocess
import sys
import tarfile
import tempfile
import threading
import tracemalloc
import zipfile
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from sk_cbow import CBOWVectorizer, WordVectors, _files, word2vec_format
from sk_cbow._files import (
    QUOTED_CHARACTERS,
    RereadableFile,
    atomic_write,
    numbered_lines,
    open_for_reading,
    quoted,
    text_lines,
)
from sk_cbow.keras import save_projector


def numbered_vectorizer(number):
    """A vectorizer whose tokens and vectors all depend on its number."""
    vectorizer = CBOWVectorizer(vector_size=20)
    vectorizer.vocabulary_ = {f"{number}_{row}": row for row in range(50)}
    vectorizer.embeddings_ = np.full((50, 20), number, np.float32)
    vectorizer.token_weights_ = np.ones(50, np.float32)
    vectorizer.components_ = np.empty((0, 20), np.float32)
    return vectorizer


IN_A_PROCESS = f"""
import os, signal, sys
import numpy as np
from sk_cbow import CBOWVectorizer, word2vec_format

{inspect.getsource(numbered_vectorizer)}
path, argument = sys.argv[1:]
"""


def write(path, content, error=None):
    with atomic_write(path) as file:
        file.write(content)
        if error:
            raise error


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_a_file_appears_when_it_is_complete_and_synced_to_disk(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: calls.append(("fsync", os.fstat(file).st_size)) or fsync(file))
    monkeypatch.setattr(os, "replace", lambda *paths: calls.append("replace") or replace(*paths))
    with atomic_write(path) as file:
        file.write(b"the new one")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"the new one"
    assert calls == [("fsync", 11), "replace"]
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
@pytest.mark.parametrize("name", ["file", "file.gz"])
@pytest.mark.parametrize("exists", [True, False])
def test_after_an_exception_the_old_file_is_intact_and_nothing_else_is_left(tmp_path, error, name, exists):
    path = tmp_path / name
    if exists:
        path.write_bytes(b"old")
    with pytest.raises(type(error)):
        write(path, b"half" * 10_000, error)
    assert os.listdir(tmp_path) == ([name] if exists else [])
    assert not exists or path.read_bytes() == b"old"


def test_after_an_error_of_the_disk_the_old_file_is_intact(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


# If Ctrl-C is pressed while Python frees an object, Python reports it and continues.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_at_any_moment_leaves_the_old_file_or_the_new_one(tmp_path, monkeypatch):
    def press_ctrl_c(*_):
        raise KeyboardInterrupt

    path = tmp_path / "file"
    path.write_bytes(b"0")
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # takes most of the time, and so most interruptions
    n_interrupted = 0
    handler = signal.signal(signal.SIGALRM, press_ctrl_c)
    try:
        for number, delay in enumerate(np.random.default_rng(0).uniform(1e-6, 3e-4, 1000), start=1):
            before = path.read_bytes()
            try:
                signal.setitimer(signal.ITIMER_REAL, delay)
                write(path, str(number).encode())
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                n_interrupted += 1
            assert os.listdir(tmp_path) == ["file"]
            assert path.read_bytes() in (before, str(number).encode())
    finally:
        signal.signal(signal.SIGALRM, handler)
    assert n_interrupted > 10


@pytest.mark.slow
def test_threads_and_processes_that_save_to_one_path_leave_one_complete_file(tmp_path):
    path = tmp_path / "vectors.txt"
    word2vec_format.save(numbered_vectorizer(0), path)
    code = f"{IN_A_PROCESS}\nprint('ready', flush=True)\n"
    code += "for _ in range(30): word2vec_format.save(numbered_vectorizer(int(argument)), path)"
    commands = [[sys.executable, "-c", code, str(path), argument] for argument in "89"]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 2
    stop, errors = threading.Event(), []

    def save_again_and_again(number):
        vectorizer = numbered_vectorizer(number)
        try:
            while not stop.is_set():
                word2vec_format.save(vectorizer, path)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=save_again_and_again, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    numbers = set()
    try:
        while any(process.poll() is None for process in processes) and not errors:
            loaded = word2vec_format.load(path)
            number = int(loaded.vectors[0, 0])
            assert list(loaded) == [f"{number}_{row}" for row in range(50)]
            assert loaded.vectors.shape == (50, 20)
            assert (loaded.vectors == number).all()
            numbers.add(number)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        for process in processes:
            process.communicate()
    assert not errors
    assert [process.returncode for process in processes] == [0, 0]
    assert len(numbers) > 1
    assert os.listdir(tmp_path) == ["vectors.txt"]


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o755])
def test_an_existing_file_keeps_its_mode(tmp_path, mode):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(mode)
    write(path, b"new")
    assert mode_of(path) == mode
    assert path.read_bytes() == b"new"


def test_the_file_that_replaces_another_is_private_until_it_is_complete(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with atomic_write(path):
        (unfinished,) = set(os.listdir(tmp_path)) - {"file"}
        assert mode_of(tmp_path / unfinished) & 0o077 == 0


@pytest.fixture
def folder_of_another_user():
    """A folder that everyone can write to, used by a user who is not root."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        try:
            yield Path(folder)
        finally:
            os.seteuid(user)


def test_a_file_that_is_not_writable_is_the_same_error_as_with_open(folder_of_another_user):
    path = folder_of_another_user / "file"
    path.write_bytes(b"old")
    path.chmod(0o444)
    with pytest.raises(PermissionError) as caught:
        write(path, b"new")
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(folder_of_another_user) == ["file"]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_mode_of_any_new_file(tmp_path, umask):
    previous = os.umask(umask)
    try:
        (tmp_path / "by open").write_bytes(b"")
        write(tmp_path / "by atomic_write", b"")
    finally:
        os.umask(previous)
    assert mode_of(tmp_path / "by atomic_write") == mode_of(tmp_path / "by open")


@pytest.mark.parametrize("exists", [True, False])
def test_a_symbolic_link_stays_one_and_its_target_is_replaced(tmp_path, exists):
    (tmp_path / "data").mkdir()
    target, link = tmp_path / "data" / "target", tmp_path / "link"
    if exists:
        target.write_bytes(b"old")
        target.chmod(0o600)
    (tmp_path / "between").symlink_to("data/target")
    link.symlink_to("between")
    write(link, b"new")
    assert os.readlink(link) == "between"
    assert not target.is_symlink()
    assert target.read_bytes() == b"new"
    assert not exists or mode_of(target) == 0o600


def test_the_file_is_the_same_as_with_open(tmp_path, monkeypatch):
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to("folder/inner")
    (tmp_path / "link to file").symlink_to("link/../by open")
    monkeypatch.chdir(tmp_path)
    write("link/../file", b"1")
    write("link to file", b"2")
    with atomic_write("relative") as file:
        monkeypatch.chdir("folder")
        file.write(b"3")
    assert (tmp_path / "folder" / "file").read_bytes() == b"1"
    assert (tmp_path / "folder" / "by open").read_bytes() == b"2"
    assert (tmp_path / "relative").read_bytes() == b"3"
    assert sorted(os.listdir(tmp_path)) == ["folder", "link", "link to file", "relative"]


@pytest.mark.parametrize(
    "path", ["", ".", "new/", "new/.", "missing/file", "missing/../file", "text/file", "text/../file", "loop"]
)
def test_paths_that_open_cannot_open_are_the_same_error(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text").write_bytes(b"old")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError) as expected:  # noqa: PT011
        os.open(path, os.O_WRONLY | os.O_CREAT)
    with pytest.raises(OSError) as caught:  # noqa: PT011
        write(path, b"new")
    assert (caught.type, caught.value.errno, caught.value.filename) == (expected.type, expected.value.errno, path)
    with pytest.raises((IsADirectoryError, NotADirectoryError)):
        write("text/", b"new")
    assert sorted(os.listdir(tmp_path)) == ["loop", "text"]


def test_a_fifo_is_written_to(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # before the writer, which would wait for it
    try:
        write(path, b"content")
        assert os.read(reader, 100) == b"content"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(os.stat(path).st_mode)


@pytest.mark.slow
def test_standard_output_is_written_to_if_it_is_a_pipe():
    code = "from sk_cbow._files import atomic_write\nprint('before', flush=True)\n"
    code += "with atomic_write('/dev/stdout') as file: file.write(b'content\\n')\nprint('after')"
    process = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE)
    assert process.stdout == b"before\ncontent\nafter\n"


def test_a_descriptor_of_a_pipe_or_of_a_deleted_file_is_written_to():
    read_end, write_end = os.pipe()
    write(f"/dev/fd/{write_end}", b"into a pipe")
    assert os.read(read_end, 100) == b"into a pipe"
    os.close(read_end)
    os.close(write_end)
    with tempfile.TemporaryFile() as file:
        write(f"/dev/fd/{file.fileno()}", b"into a file")
        assert file.read() == b"into a file"


def test_errors_of_opening_name_the_path_that_was_passed(tmp_path):
    for path in (tmp_path / "missing" / "file", "/dev/fd/987654"):
        with pytest.raises(OSError, match=r"No such file|Bad file") as caught:
            write(path, b"")
        assert caught.value.filename == str(path)
    with pytest.raises(IsADirectoryError):
        write(tmp_path, b"")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["n" * 255, "ü" * 126 + ".gz"])
def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path, name):
    write(tmp_path / name, b"content")
    assert os.listdir(tmp_path) == [name]
    with open_for_reading(tmp_path / name) as file:
        assert file.read(100) == b"content"


def test_the_projectors_files_are_replaced_when_complete(tmp_path):
    names = ["metadata.tsv", "projector_config.pbtxt", "vectors.tsv"]
    for name in names:
        (tmp_path / name).write_bytes(b"old")
        (tmp_path / name).chmod(0o600)
    save_projector(numbered_vectorizer(3), tmp_path)
    assert sorted(os.listdir(tmp_path)) == names
    assert [mode_of(tmp_path / name) for name in names] == [0o600] * 3
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "vectors.tsv"), np.full((50, 20), 3))
    assert (tmp_path / "metadata.tsv").read_text().split() == [f"3_{row}" for row in range(50)]


def test_projector_names_that_utf8_cannot_encode(tmp_path):
    word_vectors = WordVectors(["a\tb", "\ud800"], np.ones((2, 3)))
    save_projector(CBOWVectorizer.from_vectors(word_vectors), tmp_path)
    assert (tmp_path / "metadata.tsv").read_text() == "a b\n?\n"


@pytest.mark.parametrize("name", ["file", "file.gz"])
def test_one_byte_order_mark_at_the_beginning_is_skipped(tmp_path, name):
    mark = "\ufeff".encode()
    for content, expected in [(mark + b"tea", b"tea"), (mark * 2, mark), (b"t" + mark, b"t" + mark), (b"", b"")]:
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        with open_for_reading(tmp_path / name) as file:
            assert file.read(100) == expected


def test_unread_bytes_are_read_again():
    file = RereadableFile(io.BytesIO(b"one\ntwo\nthree"))
    file.unread(file.read(6))
    assert file.readline(2) == b"on"
    file.unread(b"on")
    assert file.readline(100) == b"one\n"
    assert file.readline(100) == b"two\n"
    file.unread(b"two\n")
    assert file.read(6) == b"two\nth"
    assert file.readline(100) == b"ree"
    assert file.readline(100) == file.read(1) == b""


def test_lines_up_to_the_maximum_number_of_bytes():
    assert list(numbered_lines(io.BytesIO(b"abc\n\nabcd"), "file", 4, 7)) == [(7, b"abc\n"), (8, b"\n"), (9, b"abcd")]
    lines = numbered_lines(io.BytesIO(b"abc\nabcde\n"), "file", 4)
    assert next(lines) == (1, b"abc\n")
    with pytest.raises(ValueError, match=r"line 2 of file has more than 4 bytes: .* or download it again"):
        next(lines)


def test_lines_that_are_not_blank_and_many_blank_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(_files, "MAX_BLANK_LINES", 3)
    path = tmp_path / "file"
    path.write_bytes(b"\n\n\none\n \r\n\t\n\ntwo\n\n\n\n")
    assert list(text_lines(path)) == [(f"line 4 of {path}", "one"), (f"line 8 of {path}", "two")]
    path.write_bytes(b"one\n\n\n\n\ntwo\n")
    with pytest.raises(ValueError, match=r"lines 2 to 5 of .*file are blank: the file is damaged or in another format"):
        list(text_lines(path))


@pytest.mark.parametrize("line", [b"\n", b" \t\r\n"])
def test_a_small_file_of_very_many_blank_lines_is_an_error(tmp_path, line):
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(line * 10**6))
    with pytest.raises(ValueError, match=r"lines 1 to 100001 of .* are blank"):
        next(text_lines(path))


def test_a_line_that_is_too_long_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(b"a" * 2**25, 1))
    tracemalloc.start()
    try:
        with open_for_reading(path) as file, pytest.raises(ValueError, match="has more than 100000 bytes"):
            next(numbered_lines(file, path, 100_000))
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def read_whole(path):
    with open_for_reading(path) as file:
        return b"".join(iter(lambda: file.read(100), b""))


def zipped(content, names=("folder/", "folder/vectors.txt"), method=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name in names:
            archive.writestr(name, b"" if name.endswith("/") else content)
    return file.getvalue()


def saved_by_numpy(save, **arrays):
    file = io.BytesIO()
    save(file, *arrays.values()) if save is np.save else save(file, **arrays)
    return file.getvalue()


COMPRESSIONS = [gzip.compress, bz2.compress, lzma.compress, zipped, partial(zipped, method=zipfile.ZIP_STORED)]


@pytest.mark.parametrize("compress", COMPRESSIONS, ids=["gzip", "bz2", "xz", "zip", "stored zip"])
@pytest.mark.parametrize("name", ["file", "file.gz", "file.txt"])
def test_a_compressed_file_is_read_whatever_its_name_is(tmp_path, compress, name):
    for content in (b"", b"tea\n" * 10_000):
        (tmp_path / name).write_bytes(compress(content))
        assert read_whole(tmp_path / name) == content


def test_a_plain_file_is_read_whatever_its_name_is(tmp_path):
    # 0x80 is a euro sign on old Windows; tar has "ustar" at this position.
    for content in (b"tea", b"BZh9 tea", b"PK tea", b"\x80 tea", b"1" * 256 + b"\nustar 1"):
        (tmp_path / "file.gz").write_bytes(content)
        assert read_whole(tmp_path / "file.gz") == content


def test_files_of_several_streams(tmp_path):
    for compress in (gzip.compress, bz2.compress, lzma.compress):
        (tmp_path / "file").write_bytes(compress(b"tea") * 2)
        assert read_whole(tmp_path / "file") == b"teatea"


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, zipped])
def test_a_compressed_pipe_is_read_or_an_error(compress):
    read_end, write_end = os.pipe()
    os.write(write_end, compress(b"tea"))
    os.close(write_end)
    is_error = compress is zipped  # a zip archive is read from its end
    expected = pytest.raises(ValueError, match=r"is a pipe with a zip archive, .*: save it to a file first")
    with expected if is_error else nullcontext():
        assert read_whole(f"/dev/fd/{read_end}") == b"tea"
    os.close(read_end)


@pytest.mark.parametrize("compress", COMPRESSIONS, ids=["gzip", "bz2", "xz", "zip", "stored zip"])
def test_a_damaged_compressed_file_is_an_error(tmp_path, compress):
    rng = np.random.default_rng(0)
    content = rng.bytes(100).hex().encode()
    intact, path = compress(content), tmp_path / "file"
    messages = []
    for position in range(12, len(intact), 2):  # after the bytes that distinguish formats
        flipped = intact[position] ^ rng.integers(1, 256, dtype=np.uint8)
        for damaged in (intact[:position], intact[:position] + bytes([flipped]) + intact[position + 1 :]):
            path.write_bytes(damaged)
            try:
                assert read_whole(path) == content
            except ValueError as error:
                messages.append(str(error).removeprefix(f"{path} "))
    assert len(messages) > len(intact) / 2
    assert all(
        message.startswith(("cannot be unpacked", "is a zip archive of", "is encrypted")) for message in messages
    )


def test_a_gz_file_with_something_after_it_is_damaged(tmp_path):
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(b"tea") + b"more")
    with pytest.raises(ValueError, match=r"file.gz cannot be unpacked .* it is damaged or incomplete; download it"):
        read_whole(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            zipped(b"", "abcdefg"),
            "is a zip archive of 7 files, 'a', 'b', 'c', 'd', 'e', …: pass an archive of one file, ",
        ),
        (zipped(b"", "ab"), "is a zip archive of 2 files, 'a', 'b': .*extract the file with zipfile.ZipFile"),
        (zipped(b"", []), "is a zip archive of 0 files: pass an archive of one"),
        (zipped(b"", "a", zipfile.ZIP_LZMA), "or compressed by another method than zip's usual one: unpack it first"),
        ((793712314).to_bytes(4, "little") + b"\x0c\0\0\0", "is a fastText model: pass its .vec file; or load it"),
        (pickle.dumps({}), r"is a pickle, maybe of gensim: then load it by KeyedVectors.load\(path\)"),
        (saved_by_numpy(np.save, array=np.ones(3)), r"is a NumPy file, .*: pass dict\(zip\(tokens, numpy.load"),
        (saved_by_numpy(np.savez, array=np.ones(3)), "is a NumPy file, which has no tokens"),
        (saved_by_numpy(np.savez_compressed, a=np.ones(3), b=np.ones(3)), "is a NumPy file, which has no tokens"),
        (gzip.compress(bz2.compress(b"tea")), "is compressed twice: unpack it first"),
    ],
    ids=range(10),
)
def test_files_that_cannot_be_read_are_named_with_their_remedy(tmp_path, content, message):
    path = tmp_path / "vectors"
    is_compressed = content[:2] in (b"PK", b"\x1f\x8b")
    in_another = "is compressed twice" if is_compressed else message
    for data, expected in [(content, message), (bz2.compress(content), in_another)]:
        path.write_bytes(data)
        with pytest.raises(ValueError, match=expected):
            read_whole(path)


def test_an_archive_of_tar_is_named(tmp_path):
    path = tmp_path / "vectors.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("vectors.txt"))
    with pytest.raises(ValueError, match="is a tar archive: unpack it first"):
        read_whole(path)


@pytest.mark.parametrize("compress", COMPRESSIONS[:4], ids=["gzip", "bz2", "xz", "zip"])
def test_unpacking_needs_little_memory(tmp_path, compress):
    path = tmp_path / "file"
    path.write_bytes(compress(b"a" * 2**24))
    tracemalloc.start()
    try:
        with open_for_reading(path) as file:
            for read in (file.read, file.readline):
                for _ in range(4):
                    assert len(read(2**20)) == 2**20
        assert tracemalloc.get_traced_memory()[1] < 2**24  # of which xz needs half
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("tea", "'tea'"),
        (b"tea\n", "'tea'"),
        (np.str_("tea"), "'tea'"),
        (12, "12"),
        ("t" * 80, repr("t" * 80)),
        ("t" * 81, repr("t" * 80) + "…"),
        ("ü".encode() * 10**6, repr("ü" * 80) + "…"),
        (b"\xff" * 10**6, repr("\ufffd" * 80) + "…"),
        (10**100, "1" + "0" * 79 + "…"),
        (1 << 20_000, "an integer of 20001 bits"),
        (["t" * 10**6], "['" + "t" * 78 + "…"),
    ],
    ids=range(11),
)
def test_values_in_error_messages_are_short(value, expected):
    assert QUOTED_CHARACTERS == 80
    assert quoted(value) == expected
