import pytest
import torch
from torch import Tensor

from lrdgraph.nn import CausalTransformer
from lrdgraph.testing import EncoderContract

LENGTH, CHANNELS = 6, 8
FULL = torch.ones(1, LENGTH, dtype=torch.bool)


class TestCausalTransformer(EncoderContract):
    def make(self, channels: int, max_length: int) -> CausalTransformer:
        return CausalTransformer(channels, max_length, num_layers=2)


def make_encoder(num_layers: int = 2) -> CausalTransformer:
    torch.manual_seed(0)
    encoder = CausalTransformer(CHANNELS, LENGTH, num_layers)
    return encoder.eval()


def random_states(length: int = LENGTH) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(1, length, CHANNELS, generator=generator)


def test_the_order_of_items_matters():
    encoder, states = make_encoder(1), random_states()
    other = encoder(states[:, [1, 0, 2, 3, 4, 5]], FULL)
    assert not torch.allclose(encoder(states, FULL)[:, -1], other[:, -1], atol=1e-4)


def test_dropout_acts_in_training_alone():
    encoder, states = make_encoder(), random_states()
    assert encoder(states, FULL).equal(encoder(states, FULL))
    encoder.train()
    assert not encoder(states, FULL).equal(encoder(states, FULL))


def test_longer_histories_than_there_are_positions():
    with pytest.raises(ValueError, match=r"at most 6 slots in .*got 7"):
        make_encoder()(random_states(LENGTH + 1), torch.ones(1, 7, dtype=torch.bool))
