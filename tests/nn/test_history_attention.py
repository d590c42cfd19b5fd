import pytest
import torch
from torch import nn

from lrdgraph.nn.encoder.base import visible
from lrdgraph.nn.history_attention import HistoryAttention

NUM_ROWS, LENGTH, CHANNELS, NUM_HEADS = 3, 5, 8, 2
MASK = torch.tensor([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1], [0, 0, 0, 0, 1]]).bool()


@pytest.fixture
def attention() -> HistoryAttention:
    torch.manual_seed(0)
    attention = HistoryAttention(CHANNELS, NUM_HEADS, dropout=0.5)
    for bias in (attention.project.bias, attention.out.bias):
        nn.init.normal_(bias)
    return attention


@pytest.fixture
def states() -> torch.Tensor:
    return torch.randn(NUM_ROWS, LENGTH, CHANNELS)


def peer(attention: HistoryAttention) -> nn.MultiheadAttention:
    """PyTorch's, with the same weights."""
    other = nn.MultiheadAttention(CHANNELS, NUM_HEADS, batch_first=True)
    other.in_proj_weight, other.in_proj_bias = (
        attention.project.weight,
        attention.project.bias,
    )
    other.out_proj.load_state_dict(attention.out.state_dict())
    return other


def test_it_is_the_attention_of_pytorch(attention, states):
    forbidden = ~visible(MASK).repeat_interleave(NUM_HEADS, dim=0)
    expected, _ = peer(attention)(states, states, states, attn_mask=forbidden)
    found = attention.eval()(states, visible(MASK))
    assert torch.allclose(found, expected, atol=1e-6)


def test_nothing_but_dropout_differs_in_training(attention, states):
    expected = attention.eval()(states, visible(MASK))
    attention.train().dropout.forward = lambda weight: weight
    assert torch.allclose(attention(states, visible(MASK)), expected, atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_the_last_slot_alone_takes_what_it_takes_among_all(attention, states, training):
    attention.train(training).dropout.forward = lambda weight: weight
    found = attention.last(states, visible(MASK)[:, -1])
    expected = attention(states, visible(MASK))[:, -1]
    assert torch.allclose(found, expected, atol=1e-6)


def test_dropped_weights_are_made_up_for(attention, states):
    attention.eval()
    both = torch.stack(
        [attention(states, visible(MASK))[:, -1], attention.last(states, MASK)]
    )
    attention.train()
    many = states.repeat(4000, 1, 1), MASK.repeat(4000, 1)
    drawn = torch.stack(
        [attention(many[0], visible(many[1]))[:, -1], attention.last(*many)]
    )
    mean = drawn.view(2, 4000, NUM_ROWS, CHANNELS).mean(1)
    assert torch.allclose(mean, both, atol=0.05)
    assert drawn[0].std() > both[0].std()
