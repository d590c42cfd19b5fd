import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lrdgraph.nn import CausalTransformer

LENGTH, CHANNELS = 6, 8


def make_encoder(num_layers: int = 2) -> CausalTransformer:
    torch.manual_seed(0)
    encoder = CausalTransformer(CHANNELS, LENGTH, num_layers)
    return encoder.eval()


ENCODER = make_encoder()


def random_states(*shape: int) -> Tensor:
    return torch.randn(*shape, CHANNELS, generator=torch.Generator().manual_seed(1))


def last_slots(num_items: int, length: int = LENGTH) -> Tensor:
    """A mask in which the last slots hold an item."""
    return (torch.arange(length) >= length - num_items).unsqueeze(0)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, LENGTH), st.integers(1, LENGTH - 1))
def test_later_items_do_not_change_earlier_states(num_items, slot):
    states, mask = random_states(1, LENGTH), last_slots(num_items)
    changed = states.clone()
    changed[:, slot:] *= -1
    before, after = ENCODER(states, mask), ENCODER(changed, mask)
    assert torch.allclose(before[:, :slot], after[:, :slot], atol=1e-6)
    assert not torch.allclose(before[:, slot:], after[:, slot:], atol=1e-3)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, LENGTH))
def test_padding_does_not_change_the_result(num_items):
    states = random_states(1, num_items)
    short = ENCODER(states, last_slots(num_items, num_items))
    for filler in (0.0, 100.0):
        padding = torch.full((1, LENGTH - num_items, CHANNELS), filler)
        padded = torch.cat([padding, states], dim=1)
        long = ENCODER(padded, last_slots(num_items))
        assert torch.allclose(long[:, LENGTH - num_items :], short, atol=1e-5)


def test_histories_of_a_batch_do_not_see_each_other():
    encoder, states = make_encoder(), random_states(3, LENGTH)
    mask = torch.cat([last_slots(num_items) for num_items in (1, 4, 6)])
    together = encoder(states, mask)
    for row in range(3):
        alone = encoder(states[row : row + 1], mask[row : row + 1])
        assert torch.allclose(together[row], alone[0], atol=1e-5)


def test_a_history_without_items_gives_no_nan():
    encoder, states = make_encoder(), random_states(2, LENGTH).requires_grad_()
    result = encoder(states, torch.cat([last_slots(0), last_slots(2)]))
    result.sum().backward()
    assert result.isfinite().all()
    assert states.grad.isfinite().all()


def test_the_order_of_items_matters():
    encoder, states = make_encoder(1), random_states(1, 3)
    mask = last_slots(3, 3)
    other = encoder(states[:, [1, 0, 2]], mask)
    assert not torch.allclose(encoder(states, mask)[:, -1], other[:, -1], atol=1e-4)


def test_dropout_acts_in_training_alone():
    encoder, states = make_encoder(), random_states(1, LENGTH)
    mask = last_slots(LENGTH)
    assert encoder(states, mask).equal(encoder(states, mask))
    encoder.train()
    assert not encoder(states, mask).equal(encoder(states, mask))


def test_longer_histories_than_there_are_positions():
    with pytest.raises(ValueError, match=r"at most 6 slots in .*got 7"):
        make_encoder()(random_states(1, LENGTH + 1), last_slots(7, 7))
