"""Rows of tokens -> trained tables of vectors. Only `model`, `step`, `loop` and `runtime` import TensorFlow."""
