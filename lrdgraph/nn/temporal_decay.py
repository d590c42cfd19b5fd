"""How the influence of a purchase fades, a curve for each relation."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from lrdgraph.nn.precision import in_single_precision

SECONDS_PER_UNIT = 60.0
"""Time is counted in minutes before its logarithm is taken (the authors' default)."""


class FrequencyDecay(nn.Module):
    r"""A decay per relation, learned in the frequency domain.

    From `"Toward Dynamic User Intention: Temporal Evolutionary Effects of Item
    Relations in Sequential Recommendation" <https://doi.org/10.1145/3432244>`_ (KDA,
    TOIS 2021): the decay of relation ``r`` after a time :math:`\Delta` is the inverse
    Fourier transform of learned coefficients :math:`X_r`, of which a real signal needs
    half,

    .. math::
        f_r(\Delta) = \frac{1}{2F} \sum_{k < F} \Re X_{rk} \cos(2 \pi \nu_k \tau)
        - \Im X_{rk} \sin(2 \pi \nu_k \tau), \qquad
        \tau = \max(0, \log_2(\max(0, \Delta) / \text{min} + 10^{-6}))

    with :math:`\nu_k` from 0 to 1/2, cut to :math:`[0, 1]`. As in the authors' code
    (``ysh-1998/LRD``, ``freq_rand 1``), coefficients start from a deviation of .01, so
    the decay starts near 0, and where it is negative it is cut and learns nothing. The
    same value is computed there from both halves of the spectrum; the option to start
    from the transform of observed intervals is left out.

    Args:
        num_relations: Number of relations ``R``.
        num_frequencies: Number ``F`` of frequencies from 0 to 1/2.

    Raises:
        ValueError: If there are no relations or less than two frequencies.
    """

    frequency: Tensor

    def __init__(self, num_relations: int, num_frequencies: int = 33) -> None:
        super().__init__()
        if num_relations < 1 or num_frequencies < 2:
            raise ValueError(
                "'num_relations' needs to be positive and 'num_frequencies' 2 or more "
                f"in 'FrequencyDecay' (got {num_relations} and {num_frequencies})"
            )
        frequency = torch.linspace(0, 0.5, num_frequencies)
        self.register_buffer("frequency", frequency, persistent=False)
        self.real = nn.Parameter(torch.empty(num_relations, num_frequencies))
        self.imaginary = nn.Parameter(torch.empty(num_relations, num_frequencies))
        nn.init.normal_(self.real, std=0.01)
        nn.init.normal_(self.imaginary, std=0.01)

    @in_single_precision
    def forward(self, age: Tensor) -> Tensor:
        """What is left of an item's influence.

        Args:
            age: Seconds since each item of the history, with shape ``[B, L]``.

        Returns:
            Factors from 0 to 1, with shape ``[B, L, R]``.
        """
        age = age.clamp(min=0).to(self.real.dtype)
        time = torch.log2(age / SECONDS_PER_UNIT + 1e-6).clamp(min=0)
        angle = 2 * math.pi * time.unsqueeze(-1) * self.frequency
        waves = torch.cat([angle.cos(), -angle.sin()], dim=-1)  # [B, L, 2 F]
        spectrum = torch.cat([self.real, self.imaginary], dim=-1)  # [R, 2 F]
        return (waves @ spectrum.t() / spectrum.size(1)).clamp(0, 1)
