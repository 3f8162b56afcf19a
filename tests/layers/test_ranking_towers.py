"""What every tower in conf/model/tower keeps to, and the formulas of some by hand or in numpy."""

import numpy as np
import pytest
import tensorflow as tf
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from tfrec.build import build
from tfrec.errors import InputError
from tfrec.folders import conf_folder
from tfrec.layers.ranking.dcn import Dcn
from tfrec.layers.ranking.din import Din
from tfrec.layers.ranking.dlrm import Dlrm
from tfrec.layers.ranking.ensemble import Ensemble
from tfrec.layers.ranking.fm import Fm
from tfrec.layers.ranking.mlp import Mlp
from tfrec.layers.ranking.wide_and_deep import WideAndDeep

TOWERS = sorted(path.stem for path in (conf_folder() / "model" / "tower").glob("*.yaml"))
every_tower = pytest.mark.parametrize("name", TOWERS)
USERS, ITEMS, LISTS, LENGTH, PAIRS, HISTORY = 20, 30, 4, 7, 5, 6


def make(name, *overrides, seed=0):
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_folder())):
        node = compose("config", overrides=[f"+model/tower@chosen={name}", *overrides]).chosen
    tower = build(OmegaConf.to_container(node), "model.tower", seed=seed)
    tower.grow(USERS, ITEMS)
    return tower


def features_of(tower, seed=0):
    """The features that the tower says it needs, and no others."""
    rng = np.random.default_rng(seed)
    weights = 0.5 ** np.arange(HISTORY) * (np.arange(HISTORY) < 4)
    features = {
        "pairs": rng.normal(size=(LISTS, LENGTH, PAIRS)).astype(np.float32),
        "item": np.stack([rng.permutation(ITEMS)[:LENGTH] for _ in range(LISTS)]).astype(np.int32),
        "user": np.arange(LISTS, dtype=np.int32),
        "user_known": np.float32([1, 1, 1, 0]),
        "history": rng.integers(0, ITEMS, (LISTS, HISTORY)).astype(np.int32),
        "history_weight": np.tile(weights, (LISTS, 1)).astype(np.float32),
    }
    return {key: tf.constant(features[key]) for key in ("pairs", *tower.needs)}


def gradients(tower, features, training=False):
    """Logits, and the gradient of a sum in which no two of them have the same part."""
    with tf.GradientTape() as tape:
        logits = tower(features, training=training)
        parts = tf.reshape(tf.range(1.0, tf.cast(tf.size(logits), tf.float32) + 1), tf.shape(logits))
        total = tf.reduce_sum(logits * parts)
    found = tape.gradient(total, tower.trainable_variables)
    return logits, [None if gradient is None else tf.convert_to_tensor(gradient) for gradient in found]


def put(layer, kernel, bias):
    """Sets the weights of a dense layer."""
    layer.set_weights([np.float32(kernel), np.float32(bias)])


def test_all_six_are_options():
    assert {"mlp", "dcn", "dlrm", "din", "wide_and_deep", "fm"} <= set(TOWERS)


@every_tower
def test_a_logit_for_each_candidate(name):
    tower = make(name)
    logits = tower(features_of(tower))
    assert logits.shape[:2] == (LISTS, LENGTH) and logits.dtype == tf.float32
    assert logits.shape[2:] == ((len(tower.towers),) if name == "ensemble" else ())
    assert isinstance(tower.needs, tuple) and np.ptp(logits, axis=1).min() > 0


@every_tower
def test_the_seed_decides_the_weights(name):
    one, two, other = make(name), make(name), make(name, seed=1)
    features = features_of(one)
    np.testing.assert_array_equal(one(features), two(features))
    assert np.abs(one(features) - other(features)).max() > 1e-4
    for left, right in zip(one.weights, two.weights, strict=True):
        np.testing.assert_array_equal(left, right)


