"""Training with PyTorch Lightning: the rim.

:class:`NextItem` learns the next item from the whole catalogue, :class:`NextChoice`
from single choices, as the authors of RCF, KDA and LRD do.
"""

from lrdgraph.training.fitting import fit, make_trainer
from lrdgraph.training.next_choice import NextChoice, make_choice_trainer
from lrdgraph.training.next_item import NextItem

__all__ = ["NextChoice", "NextItem", "fit", "make_choice_trainer", "make_trainer"]
