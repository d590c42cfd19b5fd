from typing import Any

import pytest
import torch
from torch_geometric.data import HeteroData

from lrdgraph import LatentRelationGraph
from lrdgraph.data import Histories, Questions
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.evaluate import evaluate
from lrdgraph.knowledge import Knowledge
from lrdgraph.models import KDA, LRDRec, Popularity, SASRec
from lrdgraph.testing import HashTextEncoder, make_shop, tiny_shop
from lrdgraph.training import NextChoice, NextItem, make_choice_trainer, make_trainer
from lrdgraph.transforms import LeaveOneOut, Trends
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


def test_wrong_arguments_are_named(data, questions):
    model = Popularity(data["item"]["count"])
    with pytest.raises(ValueError, match=r"'batch_size' needs .* \(got 0\)"):
        evaluate(model, questions, batch_size=0)
    message = rf"'count' needs the shape \[{ITEMS}\], .* \(got \[{ITEMS - 1}\]\)"
    with pytest.raises(ValueError, match=message):
        evaluate(model, questions, torch.ones(ITEMS - 1))


def test_nothing_to_foretell(data):
    shop = LeaveOneOut()(make_shop([[0], [1]], num_items=2))
    questions = Questions(Histories.from_data(shop), TEST, L)
    with pytest.raises(ValueError, match="'questions' needs .*got none"):
        evaluate(Popularity(torch.ones(2)), questions)


def test_questions_of_fewer_items_than_the_model_has(data, questions):
    """Their padding would be the first item that is new."""
    more = lrdrec(data).with_items(["new"], ["a b c"], HashTextEncoder(32))
    message = rf"have the {ITEMS + 1} items of the model \(got {ITEMS}\)"
    for model in (more, SASRec(ITEMS + 1), Popularity(torch.ones(ITEMS + 1))):
        with pytest.raises(ValueError, match=message):
            evaluate(model, questions)


def test_questions_that_have_the_items_in_another_order(data):
    other, ids = data.clone(), list(data["item"].id)
    other["item"].id = [*ids[:3], ids[4], ids[3], *ids[5:]]
    questions = Questions(Histories.from_data(other), TEST, L)
    message = rf"its order, '{ids[3]}' at place 3 \(got '{ids[4]}'\)"
    for model in (lrdrec(data), kda(data)):
        with pytest.raises(ValueError, match=message):
            evaluate(model, questions)
    for model in (lrdrec(other), SASRec(ITEMS)):
        assert len(evaluate(model, questions).rank) == len(questions)
    del other["item"].id
    questions = Questions(Histories.from_data(other), TEST, L)
    assert len(evaluate(lrdrec(data), questions).rank) == len(questions)


def test_a_model_that_only_scores_needs_to_score_all_items(questions):
    class Padded:
        """Scores padding, too."""

        def item_states(self) -> torch.Tensor:
            return torch.rand(ITEMS + 1)

        def __call__(self, history, states, period, history_time) -> torch.Tensor:
            return states.expand(len(history), -1)

    with pytest.raises(ValueError, match=rf"the {ITEMS} items \(got {ITEMS + 1}\)"):
        evaluate(Padded(), questions)


def test_questions_need_the_periods_of_the_trends_of_a_model(data):
    def asked(shop: HeteroData) -> Questions:
        return Questions(Histories.from_data(shop), TEST, L)

    timed = Trends(4)(data)
    trend = timed["item"].trend
    for model in (SASRec(ITEMS, trend=trend), Popularity(trend[:, :, 0])):
        for shop, periods in ((data, 0), (Trends(3)(data), 4)):
            message = rf"have the 5 periods of .* \(got {periods}\): .*Trends"
            with pytest.raises(ValueError, match=message):
                evaluate(model, asked(shop))
        assert len(evaluate(model, asked(timed)).rank)
    assert len(evaluate(SASRec(ITEMS), asked(timed)).rank)
