import math

import pytest
import torch

from lrdgraph.nn.temporal_decay import FrequencyDecay

DAY = 86400


def naive_decay(decay: FrequencyDecay, seconds: float, relation: int) -> float:
    """Inverse transform of the whole spectrum, as KDA has it: both halves."""
    time = max(0.0, math.log2(seconds / 60 + 1e-6))
    total, number = 0.0, decay.real.size(1)
    for sign in (1, -1):
        for k in range(number):
            angle = 2 * math.pi * sign * 0.5 * k / (number - 1) * time
            real = decay.real[relation, k].item()
            imaginary = sign * decay.imaginary[relation, k].item()
            total += real * math.cos(angle) - imaginary * math.sin(angle)
    return min(1.0, max(0.0, total / (2 * number) / 2))


def test_decay_is_the_inverse_transform_of_both_halves_of_the_spectrum():
    torch.manual_seed(0)
    decay = FrequencyDecay(3, num_frequencies=5)
    for parameter in decay.parameters():
        torch.nn.init.normal_(parameter, std=3.0)
    age = torch.tensor([[0, 30, DAY], [7 * DAY, 100 * DAY, 3000 * DAY]])
    found = decay(age)
    assert found.shape == (2, 3, 3)
    assert 0 < (found == 0).sum() < found.numel()  # some are cut, not all
    for b in range(2):
        for t in range(3):
            for r in range(3):
                expected = naive_decay(decay, age[b, t].item(), r)
                assert found[b, t, r].item() == pytest.approx(expected, abs=1e-5)


def test_decay_learns_where_it_is_not_cut():
    decay = FrequencyDecay(2, num_frequencies=4)
    with torch.no_grad():
        decay.real[:] = torch.tensor([[8.0, 0, 0, 0], [-8.0, 0, 0, 0]])
        decay.imaginary.zero_()
    assert torch.allclose(decay(torch.tensor([[DAY]])), torch.tensor([[[1.0, 0.0]]]))
    with torch.no_grad():
        decay.real[0, 0] = 4.0
    decay(torch.tensor([[DAY]])).sum().backward()
    assert decay.real.grad[0].any()
    assert not decay.real.grad[1].any()


@pytest.mark.parametrize("sizes", [(0, 5), (3, 1)])
def test_sizes_need_to_be_positive(sizes):
    with pytest.raises(ValueError, match=r"'num_relations'.*'num_frequencies'.*got"):
        FrequencyDecay(*sizes)


def test_what_is_yet_to_be_bought_counts_as_bought_now():
    decay = FrequencyDecay(2)
    torch.nn.init.normal_(decay.real, 3.0)
    found = decay(torch.tensor([[-1.0, -1000.0, 0.0]]))
    assert found[0].equal(found[0, 2].expand(3, -1))
    assert found.any()
