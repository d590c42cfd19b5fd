import pytest
import torch
from torch import Tensor, nn

from lrdgraph.testing import EncoderContract


class MeanEncoder(nn.Module):
    """The mean of the items so far: right, and without a Transformer."""

    def __init__(self, channels: int, max_length: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, channels)

    def forward(self, states: Tensor, mask: Tensor, time: Tensor) -> Tensor:
        shown = mask.unsqueeze(-1)
        total = (states * shown).cumsum(1)
        return self.linear(total / shown.cumsum(1).clamp(min=1)) * shown


class SeesLater(MeanEncoder):
    def forward(self, states: Tensor, mask: Tensor, time: Tensor) -> Tensor:
        return super().forward(states + states.roll(-1, dims=1), mask, time)


class SeesLaterTimes(MeanEncoder):
    def forward(self, states: Tensor, mask: Tensor, time: Tensor) -> Tensor:
        left = (time[:, -1:] - time).unsqueeze(-1)
        return super().forward(states + left * mask.unsqueeze(-1), mask, time)


class SeesTheClock(MeanEncoder):
    def forward(self, states: Tensor, mask: Tensor, time: Tensor) -> Tensor:
        return super().forward(states + time[:, :1].unsqueeze(-1), mask, time)


class SeesPadding(MeanEncoder):
    def forward(self, states: Tensor, mask: Tensor, time: Tensor) -> Tensor:
        return super().forward(states.cumsum(1), mask, time)


class CountsFromTheLeft(MeanEncoder):
    def forward(self, states: Tensor, mask: Tensor, time: Tensor) -> Tensor:
        place = torch.arange(states.size(1)).view(1, -1, 1)
        return super().forward(states + place, mask, time)


class SeesTheBatch(MeanEncoder):
    def forward(self, states: Tensor, mask: Tensor, time: Tensor) -> Tensor:
        return super().forward(states + states.mean(0), mask, time)


class KeepsPadding(MeanEncoder):
    def forward(self, states: Tensor, mask: Tensor, time: Tensor) -> Tensor:
        return super().forward(states, torch.ones_like(mask), time)


class DividesByNothing(MeanEncoder):
    def forward(self, states: Tensor, mask: Tensor, time: Tensor) -> Tensor:
        result = super().forward(states, mask, time)
        return result / mask.any(1).view(-1, 1, 1)


class Deaf(MeanEncoder):
    def forward(self, states: Tensor, mask: Tensor, time: Tensor) -> Tensor:
        return super().forward(torch.ones_like(states), mask, time)


class Idle(MeanEncoder):
    def __init__(self, channels: int, max_length: int) -> None:
        super().__init__(channels, max_length)
        self.idle = nn.Linear(1, 1)


class Noisy(MeanEncoder):
    def forward(self, states: Tensor, mask: Tensor, time: Tensor) -> Tensor:
        return super().forward(states + torch.randn_like(states), mask, time)


class InPlace(MeanEncoder):
    def forward(self, states: Tensor, mask: Tensor, time: Tensor) -> Tensor:
        with torch.no_grad():
            states.mul_(0.5)
        return super().forward(states, mask, time)


@pytest.mark.parametrize(
    ("encoder", "rule"),
    [
        (SeesLater, "an_item_changes_its_own_state_and_no_earlier_one"),
        (Deaf, "an_item_changes_its_own_state_and_no_earlier_one"),
        (SeesLaterTimes, "when_an_item_was_bought_changes_no_earlier_state"),
        (SeesTheClock, "padding_does_not_change_the_result"),
        (SeesPadding, "padding_does_not_change_the_result"),
        (CountsFromTheLeft, "padding_does_not_change_the_result"),
        (SeesTheBatch, "histories_of_a_batch_do_not_see_each_other"),
        (KeepsPadding, "every_item_has_a_state_and_padding_has_zeros"),
        (DividesByNothing, "every_item_has_a_state_and_padding_has_zeros"),
        (DividesByNothing, "gradient_reaches_every_parameter_and_every_item"),
        (Deaf, "gradient_reaches_every_parameter_and_every_item"),
        (Idle, "gradient_reaches_every_parameter_and_every_item"),
        (Noisy, "evaluation_repeats_and_changes_no_input"),
        (InPlace, "evaluation_repeats_and_changes_no_input"),
    ],
)
def test_broken_encoders(broken_rules, encoder, rule):
    assert rule in broken_rules(EncoderContract, make=staticmethod(encoder))


def test_another_encoder_is_as_good(broken_rules):
    assert broken_rules(EncoderContract, make=staticmethod(MeanEncoder)) == set()
