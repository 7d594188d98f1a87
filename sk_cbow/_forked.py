"""Whether TensorFlow can train in this process: not if it was forked after TensorFlow had been used."""

import os
import sys

_was_in_use = False  # whether TensorFlow had been used when this process was forked


def check_not_forked():
    """Raise a RuntimeError where TensorFlow would wait forever for threads that a forked process does not have."""
    if _was_in_use:
        raise RuntimeError(
            "fit cannot train in this process, which was forked from one that had used TensorFlow, whose threads it "
            "does not have: start processes by 'spawn' (multiprocessing.get_context('spawn')), or threads (Celery: "
            "--pool=threads or solo), or fork before TensorFlow is used (gunicorn: without --preload)"
        )


def _note_fork():
    global _was_in_use
    # The import alone starts no threads; the first operation does. TensorFlow has no public function for this.
    context = getattr(sys.modules.get("tensorflow.python.eager.context"), "_context", None)
    if context is not None and context._initialized:
        _was_in_use = True


# At the time of the fork, because later it is unknown whether TensorFlow was first used before the fork or after it.
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_note_fork)