@every_tower
def test_gradients_reach_every_variable(name):
    tower = make(name)
    _, found = gradients(tower, features_of(tower))
    dead = [v.name for v, g in zip(tower.trainable_variables, found, strict=True) if g is None or not np.any(g)]
    assert found and not dead


@every_tower
def test_growth_keeps_the_logits_of_old_ids(name):
    tower = make(name)
    features = features_of(tower)
    before = tower(features).numpy()
    has_ids = "item" in tower.needs
    assert not tower.grow(USERS, ITEMS + 1)  # there is room for it
    assert tower.grow(USERS, 5000) is has_ids
    assert tower.grow(5000, 5000) is ("user" in tower.needs)
    np.testing.assert_array_equal(tower(features), before)
    if has_ids:
        assert np.isfinite(tower(features | {"item": tf.fill((LISTS, LENGTH), 4999)})).all()


@every_tower
def test_the_order_of_a_list_does_not_matter(name):
    tower = make(name)
    features = features_of(tower)
    order = np.random.default_rng(1).permutation(LENGTH)
    permuted = {key: tf.gather(v, order, axis=1) if key in ("pairs", "item") else v for key, v in features.items()}
    np.testing.assert_allclose(tower(permuted), tower(features).numpy()[:, order], rtol=1e-5, atol=1e-6)


@every_tower
def test_lists_do_not_see_each_other(name):
    tower = make(name)
    features = features_of(tower)
    alone = tower({key: value[1:2] for key, value in features.items()})
    np.testing.assert_allclose(alone, tower(features)[1:2], rtol=1e-5, atol=1e-6)


@every_tower
def test_xla_gives_the_same_numbers(name):
    tower = make(name)
    features = features_of(tower)
    plain = gradients(tower, features)
    compiled = tf.function(lambda given: gradients(tower, given), jit_compile=True)(features)
    np.testing.assert_allclose(compiled[0], plain[0], rtol=1e-5, atol=1e-5)
    for got, expected in zip(compiled[1], plain[1], strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)  # sums of numbers up to 28


@every_tower
def test_one_trace_serves_lists_of_any_length(name):
    """The first call may be inside a graph that knows only how many features a pair has."""
    tower, twin = make(name), make(name)
    features = features_of(tower)
    shapes = {key: [None] * len(value.shape) for key, value in features.items()} | {"pairs": [None, None, PAIRS]}
    spec = {key: tf.TensorSpec(shapes[key], value.dtype) for key, value in features.items()}
    call = tf.function(lambda given: tower(given), input_signature=[spec])
    np.testing.assert_allclose(call(features), twin(features), rtol=1e-5, atol=1e-6)
    shorter = {key: value[:2, :3] if key in ("pairs", "item") else value[:2] for key, value in features.items()}
    np.testing.assert_allclose(call(shorter), twin(shorter), rtol=1e-5, atol=1e-6)


@every_tower
def test_dropout_is_for_training_and_repeats(name):
    key = "chosen.dense.dropout" if name == "ensemble" else "chosen.dropout"
    one, two = (make(name, f"{key}=0.5", seed=3) for _ in range(2))
    features = features_of(one)
    np.testing.assert_array_equal(one(features, training=True), two(features, training=True))
    assert np.abs(one(features, training=True) - one(features)).max() > 1e-5


@every_tower
def test_mixed_precision_gives_float32_logits(name):
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        tower = make(name)
        assert tower(features_of(tower)).dtype == tf.float32
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")


def test_towers_of_an_ensemble_are_those_alone():
    one, two = Mlp((4,), seed=1), Mlp((4,), seed=2)
    both = Ensemble(one=Mlp((4,), seed=1), left_out=None, two=Mlp((4,), seed=2))
    features = features_of(both)
    np.testing.assert_allclose(both(features), np.stack([one(features), two(features)], axis=2), rtol=1e-6)


