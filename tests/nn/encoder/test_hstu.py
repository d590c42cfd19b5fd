import torch
import torch.nn.functional as F

from lrdgraph.nn import HSTU

CHANNELS, LENGTH = 4, 5


def test_a_layer_is_what_the_paper_says_of_each_pair():
    torch.manual_seed(0)
    encoder = HSTU(CHANNELS, LENGTH).eval()
    states = torch.randn(1, LENGTH, CHANNELS)
    (layer,) = encoder.layers
    torch.nn.init.normal_(layer.bias)
    found = encoder(states, torch.ones(1, LENGTH, dtype=torch.bool))[0]
    x = states[0] + encoder.position.weight
    gate, value, query, key = F.silu(layer.project(layer.norm(x))).split(CHANNELS, -1)
    value, query, key = (part.view(LENGTH, 2, -1) for part in (value, query, key))
    for i in range(LENGTH):
        total = torch.zeros(2, CHANNELS // 2)
        for j in range(i + 1):
            for h in range(2):
                weight = F.silu(query[i, h] @ key[j, h] + layer.bias[i - j])
                total[h] += weight / LENGTH * value[j, h]
        gated = gate[i] * layer.attended_norm(total.flatten())
        expected = encoder.norm(x[i] + layer.out(gated))
        assert torch.allclose(found[i], expected, atol=1e-5)
