import pytest
import torch
from torch import Tensor

from lrdgraph.nn import Caser


def convolved(encoder: Caser, image: Tensor) -> Tensor:
    """The paper's equations 3 to 9 on one image ``[W, C]``, filter by filter."""
    (layer,) = encoder.layers
    found = []
    for height, conv in enumerate(layer.horizontal, start=1):
        for weight, bias in zip(conv.weight, conv.bias, strict=True):  # [C, height]
            places = [
                (image[top : top + height] * weight.t()).sum() + bias
                for top in range(len(image) - height + 1)
            ]
            found.append(torch.stack(places).relu().max())
    vertical = layer.vertical
    for channel in range(image.size(1)):
        for weight, bias in zip(vertical.weight[:, 0], vertical.bias, strict=True):
            found.append((image[:, channel] * weight).sum() + bias)
    return layer.linear(torch.stack(found)).relu()


def test_states_are_those_of_the_last_items_as_an_image():
    torch.manual_seed(0)
    encoder = Caser(4, 6, window=3, num_horizontal=2, num_vertical=2).eval()
    states, mask = torch.randn(1, 6, 4), torch.arange(6).unsqueeze(0) >= 2
    found = encoder(states, mask)[0]
    padded = torch.nn.functional.pad(states[0, 2:], (0, 0, 2, 0))
    for place in range(4):
        expected = convolved(encoder, padded[place : place + 3])
        assert torch.allclose(found[2 + place], expected, atol=1e-6)


def test_what_is_before_the_window_is_forgotten():
    torch.manual_seed(0)
    encoder, states = Caser(8, 6, window=3).eval(), torch.randn(1, 6, 8)
    mask = torch.ones(1, 6, dtype=torch.bool)
    before = encoder(states, mask)
    states[:, 2] += 1
    after = encoder(states, mask)
    changed = (after != before).any(-1)
    assert changed.tolist() == [[False, False, True, True, True, False]]


@pytest.mark.parametrize("name", ["window", "num_horizontal", "num_vertical"])
def test_sizes_need_to_be_positive(name):
    with pytest.raises(ValueError, match=r"'window'.* positive in 'Caser' \(got \(.*0"):
        Caser(4, 5, **{name: 0})
