import pytest

from lrdgraph import LatentRelationGraph
from lrdgraph.data import Histories, TrainingChoices
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.models import LRDRec, SASRec
from lrdgraph.models.agreement import check_histories
from lrdgraph.testing import make_shop, tiny_shop
from lrdgraph.training import NextItem, fit, make_trainer
from lrdgraph.transforms import LeaveOneOut, Trends


def test_batches_to_train_on_need_to_be_those_of_the_model(shop, tmp_path):
    """Of its items, of as many slots, and with the periods of its trends."""
    graph, trend = LatentRelationGraph(shop, 0), Trends(4)(shop)["item"].trend
    choices = TrainingChoices(Histories.from_data(shop), 10)
    usual, fewer = SequenceDataModule(shop), tiny_shop(num_items=172)
    for model, batches, message in (
        (SASRec(192), SequenceDataModule(fewer), r"the 192 items .* \(got 172\)"),
        (LRDRec(graph, max_length=50), usual, r"'max_length' .*, 50 \(got 20\)"),
        (SASRec(192, max_length=10), usual, r"'max_length' .*, 10 \(got 20\)"),
        (SASRec(192), SequenceDataModule(shop, 20, 64, choices), r", 20 \(got 10\)"),
        (SASRec(192, trend=trend), usual, r"the 5 periods .* \(got 0\)"),
    ):
        with pytest.raises(ValueError, match=message):
            fit(make_trainer(tmp_path, progress=False), NextItem(model), batches)
    assert not list(tmp_path.iterdir())


def test_a_graph_says_which_items_a_model_of_ones_own_has(shop):
    class Own:
        graph = LatentRelationGraph(shop, 0)

    histories = Histories.from_data(LeaveOneOut()(make_shop([[0, 1, 2]], 5)))
    with pytest.raises(ValueError, match=r"the 192 items of the model \(got 5\)"):
        check_histories(Own(), histories)
    check_histories(object(), histories, 7)  # nothing to compare
