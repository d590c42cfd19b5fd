import pytest
import torch

from lrdgraph import LatentRelationGraph
from lrdgraph.data import Histories, TrainingChoices
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.knowledge import Knowledge
from lrdgraph.metrics import rank_among, ranking_metrics
from lrdgraph.models import KDA
from lrdgraph.testing import tiny_shop
from lrdgraph.training import NextChoice, fit, make_choice_trainer
from lrdgraph.training.next_choice import MONITOR

L, C = 6, 8


@pytest.fixture(scope="module")
def data():
    data = tiny_shop(num_users=60, num_items=48)
    torch.manual_seed(0)
    for part in ("val", "test"):
        negatives = torch.randint(48, (60, 9))
        negatives[3] = -1  # somebody without
        data["user"][f"{part}_negatives"] = negatives
    return data


@pytest.fixture
def task(data) -> NextChoice:
    torch.manual_seed(0)
    graph = LatentRelationGraph(data, 0)
    known = Knowledge.from_data(data, ["text_knn"])
    model = KDA(graph, known, 60, C, max_length=L, num_layers=1, num_heads=2)
    return NextChoice(model, lr=0.01)


def module_of(data, **options) -> SequenceDataModule:
    choices = TrainingChoices(Histories.from_data(data), L, **options)
    return SequenceDataModule(data, L, 64, choices)


def test_validation_ranks_among_given_negatives_alone(data, task, tmp_path):
    for parameter in task.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    torch.nn.init.constant_(task.model.decay.real, 5.0)  # so that age counts
    module, trainer = module_of(data), make_choice_trainer(tmp_path, progress=False)
    found = trainer.validate(task, module, verbose=False)[0]
    question = module.validation.__getitems__(list(range(len(module.validation))))
    names = ("user", "time", "history_time")
    scores = task.model(question["history"], **{n: question[n] for n in names})
    given = (question["negatives"] >= 0).any(1)
    assert given.sum() == len(given) - 1
    target, negatives = question["target"][given], question["negatives"][given]
    expected = ranking_metrics(rank_among(scores[given], target, negatives))
    assert found == pytest.approx(
        {f"val/sampled/{name}": value for name, value in expected.items()}
    )


def test_the_test_ranks_the_catalogue_too_unless_told_not_to(data, task, tmp_path):
    module, trainer = module_of(data), make_choice_trainer(tmp_path, progress=False)
    found = trainer.test(task, module, verbose=False)[0]
    assert {"test/HR@5", "test/sampled/HR@5"} <= set(found)
    task.rank_catalogue = False
    found = trainer.test(task, module, verbose=False)[0]
    assert all("sampled" in name for name in found)


def test_training_gets_better_and_leaves_the_best_weights(data, task, tmp_path):
    module = module_of(data)
    trainer = make_choice_trainer(tmp_path, max_epochs=4, progress=False)
    before = trainer.validate(task, module, verbose=False)[0][MONITOR]
    fit(trainer, task, module)
    best = trainer.validate(task, module, verbose=False)[0][MONITOR]
    assert best > before
    assert best == pytest.approx(trainer.checkpoint_callback.best_model_score.item())


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        ({"num_negatives": 3}, "num_negatives is 1, not 3; 1 in all"),
        ({"spare_held_out": True}, "spare_held_out is False, not True; 1 in all"),
    ],
)
def test_folder_of_other_choices_is_refused(data, task, tmp_path, options, difference):
    trainer, again = (
        make_choice_trainer(tmp_path, max_epochs=number, progress=False)
        for number in (1, 2)
    )
    fit(trainer, task, module_of(data))
    with pytest.raises(ValueError, match=difference):
        fit(again, task, module_of(data, **options))


def test_biases_have_no_penalty(task):
    first, second = task.configure_optimizers().param_groups
    assert (first["weight_decay"], second["weight_decay"]) == (1e-6, 0.0)
    biases = {id(p) for n, p in task.model.named_parameters() if "bias" in n}
    assert {id(p) for p in second["params"]} == biases


def test_what_has_no_negatives_is_refused_before_training(data, task, tmp_path):
    without = data.clone()
    for part in ("val", "test"):
        del without["user"][f"{part}_negatives"]
    trainer = make_choice_trainer(tmp_path, progress=False)
    with pytest.raises(ValueError, match="'NextChoice' validates by given negatives"):
        fit(trainer, task, module_of(without))
    assert not list(tmp_path.iterdir())


def test_a_training_that_fails_puts_tiny_numbers_right(data, task, tmp_path):
    def fail(*_: object) -> None:
        raise ArithmeticError

    task.training_step = fail
    with pytest.raises(ArithmeticError):
        fit(make_choice_trainer(tmp_path, progress=False), task, module_of(data))
    assert torch.tensor([1e-39]).mul(1).item() > 0


@pytest.mark.parametrize("flushed", [False, True])
def test_training_takes_tiny_numbers_for_nothing_and_puts_that_right(task, flushed):
    tiny, one = torch.tensor([1e-39]), torch.ones(1)
    torch.set_flush_denormal(flushed)
    task.on_fit_start()
    during = (tiny * one).item()
    task.on_fit_end()
    after = (tiny * one).item()
    torch.set_flush_denormal(False)
    assert during == 0
    assert (after == 0) == flushed
