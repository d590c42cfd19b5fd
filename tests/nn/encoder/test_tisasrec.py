import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lrdgraph.nn import TiSASRec
from lrdgraph.nn.encoder.tisasrec import intervals

DAY = 86400
CHANNELS, LENGTH = 4, 5


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.integers(0, 2))
def test_intervals_are_in_units_of_the_shortest_gap_so_far(gaps, padding):
    times = torch.tensor(gaps).cumsum(0) + 1_400_000_000
    length = len(gaps) + padding
    when = torch.cat([torch.arange(padding), times]).unsqueeze(0)
    mask = torch.arange(length).unsqueeze(0) >= padding
    found = intervals(when, mask, longest=4)[0, padding:, padding:]
    for i in range(len(gaps)):
        past = [gap for gap in gaps[1 : i + 1] if gap > 0]
        for j in range(i + 1):
            apart = int(times[i] - times[j])
            expected = min(apart // min(past), 4) if past else 0
            assert found[i, j] == expected


def encode(encoder: TiSASRec, states: Tensor, time: list[int]) -> Tensor:
    mask = torch.ones(1, LENGTH, dtype=torch.bool)
    return encoder(states, mask, torch.tensor([time]))[0]


def make_encoder() -> TiSASRec:
    torch.manual_seed(0)
    encoder = TiSASRec(CHANNELS, LENGTH, max_interval=6).eval()
    for name, parameter in encoder.named_parameters():
        if name.startswith(("interval", "position")):
            torch.nn.init.normal_(parameter)
    return encoder


def test_a_layer_is_what_the_paper_says_of_each_pair():
    encoder, time = make_encoder(), [3, 5, 5, 9, 20]
    states = torch.randn(1, LENGTH, CHANNELS)
    found = encode(encoder, states, time)
    (layer,) = encoder.layers
    x = layer.norms[0](states[0])
    query, key, value = (
        project(x).view(LENGTH, 2, -1)
        for project in (layer.query, layer.key, layer.value)
    )
    place, apart = (
        [t.view(len(t), 2, -1) for t in part()]
        for part in (encoder.position, encoder.interval)
    )
    full = torch.ones(1, LENGTH, dtype=torch.bool)
    (units,) = intervals(torch.tensor([time]), full, 6)
    for i in range(LENGTH):
        heads = []
        for h in range(2):
            seen = range(i + 1)
            keys = [key[j, h] + apart[0][units[i, j], h] + place[0][j, h] for j in seen]
            values = [
                value[j, h] + apart[1][units[i, j], h] + place[1][j, h] for j in seen
            ]
            logits = torch.stack([query[i, h] @ k for k in keys])
            weight = (logits / (CHANNELS / 2) ** 0.5).softmax(0)
            heads.append(weight @ torch.stack(values))
        hidden = states[0, i] + layer.out(torch.cat(heads))
        expected = encoder.norm(hidden + layer.feed_forward(layer.norms[1](hidden)))
        assert torch.allclose(found[i], expected, atol=1e-5)


def test_time_counts_and_its_unit_does_not():
    encoder, states = make_encoder(), torch.randn(1, LENGTH, CHANNELS)
    days = encode(encoder, states, [0, 1, 3, 3, 7])
    seconds = encode(encoder, states, [t * DAY for t in (0, 1, 3, 3, 7)])
    other = encode(encoder, states, [0, 1, 2, 3, 7])
    assert torch.allclose(days, seconds)
    assert (days - other)[2].abs().max() > 1e-3


def test_time_is_needed():
    states, mask = torch.randn(1, 2, CHANNELS), torch.ones(1, 2, dtype=torch.bool)
    with pytest.raises(ValueError, match=r"'time' .*'TiSASRec', .*got None"):
        make_encoder()(states, mask)


@pytest.mark.parametrize("dtype", [torch.int32, torch.float64])
def test_times_may_be_of_any_type(dtype):
    times = torch.tensor([[10, 20, 25, 60, 61]]) + 1_400_000_000
    mask = torch.ones(1, LENGTH, dtype=torch.bool)
    expected = intervals(times, mask, longest=4)
    assert intervals(times.to(dtype), mask, longest=4).equal(expected)
