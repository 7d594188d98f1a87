import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from sk_cbow import _model
from sk_cbow._training.blocks import BlockMaker, Blocks
from sk_cbow._model import (
    CBOW,
    ModelConfig,
    RowGradients,
    context_mean,
    tile_gradients,
    train,
    train_on_block,
    update_tables,
)
from sk_cbow._training.initial import RowInit

N_TOKENS, VECTOR_SIZE, WINDOW, NEGATIVE = 12, 5, 3, 4
OPTIONS = {"window": WINDOW, "negative": NEGATIVE, "offset": math.log(NEGATIVE), "document_context": 0}


def random_tables(n_tables, seed=0):
    tables = np.random.default_rng(seed).normal(size=(n_tables, N_TOKENS + 1, VECTOR_SIZE)).astype(np.float32)
    tables[:, 0] = 0
    return tables


def model_of(tables, **options):
    model = CBOW(N_TOKENS + 1, VECTOR_SIZE, **OPTIONS | options, shared_embedding=len(tables) == 1)
    model.set_weights(list(tables))
    return model


def tile_of(token_ids, sampled_window, negative_ids, sampled_rows=((0,),), chunk_pairs=(((0,),),)):
    arrays = token_ids, sampled_window, negative_ids, sampled_rows, chunk_pairs
    return Blocks._make(np.asarray(array, np.int32) for array in arrays)


def random_tile(seed=0, n_groups=4, negatives_per_group=6):
    """A tile of three lanes in which documents of several lengths stand at least WINDOW apart."""
    rng = np.random.default_rng(seed)
    token_ids = rng.integers(1, N_TOKENS + 1, (24, 3))
    for lane, start in ((0, 0), (0, 9), (0, 11), (1, 4), (1, 20), (2, 21)):
        token_ids[start : start + WINDOW, lane] = 0
    negative_ids = rng.integers(1, N_TOKENS + 1, (n_groups, negatives_per_group))
    # Two spans of three chunks of four rows.
    return tile_of(token_ids, 2, negative_ids, rng.integers(0, 4, (2, 3)), rng.integers(0, 2, (2, 3, 3)))


