"""KDA: RCF whose relations fade over time, each by its own curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

from lrdgraph.models.rcf import RCF
from lrdgraph.nn.temporal_decay import FrequencyDecay

if TYPE_CHECKING:
    from lrdgraph.graph import LatentRelationGraph
    from lrdgraph.knowledge import Knowledge


class KDA(RCF):
    r"""Knowledge-aware dynamic attention.

    From `"Toward Dynamic User Intention: Temporal Evolutionary Effects of Item
    Relations in Sequential Recommendation" <https://doi.org/10.1145/3432244>`_ (TOIS
    2021): :class:`RCF` whose attention to each item fades by relation and time
    (:class:`~lrdgraph.nn.temporal_decay.FrequencyDecay`). It was published with one
    layer of self-attention of relations and LRD's setting has five. Differences of the
    authors' code to the paper are those of :class:`RCF`.

    Args:
        graph: The item graph; see :class:`RCF`, also for all other arguments.
        knowledge: Known relations and values of the same items.
        num_users: Number of users ``U``.
        hidden_channels: Size ``C`` of item, value, relation and user vectors.
        num_frequencies: Number of frequencies of the decay.
        **options: Further arguments of :class:`RCF`.
    """

    first_reconstructed = 1

    def __init__(
        self,
        graph: LatentRelationGraph,
        knowledge: Knowledge,
        num_users: int,
        hidden_channels: int = 64,
        *,
        num_frequencies: int = 33,
        **options: Any,
    ) -> None:
        super().__init__(graph, knowledge, num_users, hidden_channels, **options)
        self.decay = FrequencyDecay(len(self.relations), num_frequencies)

    def kept(
        self, history: Tensor, candidates: Tensor, age: Tensor | None
    ) -> Tensor | None:
        """What is left after ``age``; see :meth:`RCF.kept`.

        Raises:
            ValueError: If the age of the history is not known.
        """
        if age is None:
            raise ValueError(
                "'time' and 'history_time' need to be given to KDA, [B] and [B, L] "
                "seconds (got None)"
            )
        decay = self.decay(age).transpose(1, 2)  # [B, R, L]
        evidence = super().kept(history, candidates, age)
        return decay if evidence is None else decay.unsqueeze(1) * evidence
