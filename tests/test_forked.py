import subprocess
import sys

import pytest

# Uses TensorFlow more and more, and forks each time; the child transforms, if it can, and fits.
FORKED = """if True:
    import os, signal, sys
    from sk_cbow import CBOWVectorizer
    documents = [["tea", "milk", "cup"], ["car", "road", "wheel"]] * 50
    vectorizer = CBOWVectorizer(8, sample=0)

    def fork_and_fit():
        if (process := os.fork()) == 0:
            signal.alarm(60)  # ends this process if it hangs
            try:
                if hasattr(vectorizer, "embeddings_"):
                    print(vectorizer.transform(documents).shape)
                print(vectorizer.fit(documents).embeddings_.shape)
            except RuntimeError as error:
                print(error)
            sys.stdout.flush()
            os._exit(0)
        os.waitpid(process, 0)

    import keras, tensorflow
    fork_and_fit()
    tensorflow.Variable([1.0])
    fork_and_fit()
    vectorizer.fit(documents)
    fork_and_fit()
"""
ERROR = (
    "fit cannot train in this process, which was forked from one that had used TensorFlow, whose threads it does not "
    "have: start processes by 'spawn' (multiprocessing.get_context('spawn')), or threads (Celery: --pool=threads or "
    "solo), or fork before TensorFlow is used (gunicorn: without --preload)"
)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_fit_in_a_process_forked_after_tensorflow_was_used_is_an_error():
    no_warning_of_forks = ["-W", "ignore::DeprecationWarning"]  # since Python 3.12
    command = [sys.executable, *no_warning_of_forks, "-c", FORKED]
    process = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=180)
    after_import, after_a_variable, *after_fit = process.stdout.splitlines()
    assert after_import == "(6, 8)"
    assert after_a_variable == ERROR
    assert after_fit == ["(100, 8)", ERROR]
