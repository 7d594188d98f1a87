"""Training and transforming on a cluster of two processes, shared by all tests of this module."""

import asyncio
import math
import os
import pickle
import re
import signal
import threading
import time
from contextlib import suppress

import dask
import dask.array
import dask.bag
import dask.dataframe
import joblib
import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import sk_cbow.dask
from sk_cbow import CBOWVectorizer, word2vec_format
from sk_cbow._vocabulary import choose_vocabulary
from sk_cbow.dask import DaskCBOWVectorizer

pytestmark = [
    pytest.mark.slow,
    # About sockets and event loops that a cluster leaves to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]

AVERAGING = {"weighting": "idf", "remove_components": 1, "norm": "l2"}
QUICK_TO_COMPILE = {"document_context": 0, "window": 1}  # where the workers compile a program for a single test


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def cluster():
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    def has_two_workers():
        cluster.scale(2)  # after a worker was killed, Dask sometimes closes the other one, too, and does not replace it
        return len(client.ncores()) == 2

    with Client(cluster) as client:
        wait_for(has_two_workers)
        yield client


@pytest.fixture(scope="module")
def bag(two_topics):
    return dask.bag.from_sequence(two_topics[0], npartitions=6)


@pytest.fixture(scope="module")
def quick(small):
    return small | {"n_parts": 4, "n_rounds": 2}


@pytest.fixture(scope="module")
def expected(bag, quick):
    """The result with a single worker, in this process."""
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=":0"):
        return DaskCBOWVectorizer(**quick, **AVERAGING).fit(bag)


def assert_identical(vectorizer, expected):
    names = ["embeddings_", "token_counts_", "token_weights_", "components_", "loss_curve_"]
    assert hasattr(vectorizer, "mean_") == hasattr(expected, "mean_")
    for name in [*names, "mean_"] if hasattr(expected, "mean_") else names:
        np.testing.assert_array_equal(getattr(vectorizer, name), getattr(expected, name))
    assert list(vectorizer.vocabulary_) == list(expected.vocabulary_)


def test_two_workers_give_the_same_results_as_one(client, bag, quick, expected):
    vectorizer = DaskCBOWVectorizer(**quick, **AVERAGING).fit(bag)
    assert_identical(vectorizer, expected)
    assert set(client.run(os.getpid).values()) != {os.getpid()}


def test_vocabulary_counts_and_idf_are_those_of_one_machine(two_topics, small, expected):
    local = CBOWVectorizer(**small, weighting="idf").fit(two_topics[0])
    assert list(expected.vocabulary_) == list(local.vocabulary_)
    np.testing.assert_array_equal(expected.token_counts_, local.token_counts_)
    np.testing.assert_array_equal(expected.idf_, local.idf_)


def test_one_part_and_one_round_are_one_machine(client, two_topics, small):
    parameters = small | AVERAGING
    local = CBOWVectorizer(**parameters)
    on_cluster = DaskCBOWVectorizer(**parameters, n_parts=1, n_rounds=1)
    documents, _ = two_topics
    for method, X in [("fit", documents), ("partial_fit", [*documents[:200], ["tea", "lemon"] * 4])]:
        getattr(local, method)(X)
        getattr(on_cluster, method)(dask.bag.from_sequence(X, npartitions=3))
        assert_identical(on_cluster, local)
        np.testing.assert_array_equal(on_cluster.transform(documents), local.transform(documents))


def test_the_loss_is_the_mean_over_the_targets_of_all_parts_and_rounds(client):
    # Frozen, and so long and opposite that the only loss is that of "a" as the target of "a".
    vectors, negative = {"a": [0.1], "b": [-1000.0]}, 5
    of_a = math.log1p(negative * math.exp(-(0.1**2)))
    partitions = [dask.delayed([["a", "a"]] * 900), dask.delayed([["b", "b"]] * 100)]
    parameters = {"vector_size": 1, "sample": 0, "epochs": 2, "document_context": 0, "negative": negative}
    vectorizer = DaskCBOWVectorizer(**parameters, init_vectors=vectors, freeze_init=True, n_parts=2, n_rounds=2)
    assert vectorizer.fit(partitions).loss_curve_ == pytest.approx(
        [0.9 * of_a] * 2, rel=2e-3
    )  # lanes end within documents


