import math

import numpy as np
import pytest
import tensorflow as tf

from sk_cbow._training.blocks import Blocks
from sk_cbow._training.step import RowGradients, context_mean, tile_gradients, train_on_block, update_tables
from sk_cbow.keras import cbow_model

N_TOKENS, VECTOR_SIZE, WINDOW, NEGATIVE = 12, 5, 3, 4
OPTIONS = {"window": WINDOW, "negative": NEGATIVE, "offset": math.log(NEGATIVE), "document_context": 0}


def random_tables(n_tables, seed=0):
    tables = np.random.default_rng(seed).normal(size=(n_tables, N_TOKENS + 1, VECTOR_SIZE)).astype(np.float32)
    tables[:, 0] = 0
    return tables


def model_of(tables, document_context, negative):
    return cbow_model(
        n_tokens=N_TOKENS,
        vector_size=VECTOR_SIZE,
        window=WINDOW,
        negative=negative,
        document_context=document_context,
        shared_embedding=len(tables) == 1,
        weights=[table[1:] for table in tables],
    )


def tile_of(token_ids, sampled_window, negative_ids, sampled_positions=((0,),), cell_pairs=(((0,),),)):
    arrays = token_ids, sampled_window, negative_ids, sampled_positions, cell_pairs
    return Blocks._make(np.asarray(array, np.int32) for array in arrays)


def random_tile(seed=0, n_groups=4, negatives_per_group=6):
    """A tile of three lanes in which documents of several lengths stand at least WINDOW apart."""
    rng = np.random.default_rng(seed)
    token_ids = rng.integers(1, N_TOKENS + 1, (24, 3))
    for lane, start in ((0, 0), (0, 9), (0, 11), (1, 4), (1, 20), (2, 21)):
        token_ids[start : start + WINDOW, lane] = 0
    negative_ids = rng.integers(1, N_TOKENS + 1, (n_groups, negatives_per_group))
    # Two spans of three cells of four positions.
    return tile_of(token_ids, 2, negative_ids, rng.integers(0, 4, (2, 3)), rng.integers(0, 2, (2, 3, 3)))


