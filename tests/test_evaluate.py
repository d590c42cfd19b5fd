from typing import Any

import pytest
import torch

from lrdgraph import LatentRelationGraph
from lrdgraph.data import Histories, Questions
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.evaluate import evaluate
from lrdgraph.knowledge import Knowledge
from lrdgraph.models import KDA, LRDRec, Popularity
from lrdgraph.testing import make_shop, tiny_shop
from lrdgraph.training import NextChoice, NextItem, make_choice_trainer, make_trainer
from lrdgraph.transforms import LeaveOneOut
from lrdgraph.typing import TEST

L, C, USERS, ITEMS = 6, 8, 60, 48


@pytest.fixture(scope="module")
def data():
    data = tiny_shop(num_users=USERS, num_items=ITEMS)
    torch.manual_seed(0)
    negatives = torch.randint(ITEMS, (USERS, 9))
    negatives[3] = -1  # somebody without
    data["user"].test_negatives = negatives
    return data


@pytest.fixture
def questions(data):
    return Questions(Histories.from_data(data), TEST, L, data["user"].test_negatives)


def lrdrec(data):
    return LRDRec(LatentRelationGraph(data, 2, C), C, max_length=L)


def kda(data):
    known = Knowledge.from_data(data, ["text_knn"])
    graph = LatentRelationGraph(data, 0)
    return KDA(graph, known, USERS, C, max_length=L, num_layers=1, num_heads=2)


@pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning")
@pytest.mark.parametrize(
    ("make", "task", "trainer"),
    [(lrdrec, NextItem, make_trainer), (kda, NextChoice, make_choice_trainer)],
)
def test_figures_are_those_of_the_trainer(
    data, questions, tmp_path, make, task, trainer
):
    model = make(data)
    found = evaluate(model, questions, batch_size=7).metrics
    options: dict[str, Any] = {"verbose": False}
    module = SequenceDataModule(data, L, 16)
    tested = trainer(tmp_path, progress=False).test(task(model), module, **options)[0]
    tested = {name.removeprefix("test/"): value for name, value in tested.items()}
    assert found == pytest.approx(tested, abs=1e-6)


def test_ranks_are_those_of_a_loop(data, questions):
    model = lrdrec(data).eval()
    found, histories = evaluate(model, questions), questions.histories
    for user, rank, last in zip(*found[1:], questions.position, strict=True):
        first = histories.start[user]
        bought, target = histories.item[first:last], histories.item[last]
        with torch.no_grad():
            scores = model(histories.before(last[None], L)).squeeze(0)
        others = [i for i in range(ITEMS) if i not in bought and i != target]
        assert rank == sum(bool(scores[i] >= scores[target]) for i in others)


def test_a_model_stays_in_the_mode_that_it_is_in(data, questions):
    model = lrdrec(data)
    first, second = (evaluate(model, questions).rank for _ in range(2))
    assert first.equal(second)  # without dropout
    assert model.training


def test_whatever_scores_can_be_evaluated(questions):
    class Newest:
        """Whoever bought an item wants the one that comes after it in the list."""

        def item_states(self) -> torch.Tensor:
            return torch.arange(ITEMS)

        def __call__(self, history, states, period, history_time) -> torch.Tensor:
            return -(states - history[:, -1:] - 1).remainder(ITEMS).float()

    assert len(evaluate(Newest(), questions).rank) == len(questions)


def test_what_is_rare_is_said_by_the_count(data, questions):
    model = Popularity(data["item"]["count"])
    cold = evaluate(model, questions, torch.zeros(ITEMS)).metrics
    assert cold["cold/HR@5"] == cold["HR@5"]
    assert "head/HR@5" not in cold


def test_nothing_to_foretell(data):
    shop = LeaveOneOut()(make_shop([[0], [1]], num_items=2))
    questions = Questions(Histories.from_data(shop), TEST, L)
    with pytest.raises(ValueError, match="'questions' needs .*got none"):
        evaluate(Popularity(torch.ones(2)), questions)