@pytest.mark.parametrize(
    "towers, sentence",
    [
        ({"one": Mlp()}, r"model\.tower has the towers \['one'\]: write two"),
        ({"one": Mlp(), "two": None}, r"model\.tower has the towers \['one'\]: write two"),
        ({"one": 3, "two": 4}, r"model\.tower\.one is '3'"),
    ],
)
def test_what_is_no_ensemble_is_a_sentence(towers, sentence):
    with pytest.raises(InputError, match=sentence):
        Ensemble(**towers)


@pytest.mark.parametrize("kind", [Dlrm, Fm, WideAndDeep])
def test_a_user_that_is_not_known_has_no_part(kind):
    tower = kind()
    tower.grow(USERS, ITEMS)
    features = features_of(tower)
    change = tower(features | {"user": features["user"] + 9}) - tower(features)
    assert np.abs(change[:3]).max() > 0 and not np.any(change[3])


def test_mlp_by_hand():
    tower = Mlp(hidden=(2,))
    tower({"pairs": tf.zeros((1, 1, 2))})
    put(tower.hidden.dense[0], [[1, -1], [2, 1]], [0, 1])
    put(tower.logit.dense, [[3], [5]], [7])
    # x = (1, 2): hidden = relu(1 + 4, -1 + 2 + 1) = (5, 2); 3 * 5 + 5 * 2 + 7 = 32.
    assert tower({"pairs": tf.constant([[[1.0, 2.0]]])}).numpy().item() == 32


@pytest.mark.parametrize(("structure", "expected"), [("stacked", 88), ("parallel", 97)])
def test_dcn_by_hand(structure, expected):
    # x = (1, 2), W = ((1, 0), (1, 1)), b = (0, 1): x W + b = (3, 3), times x plus x = (4, 8).
    # Stacked, hidden sum 12 and logit 7 * 12 + 4 = 88. Parallel: [4, 8, hidden 3] by (7, 7, 3) + 4 = 97.
    tower = Dcn(crosses=1, hidden=(1,), structure=structure)
    tower({"pairs": tf.zeros((1, 1, 2))})
    cross, (hidden,), logit = tower.crosses[0]._dense, tower.hidden.dense, tower.logit.dense
    put(cross, [[1, 0], [1, 1]], [0, 1])
    put(hidden, [[1], [1]], [0])
    put(logit, [[7]] if structure == "stacked" else [[7], [7], [3]], [4])
    assert tower({"pairs": tf.constant([[[1.0, 2.0]]])}).numpy().item() == expected


def test_dcn_of_low_rank_has_fewer_weights():
    tower = Dcn(crosses=1, hidden=(), projection_dim=2)
    tower({"pairs": tf.zeros((1, 1, 9))})
    # U 9 x 2, V 2 x 9, b 9; the logit's 9 and 1.
    assert sum(np.prod(v.shape) for v in tower.trainable_variables) == 18 + 18 + 9 + 9 + 1


def test_fm_is_the_sum_over_pairs():
    tower = Fm(dim=3)
    tower.grow(USERS, ITEMS)
    features = features_of(tower)
    tower(features)
    rng = np.random.default_rng(2)
    tables = [tower.ids.users, tower.ids.items, tower.biases.users, tower.biases.items]
    for variable in [t.table for t in tables] + [tower.vectors, *tower.linear.weights]:
        variable.assign(rng.normal(size=variable.shape))
    user_vectors, item_vectors, user_weights, item_weights = (t.table.numpy() for t in tables)
    kernel, bias = (w.numpy() for w in tower.linear.weights)
    logits, given = tower(features).numpy(), {key: value.numpy() for key, value in features.items()}
    for n, place in np.ndindex(LISTS, LENGTH):
        user, item = given["user"][n], given["item"][n, place]
        x = np.concatenate([given["pairs"][n, place], [given["user_known"][n], 1]])
        v = np.concatenate([tower.vectors.numpy(), user_vectors[[user]], item_vectors[[item]]])
        w = np.concatenate([kernel[:, 0], user_weights[user], item_weights[item]])
        second = sum(v[a] @ v[b] * x[a] * x[b] for a in range(len(x)) for b in range(a + 1, len(x)))
        assert logits[n, place] == pytest.approx(bias[0] + w @ x + second, rel=1e-4, abs=1e-4)