@pytest.mark.parametrize("parameters", [{}, QUICK_TO_COMPILE | {"shared_embedding": False}])
def test_two_topics_become_linearly_separable(client, bag, two_topics, quick, parameters):
    documents, topics = two_topics
    vectorizer = DaskCBOWVectorizer(**quick, **parameters).fit(bag)
    assert vectorizer.loss_curve_[-1] < vectorizer.loss_curve_[0]
    vectors = vectorizer.transform(documents)
    assert LogisticRegression().fit(vectors, topics).score(vectors, topics) > 0.95


def test_every_kind_of_collection_is_read(client, two_topics, quick):
    texts = pd.Series([" ".join(tokens) for tokens in two_topics[0]], index=range(100, 500), name="text")
    series = dask.dataframe.from_pandas(texts, npartitions=4)
    partitions = [dask.delayed(list)(texts[start : start + 100]) for start in range(0, 400, 100)]
    results = [
        DaskCBOWVectorizer(**quick | {"epochs": 1}, analyzer=str.split).fit(X)
        for X in (series, series.to_frame(), partitions, dask.bag.from_delayed(partitions))
    ]
    for vectorizer in results:
        assert_identical(vectorizer, results[0])


def test_transform_of_a_collection_is_lazy_and_keeps_order_and_index(client, two_topics, bag, expected):
    documents, _ = two_topics
    vectors = expected.transform(bag)
    assert isinstance(vectors, dask.array.Array)
    assert vectors.numblocks == (bag.npartitions, 1)
    local = expected.transform(documents)
    np.testing.assert_array_equal(vectors.compute(), local)

    frame = pd.DataFrame({"tokens": [" ".join(tokens) for tokens in documents]}, index=range(100, 500))
    vectorizer = expected.to_local().set_params(analyzer=str.split)
    on_cluster = DaskCBOWVectorizer(analyzer=str.split)
    vars(on_cluster).update({name: value for name, value in vars(vectorizer).items() if name.endswith("_")})
    result = on_cluster.transform(dask.dataframe.from_pandas(frame, npartitions=3))
    assert result.divisions == (100, 234, 367, 499)
    computed = result.compute()
    assert computed.index.equals(frame.index)
    assert list(computed.columns) == list(on_cluster.get_feature_names_out())
    np.testing.assert_array_equal(computed, local)


def test_score_of_a_collection_is_that_of_local_documents(client, two_topics, bag, expected):
    local = expected.score(two_topics[0])
    assert local == expected.to_local().score(two_topics[0])
    assert expected.score(bag) == pytest.approx(local, rel=1e-6)
    nothing = dask.bag.from_sequence([["tea"], ["?"]], npartitions=2)
    with pytest.raises(ValueError, match="no document of X has two tokens of the vocabulary"):
        expected.score(nothing)


def test_vectors_of_a_collection_outlive_the_cluster_and_ignore_set_output(cluster, bag, expected):
    vectorizer = pickle.loads(pickle.dumps(expected)).set_output(transform="pandas")
    with Client(cluster):
        vectors = vectorizer.transform(bag)
    assert isinstance(vectors, dask.array.Array)
    with Client(cluster):
        assert isinstance(vectors.compute(), np.ndarray)
    assert isinstance(vectorizer.transform([["tea"]]), pd.DataFrame)


def test_vectors_of_a_series_are_an_array_and_those_of_a_frame_know_its_index(client, two_topics, quick):
    texts = pd.Series([" ".join(tokens) for tokens in two_topics[0]], index=pd.Index(map(str, range(400)), name="id"))
    series = dask.dataframe.from_pandas(texts, npartitions=3, sort=False)
    vectorizer = DaskCBOWVectorizer(**quick, analyzer="word").fit(series)
    vectors = vectorizer.transform(series)
    assert isinstance(vectors, dask.array.Array)
    assert vectors.compute().shape == (400, 8)
    assert vectorizer.transform(dask.delayed(list)(texts)).compute().shape == (400, 8)
    frame = vectorizer.transform(series.to_frame()).reset_index()
    assert list(frame.columns) == list(frame.compute().columns)
    assert frame.columns[0] == "id"


def test_the_block_size_is_limited_to_the_size_of_a_part(client, bag, quick):
    vectorizer = DaskCBOWVectorizer(**quick | QUICK_TO_COMPILE | {"batch_size": 2**31 - 1}).fit(bag)
    assert np.isfinite(vectorizer.embeddings_).all()


