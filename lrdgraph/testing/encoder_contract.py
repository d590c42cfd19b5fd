"""What every encoder of shopping histories has to keep to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.testing import assert_close

from lrdgraph.nn.encoder import HistoryEncoder
from lrdgraph.testing.gradients import check_gradients

CHANNELS, LENGTH = 8, 6


class EncoderContract(ABC):
    """Tests of a history encoder, ``(states, mask, time) -> [B, L, C]``.

    ``states [B, L, C]`` are those of items, ``mask [B, L]`` is True where a slot holds
    one (histories are padded on the left), ``time [B, L]`` is when it was bought; see
    :class:`~lrdgraph.nn.HistoryEncoder`, the base class of those that models take.
    The encoder is tested in evaluation mode, with histories up to ``max_length``.

    Example:
        >>> from lrdgraph.nn import CausalTransformer
        >>> from lrdgraph.testing import EncoderContract
        >>> class TestCausalTransformer(EncoderContract):
        ...     def make(self, channels, max_length):
        ...         return CausalTransformer(channels, max_length)
    """

    @abstractmethod
    def make(self, channels: int, max_length: int) -> nn.Module:
        """The encoder, for ``C = channels`` and ``L`` up to ``max_length``."""

    def test_every_item_has_a_state_and_padding_has_zeros(self) -> None:
        """Also where a history has no item at all."""
        states, mask = _random_states(4), _last_slots(0, 1, 4, LENGTH)
        encoded = self._encoder()(states, mask, _times(4))
        assert encoded.shape == states.shape, f"needs {states.shape}: {encoded.shape}"
        assert encoded.isfinite().all(), "a state is not finite"
        assert encoded[mask].any(dim=-1).all(), "an item has no state"
        assert not encoded[~mask].any(), "padding has a state"

    def test_an_item_changes_its_own_state_and_no_earlier_one(self) -> None:
        """Each slot is predicted from itself and from what was before it."""
        encoder, states, mask = self._encoder(), _random_states(2), _last_slots(4, 6)
        time = _times(2)
        before = encoder(states, mask, time)
        for slot in range(2, LENGTH):
            changed = states.clone()
            changed[:, slot] = _random_states(2, seed=1)[:, slot]
            after = encoder(changed, mask, time)
            assert_close(after[:, :slot], before[:, :slot])
            moved = (after - before)[:, slot].abs().amax(dim=-1)
            assert (moved > 1e-3).all(), f"the item in slot {slot} is not heard"

    def test_when_an_item_was_bought_changes_no_earlier_state(self) -> None:
        """Also where it is later than it was, and everything after it, too."""
        encoder, states, mask = self._encoder(), _random_states(2), _last_slots(4, 6)
        before = encoder(states, mask, _times(2))
        for slot in range(2, LENGTH):
            later = _times(2)
            later[:, slot:] += 3
            after = encoder(states, mask, later)
            assert_close(after[:, :slot], before[:, :slot])

    def test_padding_does_not_change_the_result(self) -> None:
        """However much there is, and whatever is in its slots."""
        encoder = self._encoder()
        for num_items in range(1, LENGTH + 1):
            mask = _last_slots(num_items)
            states, time = _random_states(1), _times(1)
            short = encoder(*(t[:, -num_items:] for t in (states, mask, time)))
            for filler in (0, 100):
                padded = states.where(mask.unsqueeze(-1), float(filler))
                when = time.where(mask, filler)
                long = encoder(padded, mask, when)[:, -num_items:]
                assert_close(long, short, atol=1e-5, rtol=1e-5)

    def test_histories_of_a_batch_do_not_see_each_other(self) -> None:
        """A history has the same states in any company."""
        encoder, states, mask = self._encoder(), _random_states(3), _last_slots(4, 1, 6)
        inputs = (states, mask, _times(3))
        together = encoder(*inputs)
        for row in range(3):
            alone = encoder(*(t[row : row + 1] for t in inputs))
            assert_close(together[row : row + 1], alone, atol=1e-5, rtol=1e-5)

    def test_a_large_batch_gives_what_small_ones_give(self) -> None:
        """However histories of similar length are put together, in any order."""
        encoder, length = self._encoder(), torch.arange(300) * 37 % (LENGTH + 1)
        inputs = (_random_states(300), _last_slots(*length.tolist()), _times(300))
        asked: list[Callable[..., Tensor]] = [encoder]
        if isinstance(encoder, HistoryEncoder):
            asked.append(encoder.last)
        for encode in asked:
            parts = zip(*(t.split(50) for t in inputs), strict=True)
            small = torch.cat([encode(*part) for part in parts])
            assert_close(encode(*inputs), small, atol=1e-5, rtol=1e-5)

    def test_gradient_reaches_every_parameter_and_every_item(self) -> None:
        """And it is finite, also where a history has no item at all."""
        encoder, mask = self._encoder(), _last_slots(LENGTH, 3, 0)
        states = _random_states(3).requires_grad_()
        encoded = encoder(states, mask, _times(3))
        (encoded * _random_states(3, seed=1)).sum().backward()
        assert states.grad is not None, "no gradient reaches the items"
        assert states.grad.isfinite().all(), "the gradient of an item is not finite"
        assert states.grad[mask].any(dim=-1).all(), "no gradient reaches an item"
        check_gradients(encoder)

    def test_the_last_slot_alone_has_the_state_that_it_has_among_all(self) -> None:
        """Where the encoder gives it alone, as models ask for when they rank."""
        encoder, mask = self._encoder(), _last_slots(LENGTH, 3, 0, 1)
        states, time = _random_states(4), _times(4)
        if isinstance(encoder, HistoryEncoder):
            alone = encoder.last(states, mask, time)
            among = encoder(states, mask, time)[:, -1]
            assert_close(alone, among, atol=1e-5, rtol=1e-5)

    def test_evaluation_repeats_and_changes_no_input(self) -> None:
        """No random number acts, and the given states are kept."""
        encoder, mask = self._encoder(), _last_slots(4)
        states, time = _random_states(1), _times(1)
        first, second = encoder(states, mask, time), encoder(states, mask, time)
        assert_close(first, second, atol=0, rtol=0)
        assert_close(states, _random_states(1), atol=0, rtol=0)
        assert_close(time, _times(1), atol=0, rtol=0)

    def _encoder(self) -> nn.Module:
        torch.manual_seed(0)
        return self.make(CHANNELS, LENGTH).eval()


def _random_states(num_histories: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num_histories, LENGTH, CHANNELS, generator=generator)


def _times(num_histories: int) -> Tensor:
    """When the items were bought, some of them at once, ``[B, L]``."""
    generator = torch.Generator().manual_seed(2)
    return torch.randint(4, (num_histories, LENGTH), generator=generator).cumsum(1)


def _last_slots(*num_items: int) -> Tensor:
    """A mask in which each history has so many items in its last slots, ``[B, L]``."""
    return torch.arange(LENGTH) >= LENGTH - torch.tensor(num_items).unsqueeze(1)