def test_dlrm_sees_the_products_of_each_two():
    tower = Dlrm(dim=2, bottom=(), top=())
    tower.grow(USERS, ITEMS)
    features = features_of(tower)
    tower(features)
    # Of the 3 x 3 products only those below the diagonal: <user, z> at 3, <item, z> at 6, <item, user> at 7.
    weights = np.zeros(2 + 9)
    weights[2 + np.array([3, 6, 7])] = 10, 100, 1000
    put(tower.logit.dense, weights[:, None], [0])
    dense = tower.bottom(features["pairs"]).numpy()
    user, item = (vectors.numpy() for vectors in tower.ids(features))
    products = [(user * dense).sum(-1), (item * dense).sum(-1), (item * user).sum(-1)]
    expected = 10 * products[0] + 100 * products[1] + 1000 * products[2]
    np.testing.assert_allclose(tower(features), expected, rtol=1e-4, atol=1e-5)


def test_din_weighs_the_history_by_the_attention():
    tower = Din(dim=3, unit=(4,), hidden=())
    tower.grow(USERS, ITEMS)
    features = features_of(tower)
    logits = tower(features).numpy()
    table, given = tower.items.table.numpy(), {key: value.numpy() for key, value in features.items()}
    (first,), last, out = tower.unit.dense, tower.interest.dense, tower.logit.dense
    for n, place in np.ndindex(LISTS, LENGTH):
        c, pooled = table[given["item"][n, place]], 0
        for row, weight in zip(given["history"][n], given["history_weight"][n], strict=True):
            h = table[row]
            inner = np.concatenate([h, c, h - c, h * c]) @ first.kernel.numpy() + first.bias.numpy()
            attention = (1 / (1 + np.exp(-inner))) @ last.kernel.numpy() + last.bias.numpy()
            pooled += weight * attention * h
        expected = np.concatenate([given["pairs"][n, place], c, pooled]) @ out.kernel.numpy() + out.bias.numpy()
        assert logits[n, place] == pytest.approx(expected.item(), rel=1e-4, abs=1e-5)


def test_wide_and_deep_adds_a_weight_of_each_id():
    tower = WideAndDeep()
    tower.grow(USERS, ITEMS)
    features = features_of(tower)
    before = tower(features).numpy()
    tower.biases.users.table.assign_add(tf.fill(tower.biases.users.table.shape, 0.25))
    tower.biases.items.table.assign_add(tf.fill(tower.biases.items.table.shape, 0.5))
    added = 0.5 + 0.25 * features["user_known"].numpy()[:, None] + np.zeros((1, LENGTH))
    np.testing.assert_allclose(tower(features) - before, added, rtol=1e-5, atol=1e-6)


WRONG = [
    (Mlp, {"hidden": [0]}, "sizes"),
    (Mlp, {"dropout": 1.0}, "dropout"),
    (Dcn, {"crosses": 0}, "crosses"),
    (Dcn, {"projection_dim": 0}, "projection_dim"),
    (Dcn, {"structure": "both"}, "stacked or parallel"),
    (Din, {"dim": 0}, "dim"),
    (Dlrm, {"dim": 0}, "length 0"),
    (Fm, {"dim": 0}, "length 0"),
    (Fm, {"dropout": -0.1}, "dropout"),
    (WideAndDeep, {"dim": 0}, "length 0"),
]


@pytest.mark.parametrize(("kind", "options", "message"), WRONG)
def test_wrong_settings_are_named(kind, options, message):
    with pytest.raises(InputError, match=message):
        kind(**options)