def test_a_fitted_vectorizer_needs_no_cluster(two_topics, bag, expected, tmp_path):
    documents, _ = two_topics
    vectors = expected.transform(documents)
    assert isinstance(vectors, np.ndarray)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(expected)).transform(documents), vectors)
    np.testing.assert_array_equal(expected.transform(bag).compute(scheduler="synchronous"), vectors)
    local = expected.to_local()
    assert type(local) is CBOWVectorizer
    shared = expected.get_params().keys() & local.get_params().keys()
    assert all(local.get_params()[name] == expected.get_params()[name] for name in shared)
    np.testing.assert_array_equal(local.transform(documents), vectors)
    word2vec_format.save(expected, tmp_path / "vectors.bin", binary=True)
    np.testing.assert_array_equal(word2vec_format.load(tmp_path / "vectors.bin").vectors, expected.embeddings_)
    assert local.partial_fit(documents).n_iter_ == expected.n_iter_ + local.epochs


def test_incremental_training_on_the_cluster_keeps_rows(client, bag, quick):
    vectorizer = DaskCBOWVectorizer(**quick).fit(bag)
    tokens = list(vectorizer.vocabulary_)
    vectorizer.partial_fit(dask.bag.from_sequence([["tea", "lemon"] * 4, ["road", "lane"] * 4] * 20, npartitions=2))
    assert list(vectorizer.vocabulary_) == [*tokens, "lemon"]
    assert vectorizer.n_iter_ == 2 * vectorizer.epochs


def n_tasks(dask_scheduler, name):
    return sum(str(key).startswith(name) and task.state == "memory" for key, task in dask_scheduler.tasks.items())


def test_a_source_behind_a_shuffle_is_read_once(client, tmp_path):
    def read(index):
        (tmp_path / f"{index} {time.monotonic_ns()}").touch()
        return [["tea", str(number)] for number in range(20)]

    documents = dask.bag.from_delayed([dask.delayed(read)(index) for index in range(24)])
    groups = documents.groupby(lambda tokens: tokens[1], shuffle="tasks", npartitions=24)
    documents = groups.map(lambda group: [token for tokens in group[1] for token in tokens])
    with pytest.raises(ValueError, match="the most frequent, 'tea', occurs 480 times"):
        DaskCBOWVectorizer(min_count=481).fit(documents)
    assert len(list(tmp_path.iterdir())) == 24


def test_large_values_are_sent_without_a_warning(client, quick):
    tokens = list(map(str, range(1000)))
    bag = dask.bag.from_sequence([tokens[start : start + 2] for start in range(0, 1000, 2)], npartitions=2)
    vectors = dict(zip(tokens, np.random.default_rng(0).random((1000, 1400), np.float32) / 100, strict=True))
    parameters = quick | {"vector_size": 1400, "epochs": 1, "n_parts": 1, "n_rounds": 1} | QUICK_TO_COMPILE
    vectorizer = DaskCBOWVectorizer(**parameters, min_count=1, init_vectors=vectors, remove_components=1)
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "5MB"}):  # the tables have 5.6
        assert vectorizer.fit(bag).n_iter_ == 1


def test_tasks_can_fit(client, bag, quick, expected):
    parameters = quick | AVERAGING
    # On each worker's only thread.
    fits = client.map(lambda _: DaskCBOWVectorizer(**parameters).fit(bag), range(2), pure=False)
    for fit in fits:
        assert_identical(fit.result(timeout=120), expected)


def test_in_the_event_loop_of_an_asynchronous_client_the_error_says_to_use_a_thread(cluster, bag):
    vectorizer = DaskCBOWVectorizer(min_count=10**6)

    async def fit():
        async with Client(cluster.scheduler_address, asynchronous=True):
            with pytest.raises(RuntimeError, match=r"asynchronous .* await asyncio.to_thread\(vectorizer.fit, X\)"):
                vectorizer.fit(bag)
            with pytest.raises(ValueError, match="no token occurs min_count=1000000 times"):
                await asyncio.to_thread(vectorizer.fit, bag)

    asyncio.run(fit())


@pytest.mark.parametrize("method", ["fit", "transform", "score"])
def test_several_columns_are_an_error_however_they_are_chunked(client, expected, method):
    array = dask.array.from_array(np.array([["tea", "cup"]] * 9, object), chunks=(3, 1))
    frame = dask.dataframe.from_pandas(pd.DataFrame({"a": ["tea"] * 9, "b": ["cup"] * 9}), npartitions=2)
    for X in (array, array.rechunk((3, 2)), frame):
        with pytest.raises(TypeError, match=r"X is the dask (Array|DataFrame) with 2 columns: pass the one that holds"):
            getattr(pickle.loads(pickle.dumps(expected)), method)(X)