def document_of(lane, tile, position):
    """The document context of a position: the sampled words of its document."""
    n_spans, n_chunks = tile.sampled_rows.shape
    n_rows = len(lane) // (n_spans * n_chunks)
    span, chunk = divmod(position // n_rows, n_chunks)
    words = []
    for other in range(n_chunks):
        sampled = (span * n_chunks + other) * n_rows + tile.sampled_rows[span, other]
        is_same_document = lane[min(position, sampled) : max(position, sampled) + 1].all()  # no padding between
        if tile.chunk_pairs[span, chunk, other] and is_same_document and sampled != position:
            words.append(lane[sampled])
    return words


def textbook_examples(tile, document_context=0):
    """The examples of a tile one by one, as the textbook model takes them, with the weight of each negative sample."""
    words, contexts, noises, weights, documents = [], [], [], [], []
    sampled_window = tile.sampled_windows
    for lane in tile.token_ids.T:
        for position, word in enumerate(lane):
            around = [*range(position - sampled_window, position), *range(position + 1, position + sampled_window + 1)]
            context = [lane[neighbour] for neighbour in around if 0 <= neighbour < len(lane) and lane[neighbour]]
            document = document_of(lane, tile, position) if 0 < document_context < 1 else []
            if word and (context or document):
                noise = tile.negative_ids[position % len(tile.negative_ids)]
                words.append([word])
                contexts.append(context + [0] * (2 * WINDOW - len(context)))
                documents.append(document + [0] * (6 - len(document)))
                noises.append(noise)
                weights.append(NEGATIVE / len(noise) * (noise != word))
    inputs = [np.array(words), np.array(contexts), np.array(noises)]
    if document_context:
        inputs.append(np.array(documents))
    return inputs, np.array(weights, np.float32)


def scatter(n_rows, *ids_and_gradients):
    total = np.zeros((n_rows, ids_and_gradients[0][1].shape[-1]))
    for ids, gradients in ids_and_gradients:
        np.add.at(total, np.ravel(ids), np.reshape(gradients, (-1, total.shape[1])))
    return total


def test_loss_and_gradient_of_a_small_tile_by_hand():
    table = np.array([[0, 0], [1, 0], [0, 2], [1, 1]], np.float32)
    token_ids = np.array([[1], [2], [0], [3]], np.int32)  # two documents, [1, 2] and [3]; the second has no context
    negative_ids = np.array([[3, 1]], np.int32)  # each with weight negative / 2 = 1, but 1 is dropped for the target 1
    loss, n_targets, (context_gradient, target_gradient, negative_gradient) = tile_gradients(
        table, table, tile_of(token_ids, 1, negative_ids), window=1, negative=2, offset=math.log(2), document_context=0
    )
    # Token 1 has the context vector (0, 2), token 2 has (1, 0). Both products are 0, less log 2: sigmoid is 1/3.
    # The negative sample 3 has product 2 with the first context; the samples 3 and 1 have product 1 with the second.
    e = math.e
    far, near = e**2 / (e**2 + 2), e / (e + 2)
    assert n_targets.numpy() == 2
    assert loss.numpy() == pytest.approx(-2 * math.log(1 / 3) + math.log(1 + e**2 / 2) + 2 * math.log(1 + e / 2))
    np.testing.assert_allclose(target_gradient[:, 0], [[0, -4 / 3], [-2 / 3, 0], [0, 0], [0, 0]], rtol=1e-6)
    np.testing.assert_allclose(negative_gradient, [[[near, 2 * far], [near, 0]]], rtol=1e-6)
    # As context, token 2 gets the gradient of token 1's hidden vector, and the other way round.
    expected = [[2 * near, near - 4 / 3], [far - 2 / 3, far], [0, 0], [0, 0]]
    np.testing.assert_allclose(context_gradient[:, 0], expected, rtol=1e-5)


def test_hidden_vectors_with_a_document_context_by_hand():
    table = np.concatenate((np.zeros((1, 8)), np.eye(8))).astype(np.float32)
    # A document of four tokens in two chunks of two rows, padding, and a document of one token, which sees nothing.
    lane = np.array([1, 2, 3, 4, 0, 0, 0, 5])
    # The first chunk sees its own sampled row 0 and row 1 of the second, that is tokens 1 and 4; the second chunk sees
    # only the first. Between documents, pairs count for nothing.
    tile = tile_of(lane[:, None], 1, [[6]], [[0, 1, 0, 1]], [[[1, 1, 1, 1], [1, 0, 1, 1], [1] * 4, [1] * 4]])
    hidden, is_target, _ = context_mean(table, tile, window=1, document_context=0.8)
    assert is_target[:, 0, 0].numpy().tolist() == [1, 1, 1, 1, 0, 0, 0, 0]
    window = np.array([[0, 1, 0, 0], [0.5, 0, 0.5, 0], [0, 0.5, 0, 0.5], [0, 0, 1, 0]])
    document = np.array([[0, 0, 0, 1], [0.5, 0, 0, 0.5], [1, 0, 0, 0], [1, 0, 0, 0]])
    np.testing.assert_allclose(hidden[:4, 0, :4], 0.2 * window + 0.8 * document, atol=1e-6)
    assert not np.any(hidden[4:])


def test_without_sampled_words_of_the_document_the_window_has_all_the_weight():
    table = np.concatenate((np.zeros((1, 8)), np.eye(8))).astype(np.float32)
    tile = tile_of([[1], [2], [0], [0]], 1, [[6]], [[0, 0]], np.zeros((1, 2, 2)))
    hidden, _, _ = context_mean(table, tile, window=1, document_context=0.8)
    np.testing.assert_array_equal(hidden[:2, 0, :2], [[0, 1], [1, 0]])


@pytest.mark.parametrize("document_context", [0, 0.5, 1])
@pytest.mark.parametrize("shared", [True, False])
def test_fused_step_equals_automatic_differentiation_of_the_textbook_model(shared, document_context):
    tables = random_tables(1 if shared else 2)
    tile = random_tile()
    token_ids, _, negative_ids, *_ = tile
    (words, contexts, noises, *documents), weights = textbook_examples(tile, document_context)
    if document_context == 1:  # the window is a sample of the shuffled document
        contexts, documents = np.zeros_like(contexts), [contexts]

    model = model_of(tables, document_context=document_context)
    with tf.GradientTape() as tape:
        word_product, negative_products = model([words, contexts, noises, *documents])
        expected_loss = tf.reduce_sum(tf.nn.softplus(math.log(NEGATIVE) - word_product)) + tf.reduce_sum(
            weights * tf.nn.softplus(negative_products - math.log(NEGATIVE))
        )
    expected = [tf.convert_to_tensor(gradient) for gradient in tape.gradient(expected_loss, model.trainable_weights)]

    loss, n_targets, (as_context, as_target, as_negative) = tile_gradients(
        tables[0], tables[-1], tile, **OPTIONS | {"document_context": document_context}
    )
    assert n_targets == len(words) > 30
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-5)
    of_contexts = [(token_ids, as_context)]
    of_targets = [(token_ids, as_target), (negative_ids, as_negative)]
    of_tables = [of_contexts + of_targets] if shared else [of_contexts, of_targets]
    for ids_and_gradients, expected_gradient in zip(of_tables, expected, strict=True):
        np.testing.assert_allclose(scatter(N_TOKENS + 1, *ids_and_gradients), expected_gradient, atol=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("document_context", [0, 0.5])
@pytest.mark.parametrize("n_tiles", [1, 2, 3])
@pytest.mark.parametrize("shared", [True, False])
def test_compiled_step_moves_the_tables_by_adagrad_along_the_gradient(shared, n_tiles, document_context):
    options = OPTIONS | {"document_context": document_context}
    tables = random_tables(1 if shared else 2)
    tiles = [random_tile(seed) for seed in range(n_tiles)]
    of_tables = [[] for _ in tables]
    for tile in tiles:
        token_ids, _, negative_ids, *_ = tile
        _, _, (as_context, as_target, as_negative) = tile_gradients(tables[0], tables[-1], tile, **options)
        as_both = as_context + as_target  # in a shared table, one occurrence of the row has the sum
        of_tables[0].append((token_ids, as_both if shared else as_context))
        if not shared:
            of_tables[-1].append((token_ids, as_target))
        of_tables[-1].append((negative_ids, as_negative))

    variables = [tf.Variable(table) for table in tables]
    accumulators = [tf.Variable(np.full(N_TOKENS + 1, 0.5, np.float32)) for _ in tables]
    block = Blocks._make(map(np.stack, zip(*tiles, strict=True)))
    train_on_block(variables, accumulators, block, np.float32(0.1), n_shards=min(n_tiles, 2), **options)

    for table, variable, accumulator, of_table in zip(tables, variables, accumulators, of_tables, strict=True):
        rows = np.concatenate([np.ravel(ids) for ids, _ in of_table])
        gradient = np.concatenate([np.reshape(gradients, (-1, VECTOR_SIZE)) for _, gradients in of_table])
        sums = 0.5 + scatter(N_TOKENS + 1, (rows, np.mean(gradient**2, axis=1, keepdims=True)))
        moved = table - scatter(N_TOKENS + 1, (rows, 0.1 * gradient / np.sqrt(sums[rows])))
        np.testing.assert_allclose(accumulator, sums[:, 0], rtol=1e-5)
        np.testing.assert_allclose(variable, moved, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("shared", [True, False])
def test_results_do_not_depend_on_the_number_of_shards(shared):
    block = Blocks._make(map(np.stack, zip(*map(random_tile, range(4)), strict=True)))
    results = []
    for n_shards in (1, 2, 3, 4):
        variables = [tf.Variable(table) for table in random_tables(1 if shared else 2)]
        accumulators = [tf.Variable(tf.zeros(N_TOKENS + 1)) for _ in variables]
        options = OPTIONS | {"document_context": 0.5, "n_shards": n_shards}
        train_on_block(variables, accumulators, block, np.float32(0.1), **options)
        results.append([variable.numpy() for variable in variables + accumulators])
    for result in results[1:]:
        for values, expected in zip(result, results[0], strict=True):
            np.testing.assert_array_equal(values, expected)


def test_row_wise_adagrad_by_hand():
    table = tf.Variable([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    accumulator = tf.Variable([0.0, 0.0, 3.0])
    first = RowGradients(tf.constant([[1]]), tf.constant([[[1.0, 1.0]]]), tf.constant([[1.0]]))
    second = RowGradients(
        tf.constant([[1], [2]]), tf.constant([[[2.0, 4.0]], [[1.0, -1.0]]]), tf.constant([[10.0], [1.0]])
    )
    update_tables([table], [accumulator], [[first], [second]], 0.5)
    np.testing.assert_allclose(accumulator, [0, 11, 4])
    root = math.sqrt(11)
    np.testing.assert_allclose(
        table, [[0, 0], [1 - 0.5 * 3 / root, 1 - 0.5 * 5 / root], [2 - 0.25, 2 + 0.25]], rtol=1e-6
    )


@pytest.mark.parametrize("document_context", [0, 0.5])
def test_no_context_crosses_a_document_and_padding_gets_no_gradient(document_context):
    table = random_tables(1)[0]
    tile = random_tile()
    token_ids, options = tile.token_ids, OPTIONS | {"document_context": document_context}
    _, _, gradients = tile_gradients(table, table, tile, **options)
    for gradient in gradients[:2]:
        assert not np.any(gradient.numpy()[token_ids == 0])
    changed = token_ids.copy()
    changed[4, 0] = changed[4, 0] % N_TOKENS + 1  # a word of the first document
    _, _, others = tile_gradients(table, table, tile._replace(token_ids=changed), **options)
    for before, after in zip(gradients[:2], others[:2], strict=True):
        assert np.any(before[3:9, 0] != after[3:9, 0])
        np.testing.assert_array_equal(before[9:, 0], after[9:, 0])
        np.testing.assert_array_equal(before[:, 1:], after[:, 1:])


def test_negative_samples_equal_to_the_target_are_dropped():
    table = random_tables(1)[0]
    token_ids = np.array([[3], [3], [3], [3]], np.int32)
    tile = tile_of(token_ids, 1, np.full((1, 6), 3))
    loss, _, gradients = tile_gradients(table, table, tile, **OPTIONS | {"window": 1})
    product = float(table[3] @ table[3])  # the average of a context of 3s is the vector of 3
    assert loss.numpy() == pytest.approx(4 * math.log1p(math.exp(math.log(NEGATIVE) - product)), rel=1e-5)
    assert not np.any(gradients[2])


def test_a_sampled_window_below_the_window_narrows_the_context():
    table = random_tables(1)[0]
    tile = random_tile()._replace(sampled_windows=np.int32(1))
    wide, narrow = (tile_gradients(table, table, tile, **OPTIONS | {"window": window}) for window in (WINDOW, 1))
    np.testing.assert_allclose(wide[0], narrow[0], rtol=1e-6)
    np.testing.assert_allclose(wide[2][0], narrow[2][0], atol=1e-6)


def test_extreme_products_keep_loss_and_gradient_finite():
    table = np.array([[0, 0], [30, 30], [30, 30], [-30, -30]], np.float32)
    options = {"window": 1, "negative": 2, "offset": math.log(2), "document_context": 0}
    loss, _, gradients = tile_gradients(table, table, tile_of([[1], [3]], 1, [[2, 3]]), **options)
    # Each target has product -1800 with its context, and one of its two negative samples, of weight 1, has 1800.
    assert loss.numpy() == pytest.approx(2 * (1800 + math.log(2)) + 2 * (1800 - math.log(2)))
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_forward_pass_is_the_textbook_one():
    tables = random_tables(2)
    words, contexts, noises = [[1], [2]], [[3, 4, 0, 0, 0, 0], [5, 6, 7, 0, 0, 0]], [[8, 9, 10], [9, 9, 1]]
    word_product, negative_products = model_of(tables)([np.array(words), np.array(contexts), np.array(noises)])
    hidden = np.stack([tables[0][[3, 4]].mean(axis=0), tables[0][[5, 6, 7]].mean(axis=0)])
    np.testing.assert_allclose(word_product, np.einsum("bd,bnd->bn", hidden, tables[1][words]), rtol=1e-5)
    np.testing.assert_allclose(negative_products, np.einsum("bd,bnd->bn", hidden, tables[1][noises]), rtol=1e-5)


def test_one_embedding_layer_is_shared_and_two_are_not():
    shared = model_of(random_tables(1))
    assert shared.context_embedding is shared.target_embedding
    assert [type(layer) for layer in shared.layers] == [keras.layers.Embedding]
    assert len(model_of(random_tables(2)).layers) == 2


def small_corpus():
    rows = np.random.default_rng(0).integers(0, N_TOKENS, 4000)
    return BlockMaker(
        rows.astype(np.int32),
        np.arange(0, 4001, 20),
        token_counts=np.bincount(rows, minlength=N_TOKENS),
        keep_probability=np.ones(N_TOKENS),
        negative_probability=np.full(N_TOKENS, 1 / N_TOKENS),
        window=WINDOW,
        document_context=0,
        block_size=256,
        tile_size=2048,
    )


def train_on(blocks, **options):
    config = ModelConfig(n_tokens=N_TOKENS, vector_size=VECTOR_SIZE, negative=NEGATIVE, shared_embedding=True)
    config = config._replace(**{name: options.pop(name) for name in config._fields if name in options})
    row_inits = [[]] * (1 if config.shared_embedding else 2)
    defaults = {"epochs": 1, "rng": np.random.default_rng(0), "callbacks": None, "verbose": 0}
    rates = {"learning_rates": (options.pop("learning_rate", 0.1), 0.0)}
    return train(blocks, config, row_inits, **defaults | rates | options)


@pytest.mark.slow
@pytest.mark.parametrize("shared", [True, False])
def test_training_learns(shared):
    tables, _, loss_curve = train_on(small_corpus(), shared_embedding=shared, epochs=3, learning_rate=0.3)
    assert len(tables) == (1 if shared else 2)
    for table in tables:
        assert table.shape == (N_TOKENS, VECTOR_SIZE)
        assert np.linalg.norm(table, axis=1).min() > 0.01
    assert len(loss_curve) == 3
    assert loss_curve[-1] < loss_curve[0]


def test_learning_rate_falls_linearly_over_the_whole_of_training():
    rates = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            rates.append(float(self.model.optimizer.learning_rate))

    train_on(small_corpus(), epochs=3, learning_rate=0.3, callbacks=[Watch()].copy)
    np.testing.assert_allclose(rates, [0.2, 0.1, 0], atol=1e-6)


def test_loss_curve_is_the_mean_over_the_targets():
    # With nearly no learning, all products are nearly zero. The loss of a target is log(1 + k); that of its samples, of
    # which 1 / N_TOKENS is dropped, k * log(1 + 1 / k).
    _, _, (loss,) = train_on(small_corpus(), learning_rate=1e-9)
    noise = NEGATIVE * (1 - 1 / N_TOKENS) * math.log1p(1 / NEGATIVE)
    assert loss == pytest.approx(math.log1p(NEGATIVE) + noise, rel=0.01)


def test_the_offset_is_an_argument_of_training():
    _, _, (loss,) = train_on(small_corpus(), learning_rate=1e-9, offset=0)  # so each sigmoid is 1/2
    assert loss == pytest.approx((1 + NEGATIVE * (1 - 1 / N_TOKENS)) * math.log(2), rel=0.01)


def test_initial_vectors_are_small_and_padding_and_spare_rows_zero():
    first, second = (tf.Variable(tf.zeros((3072, 10))) for _ in range(2))
    rng = np.random.default_rng(0)
    for table in (first, second):
        _model.draw_small_vectors(table, 3000, rng)
    first, second = first.numpy(), second.numpy()
    assert not first[0].any()
    assert not first[3001:].any()
    assert first[1:3001].any(axis=1).all()
    np.testing.assert_allclose(first.min(axis=0), -0.05, atol=1e-3)
    np.testing.assert_allclose(first.max(axis=0), 0.05, atol=1e-3)
    assert (first[1:3001] != second[1:3001]).any(axis=1).all()


def test_given_rows_and_accumulators_replace_the_random_ones():
    table, accumulator = keras.Variable(np.zeros((8, 2), np.float32)), keras.Variable(np.zeros(8, np.float32))
    first = RowInit(np.array([0, 2], np.int32), np.array([[1, 2], [3, 4]], np.float32), np.array([5, 6], np.float32))
    second = RowInit(np.array([2], np.int32), np.array([[7, 8]], np.float32), np.array([np.inf], np.float32))
    _model.initialize([table], [accumulator], 4, [[first, second]], np.random.default_rng(0))
    np.testing.assert_array_equal(table[1], [1, 2])
    np.testing.assert_array_equal(table[3], [7, 8])
    np.testing.assert_array_equal(accumulator, [0, 5, 0, np.inf, 0, 0, 0, 0])
    assert (np.abs(table.numpy()[[2, 4]]) > 0).all()
    assert (np.abs(table.numpy()[[2, 4]]) <= 0.25).all()
    assert not table.numpy()[[0, 5, 6, 7]].any()


def test_learning_rate_goes_from_the_first_to_the_last_of_a_pair():
    schedule = _model.linear_schedule((0.3, 0.1), 4)
    np.testing.assert_allclose([schedule(step) for step in range(6)], [0.3, 0.25, 0.2, 0.15, 0.1, 0.1], rtol=1e-6)


@pytest.mark.parametrize("n_rows", [2, 64, 65, 4000, 4096, 4097, 10**6])
def test_spare_rows_are_few(n_rows):
    assert n_rows <= _model._with_spare_rows(n_rows) <= max(n_rows * 17 / 16, n_rows + 63)


def test_fits_of_similar_size_compile_the_step_once():
    for n_tokens in (900, 930, 950):
        blocks = BlockMaker(
            np.arange(n_tokens, dtype=np.int32),
            np.array([0, n_tokens]),
            token_counts=np.ones(n_tokens, int),
            keep_probability=np.ones(n_tokens),
            negative_probability=np.full(n_tokens, 1 / n_tokens),
            window=2,
            document_context=0,
            block_size=128,
            tile_size=2048,
        )
        train_on(blocks, n_tokens=n_tokens, vector_size=7)
        if n_tokens == 900:
            before = len(_model._programs)
    assert len(_model._programs) == before