def document_of(lane, tile, position):
    """The document context of a position: the sampled words of its document."""
    n_spans, n_cells = tile.sampled_positions.shape
    cell_length = len(lane) // (n_spans * n_cells)
    span, cell = divmod(position // cell_length, n_cells)
    words = []
    for other in range(n_cells):
        sampled = (span * n_cells + other) * cell_length + tile.sampled_positions[span, other]
        is_same_document = lane[min(position, sampled) : max(position, sampled) + 1].all()  # no padding between
        if tile.cell_pairs[span, cell, other] and is_same_document and sampled != position:
            words.append(lane[sampled])
    return words


def textbook_examples(tile, document_context=0):
    """The examples of a tile one by one, as the textbook model takes them, with the weight of each negative sample."""
    words, contexts, negatives, weights, documents = [], [], [], [], []
    sampled_window = tile.sampled_windows
    for lane in tile.token_ids.T:
        for position, word in enumerate(lane):
            around = [*range(position - sampled_window, position), *range(position + 1, position + sampled_window + 1)]
            context = [lane[neighbour] for neighbour in around if 0 <= neighbour < len(lane) and lane[neighbour]]
            document = document_of(lane, tile, position) if 0 < document_context < 1 else []
            if word and (context or document):
                sample_ids = tile.negative_ids[position % len(tile.negative_ids)]
                words.append([word])
                contexts.append(context + [0] * (2 * WINDOW - len(context)))
                documents.append(document + [0] * (6 - len(document)))
                negatives.append(sample_ids)
                weights.append(NEGATIVE / len(sample_ids) * (sample_ids != word))
    inputs = [np.array(words), np.array(contexts), np.array(negatives)]
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
    # A document of four tokens in two cells of two positions, padding, and a document of one token, without a context.
    lane = np.array([1, 2, 3, 4, 0, 0, 0, 5])
    # The first cell uses its own sampled position 0 and position 1 of the second, that is tokens 1 and 4; the second
    # cell uses only the first. Between documents, pairs count for nothing.
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
    (words, contexts, negatives, *documents), weights = textbook_examples(tile, document_context)
    if document_context == 1:  # the window is a sample of the shuffled document
        contexts, documents = np.zeros_like(contexts), [contexts]

    model = model_of(tables, document_context, negatives.shape[1])
    with tf.GradientTape() as tape:
        products = model([words, contexts, negatives, *documents])
        expected_loss = tf.reduce_sum(tf.nn.softplus(math.log(NEGATIVE) - products["word_product"])) + tf.reduce_sum(
            weights * tf.nn.softplus(products["negative_products"] - math.log(NEGATIVE))
        )
    expected = [tf.convert_to_tensor(gradient) for gradient in tape.gradient(expected_loss, model.trainable_weights)]

    loss, n_targets, (as_context, as_target, as_negative) = tile_gradients(
        tables[0], tables[-1], tile, **OPTIONS | {"document_context": document_context}
    )
    assert n_targets == len(words) > 30
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-5)
    context_gradients = [(token_ids, as_context)]
    target_gradients = [(token_ids, as_target), (negative_ids, as_negative)]
    gradients_by_table = [context_gradients + target_gradients] if shared else [context_gradients, target_gradients]
    for ids_and_gradients, expected_gradient in zip(gradients_by_table, expected, strict=True):
        np.testing.assert_allclose(scatter(N_TOKENS + 1, *ids_and_gradients), expected_gradient, atol=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shared", "n_tiles", "document_context"), [(True, 1, 0.5), (False, 1, 0), (True, 3, 0), (False, 3, 0.5)]
)
def test_compiled_step_moves_the_tables_by_adagrad_along_the_gradient(shared, n_tiles, document_context):
    options = OPTIONS | {"document_context": document_context}
    tables = random_tables(1 if shared else 2)
    tiles = [random_tile(seed) for seed in range(n_tiles)]
    ids_and_gradients = [[] for _ in tables]
    for tile in tiles:
        token_ids, _, negative_ids, *_ = tile
        _, _, (as_context, as_target, as_negative) = tile_gradients(tables[0], tables[-1], tile, **options)
        as_both = as_context + as_target  # in a shared table, one occurrence of the row has the sum
        ids_and_gradients[0].append((token_ids, as_both if shared else as_context))
        if not shared:
            ids_and_gradients[-1].append((token_ids, as_target))
        ids_and_gradients[-1].append((negative_ids, as_negative))

    def trained(n_shards):
        variables = [tf.Variable(table) for table in tables]
        accumulators = [tf.Variable(np.full(N_TOKENS + 1, 0.5, np.float32)) for _ in tables]
        block = Blocks._make(map(np.stack, zip(*tiles, strict=True)))
        train_on_block(variables, accumulators, block, np.float32(0.1), n_shards=n_shards, **options)
        return [variable.numpy() for variable in variables], [accumulator.numpy() for accumulator in accumulators]

    variables, accumulators = trained(1)
    if n_tiles == 3:  # results do not depend on the number of shards, here of one and of two tiles
        np.testing.assert_equal(trained(2), (variables, accumulators))
    for table, variable, accumulator, pairs in zip(tables, variables, accumulators, ids_and_gradients, strict=True):
        rows = np.concatenate([np.ravel(ids) for ids, _ in pairs])
        gradient = np.concatenate([np.reshape(gradients, (-1, VECTOR_SIZE)) for _, gradients in pairs])
        sums = 0.5 + scatter(N_TOKENS + 1, (rows, np.mean(gradient**2, axis=1, keepdims=True)))
        moved = table - scatter(N_TOKENS + 1, (rows, 0.1 * gradient / np.sqrt(sums[rows])))
        np.testing.assert_allclose(accumulator, sums[:, 0], rtol=1e-5)
        np.testing.assert_allclose(variable, moved, atol=1e-5)


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


@pytest.mark.parametrize("sampled", [1, 2])
@pytest.mark.parametrize("window", [WINDOW, 20])  # a sum of three terms, and a loop
def test_a_sampled_window_below_the_window_narrows_the_context(window, sampled):
    table = random_tables(1)[0]
    tile = random_tile()._replace(sampled_windows=np.int32(sampled))
    wide, narrow = (tile_gradients(table, table, tile, **OPTIONS | {"window": each}) for each in (window, sampled))
    for values, expected in zip(tf.nest.flatten(wide), tf.nest.flatten(narrow), strict=True):
        np.testing.assert_array_equal(values, expected)


def test_extreme_products_keep_loss_and_gradient_finite():
    table = np.array([[0, 0], [30, 30], [30, 30], [-30, -30]], np.float32)
    options = {"window": 1, "negative": 2, "offset": math.log(2), "document_context": 0}
    loss, _, gradients = tile_gradients(table, table, tile_of([[1], [3]], 1, [[2, 3]]), **options)
    # Each target has product -1800 with its context, and one of its two negative samples, of weight 1, has 1800.
    assert loss.numpy() == pytest.approx(2 * (1800 + math.log(2)) + 2 * (1800 - math.log(2)))
    assert all(np.isfinite(gradient).all() for gradient in gradients)
