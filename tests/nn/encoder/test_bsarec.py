import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lrdgraph.nn import BSARec
from lrdgraph.nn.encoder.bsarec import low_pass

LENGTH, CHANNELS = 7, 4


def filtered(states: Tensor, length: int, num_frequencies: int) -> Tensor:
    """The last slot of a padded history, by the Fourier transform of the paper."""
    padded = F.pad(states, (0, 0, length - len(states), 0))
    spectrum = torch.fft.rfft(padded, dim=0, norm="ortho")
    spectrum[num_frequencies:] = 0
    return torch.fft.irfft(spectrum, n=length, dim=0, norm="ortho")[-1]


@pytest.mark.parametrize("length", [1, 6, LENGTH])
@pytest.mark.parametrize("num_frequencies", [1, 2, 3, 4, 9])
def test_low_frequencies_are_those_of_the_transform_of_each_prefix(
    length, num_frequencies
):
    torch.manual_seed(0)
    states = torch.randn(length, CHANNELS)
    low = low_pass(length, num_frequencies) @ states
    for slot in range(length):
        expected = filtered(states[: slot + 1], length, num_frequencies)
        assert torch.allclose(low[slot], expected, atol=1e-5)


def test_the_lowest_frequency_is_the_mean_and_all_of_them_are_everything():
    assert low_pass(6, 1).tril().allclose(torch.full((6, 6), 1 / 6).tril())
    assert low_pass(6, 4).allclose(torch.eye(6), atol=1e-6)


def test_a_layer_is_what_the_paper_says_of_each_prefix():
    """With the whole transform, which is what the authors' code has at the end."""
    torch.manual_seed(0)
    encoder = BSARec(CHANNELS, LENGTH, cutoff=3, alpha=0.3).eval()
    states = torch.randn(1, LENGTH, CHANNELS)
    mask = torch.ones(1, LENGTH, dtype=torch.bool)
    found = encoder(states, mask)[0]
    (layer,) = encoder.layers
    filter_norm, attention_norm, last_norm = layer.norms
    x = encoder.norm(states[0] + encoder.position.weight)
    for slot in range(LENGTH):
        low = filtered(x[: slot + 1], LENGTH, 2)
        last, seen = x[slot], x[None, : slot + 1]
        high = last - low
        frequency = filter_norm(last + low + layer.beta**2 * high)
        attended = layer.attention.last(seen, mask[:, : slot + 1])[0]
        mixed = 0.3 * frequency + 0.7 * attention_norm(last + attended)
        expected = last_norm(mixed + layer.feed_forward(mixed))
        assert torch.allclose(found[slot], expected, atol=1e-5)


def test_a_cutoff_below_all_frequencies_is_refused():
    with pytest.raises(ValueError, match=r"'cutoff' needs to be at least 0 \(got -1\)"):
        BSARec(4, 5, cutoff=-1)
