"""What one types first, taken as it was meant or told apart."""

import pandas as pd
import pytest

from lrdgraph import LatentRelationGraph
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.datasets import from_tables
from lrdgraph.evaluate import evaluate
from lrdgraph.models import LRDRec
from lrdgraph.testing import tiny_shop
from lrdgraph.training import NextItem, fit, make_trainer


@pytest.fixture(scope="module")
def data():
    return tiny_shop(num_users=30, num_items=48)


@pytest.fixture(scope="module")
def model(data) -> LRDRec:
    return LRDRec(LatentRelationGraph(data, num_latent=2))


def test_one_column_is_as_good_as_a_list_of_one():
    events = pd.DataFrame({"user_id": ["u", "u"], "item_id": ["a", "b"], "time": 1})
    items = pd.DataFrame({"item_id": ["a", "b"], "name": ["A", "B"], "brand": "X"})
    one = from_tables(events, items, text="name", shared="brand")
    several = from_tables(events, items, text=["name"], shared=["brand"])
    assert one["item"].text == several["item"].text == ["A", "B"]
    assert one.edge_types == several.edge_types
    assert ("item", "same_brand", "item") in one.edge_types


def test_a_model_is_no_task_and_data_are_no_batches(data, model, tmp_path):
    trainer, batches = make_trainer(tmp_path), SequenceDataModule(data)
    with pytest.raises(TypeError, match=r"'task' .* NextItem \(got a LRDRec\): fit"):
        fit(trainer, model, batches)
    with pytest.raises(TypeError, match=r"'datamodule' .* \(got a HeteroData\)"):
        fit(trainer, NextItem(model), data)


def test_batches_are_no_questions(data, model):
    batches = SequenceDataModule(data)
    for given in (batches, batches.test_dataloader()):
        with pytest.raises(TypeError, match=r"'questions' .* such as .*\.test \(got a"):
            evaluate(model, given)


def test_a_list_of_histories_has_no_users(model):
    with pytest.raises(TypeError, match=r"'histories' needs to map .* \(got a list\)"):
        model.recommend_all([["P000000"]])
