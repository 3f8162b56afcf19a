import pytest
import tf_keras

from tests.models.test_two_stage import make_model as make_two_stage
from tests.strategies.small import Points, learn, learner_of, points
from tests.test_learner import make_model
from tfrec.errors import InputError
from tfrec.learner import Learner
from tfrec.memories.herding import Herding
from tfrec.memories.loss_based import LossBased
from tfrec.memories.spmf import Spmf
from tfrec.strategies.ader import Ader
from tfrec.strategies.agem import Agem
from tfrec.strategies.asmg import Asmg
from tfrec.strategies.backward_compatible import BackwardCompatible
from tfrec.strategies.der import Der
from tfrec.strategies.embedding_distillation import EmbeddingDistillation
from tfrec.strategies.ewc import Ewc
from tfrec.strategies.fit import in_order, refuse_unfit
from tfrec.strategies.gdumb import Gdumb
from tfrec.strategies.id_rates import IdRates
from tfrec.strategies.lwf import Lwf
from tfrec.strategies.replay import Replay
from tfrec.strategies.si import Si
from tfrec.strategies.sml import Sml
from tfrec.strategies.soup import Soup
from tfrec.strategies.weight_average import WeightAverage
from tfrec.tasks.queue import Queue


@pytest.mark.parametrize("strategy", [Lwf(), Der(), Agem(), IdRates()])
def test_a_plain_model_is_refused_by_what_needs_its_outputs(strategy):
    name = type(strategy).__name__
    with pytest.raises(
        InputError, match=f"The strategy {name} needs the model's outputs, which a plain TFRS model such"
    ):
        refuse_unfit([Replay(), strategy], tf_keras.Sequential(), 1)
    refuse_unfit([Replay(), Soup()], tf_keras.Sequential(), 1)


def test_a_model_without_tables_or_vectors_of_ids_is_refused_by_what_needs_them():
    with pytest.raises(InputError, match="IdRates needs task_losses, rows_since of a model, and TwoStage has not all"):
        refuse_unfit([IdRates()], make_two_stage(), 1)
    for strategy in (BackwardCompatible(), EmbeddingDistillation()):
        with pytest.raises(InputError, match="of a model, and TwoStage has not all"):
            refuse_unfit([strategy], make_two_stage(), 1)
    refuse_unfit([IdRates(), Lwf(), Der(), Agem(), BackwardCompatible()], make_model(), 1)


@pytest.mark.parametrize("memory, method", [(LossBased, "task_losses"), (Spmf, "task_losses"), (Herding, "query_emb")])
def test_a_memory_that_looks_at_the_model_is_refused_by_a_plain_one(memory, method):
    name = memory.__module__.rpartition(".")[2]
    with pytest.raises(InputError, match=f"memory={name} needs {method}.* of a model, which Sequential does not have"):
        refuse_unfit([Replay(memory(50))], tf_keras.Sequential(), 1)
    refuse_unfit([Replay(memory(50))], make_model(), 1)


@pytest.mark.parametrize("strategy", [Soup(), Sml(), Asmg(), Lwf(), BackwardCompatible()])
def test_what_goes_on_from_the_last_weights_is_refused_where_updates_start_anew(strategy):
    learner = Learner(make_model(), tf_keras.optimizers.SGD(), [strategy])
    sentence = f"The strategy {type(strategy).__name__} is about the weights of the last update"
    with pytest.raises(InputError, match=sentence):
        learner.keep_first()
    with pytest.raises(InputError, match=sentence):
        Learner(make_model(), tf_keras.optimizers.SGD(), [Gdumb(), strategy])


@pytest.mark.parametrize("kinds", [(Sml, Soup), (Soup, Replay, Asmg)])
def test_two_that_score_by_weights_of_their_own_are_refused(kinds):
    with pytest.raises(InputError, match=f"{kinds[0].__name__} and {kinds[-1].__name__} score by weights of their own"):
        in_order([kind() for kind in kinds])


def test_strategies_are_applied_so_that_each_sees_the_weights_it_is_about():
    """The list's order where it does not matter: replay before ewc, der after it."""
    listed = [Soup(), Replay(), Ewc(), Si(), WeightAverage(), Der(), IdRates()]
    assert [type(each) for each in in_order(listed)] == [IdRates, WeightAverage, Replay, Ewc, Si, Der, Soup]
    assert [type(each) for each in in_order([Replay(), IdRates(), Gdumb()])] == [Gdumb, IdRates, Replay]


def test_an_anchor_is_at_the_weights_that_go_on():
    """In whatever order they are listed: nothing holds weights back until a step has moved them."""
    for names in (("ewc", "average"), ("average", "ewc"), ("si", "average"), ("soup", "si"), ("soup", "ewc")):
        made = {"ewc": Ewc(decay=0.5), "si": Si(), "average": WeightAverage(), "soup": Soup()}
        strategies = [made[name] for name in names]
        learner = learner_of(Points(), *strategies)
        learn(learner, points([[2.0, 0.0], [4.0, 2.0]]), 3)
        learn(learner, points([[1.0, 1.0], [3.0, 5.0]], 1), 3)
        (anchored,) = (each for each in strategies if each.anchored)
        for soup in (each for each in strategies if isinstance(each, Soup)):
            learner.model.w.assign(soup._weights[-1][0])  # as the next update does
        assert float(anchored.penalty(learner.model, {}, {})) == pytest.approx(0, abs=1e-9)


def test_what_looks_at_losses_of_rows_is_refused_where_some_are_of_lists():
    model = make_model()
    model.losses_of_rows = False  # as with model/repeat=mix
    for strategy in (Der(), Agem(), Ader(), Ewc(), Replay(LossBased(50)), Replay(Spmf(50))):
        name = type(strategy).__name__
        with pytest.raises(InputError, match=f"The strategy {name} or its memory looks at the loss of each row"):
            refuse_unfit([strategy], model, 1)
    refuse_unfit([Replay(), Lwf(), Soup(), Sml()], model, 1)


def test_what_takes_two_gradients_is_refused_where_a_loss_keeps_each_batch():
    model = make_model(loss=Queue(10))
    with pytest.raises(InputError, match="Agem takes two gradients a step, and model/loss=queue"):
        refuse_unfit([Agem()], model, 1)
    refuse_unfit([Replay()], model, 1)


@pytest.mark.parametrize("strategy", [Lwf(), Der(), Agem(), IdRates()])
def test_what_acts_on_gradients_or_weights_or_compares_is_refused_on_several_devices(strategy):
    with pytest.raises(
        InputError, match=f"The strategy {type(strategy).__name__} acts .*choose a runtime of one device"
    ):
        refuse_unfit([strategy], make_model(), 2)
    refuse_unfit([Replay()], make_model(), 2)
