import pytest
import torch
from torch import nn

from lrdgraph.nn.evaluation_mode import evaluating


def make() -> nn.Sequential:
    return nn.Sequential(nn.Dropout(0.5), nn.Sequential(nn.Dropout(0.5)))


@pytest.mark.parametrize("frozen", [[], [0], [1], [0, 1]])
@pytest.mark.parametrize("whole", [True, False])
def test_no_part_is_in_training_and_each_goes_back_to_what_it_was(frozen, whole):
    model, x = make(), torch.ones(1000)
    model.training = whole  # of this module alone: parts are as they are
    for place in frozen:
        model[place].eval()
    before = [module.training for module in model.modules()]
    with evaluating(model):
        assert model(x).equal(x)
    assert [module.training for module in model.modules()] == before


def test_an_error_leaves_no_part_in_evaluation_mode():
    model = make()
    with pytest.raises(KeyError), evaluating(model):
        raise KeyError
    assert all(module.training for module in model.modules())