def all_are_submitted(dask_scheduler):
    return any(str(key).startswith("_sum_of") for key in dask_scheduler.tasks)


@pytest.fixture
def _ctrl_c_raises():
    """Python's own handler of Ctrl-C, which is not there in a background job of a shell."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.mark.usefixtures("_ctrl_c_raises")
def test_after_ctrl_c_the_cluster_cancels_submitted_tasks(client, bag, quick):
    def press_ctrl_c():
        wait_for(lambda: client.run_on_scheduler(all_are_submitted))
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press_ctrl_c)
    thread.start()
    with pytest.raises(KeyboardInterrupt) as caught:
        DaskCBOWVectorizer(**quick | {"n_rounds": 50}).fit(bag)
    thread.join(60)
    wait_for(lambda: client.run_on_scheduler(lambda dask_scheduler: not dask_scheduler.tasks))
    assert caught.tb is not None  # the results that it refers to do not keep tasks alive


def test_after_an_error_the_cluster_drops_the_documents(client, bag, quick):
    with pytest.raises(ValueError, match="vector_size=8 finite numbers") as error:
        DaskCBOWVectorizer(**quick, init_vectors={"tea": [0.0]}).fit(bag)
    assert error.traceback  # keeps references, too
    wait_for(lambda: client.run_on_scheduler(lambda dask_scheduler: not dask_scheduler.tasks))


def test_a_closed_client_leaves_no_running_tasks(cluster, client, bag, quick):
    other = Client(cluster, set_as_default=False)

    def fit():
        with other.as_current(), suppress(Exception):  # any error of the client
            DaskCBOWVectorizer(**quick | {"n_rounds": 100}).fit(bag)

    thread = threading.Thread(target=fit)
    thread.start()
    wait_for(lambda: client.run_on_scheduler(n_tasks, name="apply_change"))
    other.close()
    thread.join(60)
    assert not thread.is_alive()
    wait_for(lambda: client.run_on_scheduler(lambda dask_scheduler: not dask_scheduler.tasks))


def test_an_error_names_partition_and_document_and_leaves_the_vectorizer_unchanged(client, bag, quick, expected):
    vectorizer = pickle.loads(pickle.dumps(expected))
    wrong = dask.bag.from_sequence([["tea"], ["cup"], ["milk"], 7], npartitions=2)
    with pytest.raises(TypeError, match="in partition 1, document 1 is the int 7: pass a list of tokens"):
        vectorizer.fit(wrong)
    assert_identical(vectorizer, expected)
    with pytest.raises(ValueError, match="no token occurs min_count=5 times"):
        vectorizer.fit(dask.bag.from_sequence([["tea"], ["cup"]], npartitions=2))
    for method in (vectorizer.fit, vectorizer.partial_fit):
        with pytest.raises(ValueError, match="X holds no documents: pass at least one"):
            method(bag.filter(lambda tokens: False))
    lists = dask.dataframe.from_pandas(pd.Series([["tea", "cup"]] * 9), npartitions=2)
    for X in (lists, lists.to_frame()):
        with pytest.raises(
            TypeError, match=r"of strings: set analyzer='word'; if its documents are lists .* pass a bag"
        ):
            vectorizer.fit(X)
    with pytest.raises(TypeError, match=r"X is the list .*: pass a dask.bag of documents, .* dask.bag.from_sequence"):
        vectorizer.fit([["tea", "cup"]] * 9)
    assert_identical(vectorizer, expected)


def test_without_a_cluster_the_error_says_how_to_start_one(bag):
    with pytest.raises(RuntimeError, match=r"no Dask cluster .* client = distributed.Client\(\)"):
        DaskCBOWVectorizer().fit(bag)


def test_a_grid_is_searched_on_the_cluster(client, two_topics, small):
    documents, topics = two_topics
    pipeline = make_pipeline(CBOWVectorizer(**small), LogisticRegression())
    search = GridSearchCV(pipeline, {"cbowvectorizer__weighting": ["uniform", "idf"]}, cv=2)
    with joblib.parallel_config("dask"):
        search.fit(documents, topics)
    assert search.best_score_ > 0.95


def holder(dask_scheduler, name):
    return next(
        (
            next(iter(task.who_has)).address
            for key, task in dask_scheduler.tasks.items()
            if str(key).startswith(name) and task.who_has
        ),
        None,
    )


def kill_worker_with(client, name):
    """Kill a worker that holds a result of a function."""
    wait_for(lambda: client.run_on_scheduler(holder, name=name))
    address = client.run_on_scheduler(holder, name=name)
    os.kill(client.run(os.getpid, workers=[address])[address], signal.SIGKILL)


def fit_while(client, vectorizer, X, disturb):
    """Fit in another thread while something happens; return the vectorizer or the error."""
    results = []

    def fit():
        try:
            results.append(vectorizer.fit(X))
        except (RuntimeError, ValueError) as error:
            results.append(error)

    with client.as_current():
        thread = threading.Thread(target=fit)
        thread.start()
        disturb()
        thread.join(120)
    (result,) = results
    return result


def test_results_do_not_change_if_a_worker_is_killed(client, bag, quick, expected):
    def disturb():
        wait_for(lambda: client.run_on_scheduler(n_tasks, name="train_part"))
        kill_worker_with(client, "_unpickle")  # the counts of the vocabulary

    vectorizer = DaskCBOWVectorizer(**quick, **AVERAGING)
    assert_identical(fit_while(client, vectorizer, bag, disturb), expected)


TOPICS = ["tea", "milk", "cup", "sugar", "spoon", "pot"], ["car", "road", "wheel", "brake", "fuel", "lane"]


@pytest.fixture
def shuffled(tmp_path):
    """Six partitions that have another order whenever they are read; the last one waits for a file."""

    def read(index):
        if index == 5:
            wait_for((tmp_path / "last").exists)
        rng = np.random.default_rng()
        return [rng.permutation(TOPICS[document % 2]).tolist() for document in rng.permutation(60)]

    return [dask.delayed(read)(index) for index in range(6)]


CHANGED = r"partition \d of X was lost with a worker, and when it was read again, it had other documents"


def test_after_a_change_during_training_the_result_is_right_or_an_error(client, shuffled, quick, tmp_path):
    def disturb():
        (tmp_path / "last").touch()
        wait_for(lambda: client.run_on_scheduler(n_tasks, name="train_part"))
        kill_worker_with(client, "concatenate-")

    vectorizer = DaskCBOWVectorizer(**quick | {"n_rounds": 20})  # so that it does not end before
    result = fit_while(client, vectorizer, shuffled, disturb)
    if isinstance(result, RuntimeError):
        assert re.match(CHANGED, str(result))
    else:  # the other worker had copies of all that was needed
        assert set(result.token_counts_) == {180}
        for token in TOPICS[0]:
            assert {other for other, _ in result.most_similar(token, topn=5)} == {*TOPICS[0]} - {token}


def test_partitions_may_change_until_all_are_counted(client, shuffled, quick, tmp_path):
    def disturb():
        kill_worker_with(client, "count_partition-")
        (tmp_path / "last").touch()

    result = fit_while(client, DaskCBOWVectorizer(**quick | {"min_count": 181}), shuffled, disturb)
    assert re.match("no token occurs min_count=181 times; the most frequent, .*, occurs 180 times", str(result))


def test_a_partition_that_changes_after_counting_is_an_error(client, shuffled, quick, tmp_path, monkeypatch):
    def kill_and_choose(*arguments, **limits):
        kill_worker_with(client, "count_partition-")
        return choose_vocabulary(*arguments, **limits)

    (tmp_path / "last").touch()
    monkeypatch.setattr(sk_cbow.dask, "choose_vocabulary", kill_and_choose)
    with pytest.raises(RuntimeError, match=CHANGED):
        DaskCBOWVectorizer(**quick).fit(shuffled)


def test_parameters_are_those_of_cbow_vectorizer():
    local, on_cluster = CBOWVectorizer().get_params(), DaskCBOWVectorizer().get_params()
    assert on_cluster.keys() - local.keys() == {"n_parts", "n_rounds"}
    assert local.keys() - on_cluster.keys() == {"callbacks", "checkpoint", "verbose"}
    assert all(on_cluster[name] == value for name, value in local.items() if name in on_cluster)
    with pytest.raises(ValueError, match="'n_rounds' parameter"):
        DaskCBOWVectorizer(n_rounds=0).fit(None)
