"""Models that differ by their encoder learn what happens after what, and when."""

import pytest
import torch
from torch import Tensor

from lrdgraph.models import SASRec
from lrdgraph.nn.encoder import ENCODERS
from lrdgraph.typing import Batch

NUM_ITEMS, LENGTH, NUM_SHOPPERS = 12, 4, 160


def draw(*shape: int, high: int, seed: int) -> Tensor:
    return torch.randint(high, shape, generator=torch.Generator().manual_seed(seed))


def make_batch(history: Tensor, time: Tensor, last: Tensor) -> Batch:
    """Only the last item of each history is a target."""
    target = torch.full_like(history, NUM_ITEMS)
    target[:, -1] = last
    return {
        "history": history,
        "history_time": time,
        "target": target,
        "time": time,
        "period": torch.zeros_like(time),
    }


def hit_rate(encoder: str, train: Batch, test: Batch) -> float:
    """How often the first recommendation is right, for shoppers not trained on."""
    torch.manual_seed(0)
    model = SASRec(NUM_ITEMS, 16, max_length=LENGTH, dropout=0.0, encoder=encoder)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        model.loss(train)["next_item"].backward()
        optimizer.step()
    model.eval()
    scores = model(test["history"], history_time=test["history_time"])
    return (scores.argmax(1) == test["target"][:, -1]).float().mean().item()


def ordered(seed: int) -> Batch:
    """Four items out of 0 to 5; the next one follows from the third last."""
    noise = torch.rand(NUM_SHOPPERS, 6, generator=torch.Generator().manual_seed(seed))
    history = noise.argsort(dim=1)[:, :LENGTH]
    time = torch.arange(LENGTH).expand_as(history)
    return make_batch(history, time, history[:, 1] + 6)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_order_is_learned(encoder):
    """Which of the items came third last is a matter of order alone."""
    assert hit_rate(encoder, ordered(0), ordered(1)) > 0.8


def spaced(seed: int) -> Batch:
    """The same items in the same order; the last gap, in units, says what is next."""
    gap = draw(NUM_SHOPPERS, high=5, seed=seed)
    unit = 1 + draw(NUM_SHOPPERS, high=9, seed=seed + 10)
    gaps = torch.stack([0 * gap, 0 * gap + 1, 0 * gap + 1, 1 + gap], dim=1)
    history = torch.arange(LENGTH).expand(NUM_SHOPPERS, -1)
    return make_batch(history, (gaps * unit.unsqueeze(1)).cumsum(1), gap + 5)


def test_time_is_learned():
    """All histories hold the same items, so time is all there is to learn from."""
    assert hit_rate("tisasrec", spaced(0), spaced(1)) > 0.9
