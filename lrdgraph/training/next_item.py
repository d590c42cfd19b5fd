"""Learning what comes next, ranked in the whole catalogue."""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from typing import Any

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor, nn

from lrdgraph.breadth import Breadth
from lrdgraph.data.sequences import Histories, Question
from lrdgraph.evaluate import rank_among_given, rank_in_catalogue
from lrdgraph.graph import LatentRelationGraph
from lrdgraph.health import health
from lrdgraph.metrics import ranking_metrics
from lrdgraph.models import RCF, LRDRec, Popularity, SASRec
from lrdgraph.models.agreement import check_histories
from lrdgraph.training.optimizing import RowAdamW
from lrdgraph.training.resuming import constants
from lrdgraph.typing import Batch

MONITOR = "val/NDCG@10"
TIME_TO_DISCOVER = 4
"""Epochs of training after which a collapse is warned of, once."""


class NextItem(LightningModule):
    """Trains a recommender to predict the next item, and evaluates it.

    Every part is ranked over the whole catalogue with the user's earlier items masked
    (``val/NDCG@10``, ``test/HR@5``, ...) and, where the data brings negatives, among
    those (``test/sampled/NDCG@5``, ...). The test tells its
    :class:`~lrdgraph.breadth.Breadth`, too (``test/tail/HR@5``, ...).

    Args:
        model: A recommender: a :class:`~lrdgraph.evaluate.Ranker` with ``loss(batch)``,
            named losses whose sum is minimised.
        lr: Learning rate.
        gate_lr: Learning rate of the relational scorer's gates, of the weights of
            trends and of what new items have of their own (modules called ``scorer``,
            ``trend`` and ``newcomers``): scalars that have far to go.
        dvae_lr: Learning rate of the DVAE (a module called ``dvae``), so that relations
            are found before the recommender has settled without them.
        weight_decay: Weight decay of AdamW; the gates have none.
        dvae_weight_decay: That of the DVAE, so that relations are read off what is
            common to many pairs.

    With latent relations, the figures of :func:`~lrdgraph.health.health` are logged
    after every epoch (``relations/perplexity``, ...), and a collapse is warned of.

    Attributes:
        run: What :func:`fit` trains, in names and values; part of every checkpoint.
        health: Each figure of discovery after every epoch of training, for a report;
            part of every checkpoint.
    """

    def __init__(
        self,
        model: LRDRec | Popularity | RCF | SASRec,
        lr: float = 3e-3,
        *,
        gate_lr: float = 2e-2,
        dvae_lr: float = 1e-2,
        weight_decay: float = 0.01,
        dvae_weight_decay: float = 0.3,
    ) -> None:
        super().__init__()
        self.model: Any = model  # Popularity has no loss, and is never trained
        self.lr, self.gate_lr, self.dvae_lr = lr, gate_lr, dvae_lr
        self.weight_decay = weight_decay
        self.dvae_weight_decay = dvae_weight_decay
        self._states: Tensor | None = None
        self._kept = ExitStack()
        self._breadth: Breadth | None = None
        self.run: dict[str, str] = {}
        self.health: dict[str, list[float]] = {}

    def on_train_epoch_start(self) -> None:
        """Let edges be typed anew, as after an evaluation, which there may not be."""
        if isinstance(self.model, LRDRec):
            self.model.convs.forget()

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Sum of the model's losses."""
        losses = self.model.loss(batch)
        size = batch["history"].size(0)
        for name, value in losses.items():
            self.log(
                f"train/{name}", value, on_epoch=True, on_step=False, batch_size=size
            )
        return torch.stack(list(losses.values())).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW, with groups of their own for the gates and for discovery."""
        groups: dict[str, list[nn.Parameter]] = {"rest": [], "gates": [], "dvae": []}
        for name, parameter in self.named_parameters():
            gate = any(f".{part}." in name for part in ("scorer", "trend", "newcomers"))
            place = "gates" if gate else "dvae" if ".dvae." in name else "rest"
            groups[place].append(parameter)
        options: dict[str, dict[str, Any]] = {
            "gates": {"lr": self.gate_lr, "weight_decay": 0.0},
            "dvae": {"lr": self.dvae_lr, "weight_decay": self.dvae_weight_decay},
            "rest": {},
        }
        given = [{"params": g, **options[name]} for name, g in groups.items() if g]
        return RowAdamW(given, lr=self.lr, weight_decay=self.weight_decay, fused=True)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Say whose checkpoint it is, for :func:`fit` to go on with no other one."""
        checkpoint["run"], checkpoint["health"] = self.run, self.health
        for name in constants(self):
            del checkpoint["state_dict"][name]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the figures of discovery, over the graph that is there."""
        self.health = checkpoint["health"]
        checkpoint["state_dict"] |= constants(self)

    def setup(self, stage: str) -> None:
        """On several GPUs, or to be clipped, gradients are dense.

        NCCL reduces no sparse ones, and PyTorch clips none.
        """
        trainer, device = self.trainer, self.trainer.strategy.root_device
        several = trainer.world_size > 1 and device.type == "cuda"
        if several or trainer.gradient_clip_val:
            for part in self.modules():
                if isinstance(part, nn.Embedding):
                    part.sparse = False

    def on_validation_epoch_start(self) -> None:
        """Compute once for all questions: item states, and relations of pairs."""
        if isinstance(self.model, LRDRec):
            self._kept.enter_context(self.model.edges_kept())
        # Detached: a parameter set on a module would become one of its own.
        self._states = self.model.item_states().detach()

    def release(self) -> None:
        """Forget what was computed once for all questions."""
        self._kept.close()
        self._states = None

    def on_test_start(self) -> None:
        """See that the questions can be asked of the model.

        Raises:
            ValueError: For what :func:`~lrdgraph.models.agreement.check_histories`
                raises.
        """
        check_histories(self.model, self._tested_histories())

    def _tested_histories(self) -> Histories:
        questions: Any = self.trainer.test_dataloaders
        histories: Histories = questions.dataset.histories
        return histories

    def on_test_epoch_start(self) -> None:
        """Compute the item states, and how often training saw each item."""
        self.on_validation_epoch_start()
        count = self._tested_histories().training_count()
        self._breadth = Breadth(count.to(self.device))

    def on_test_epoch_end(self) -> None:
        """Tell what concerns all rankings together."""
        self.release()
        if self._breadth is not None:
            found, self._breadth = self._breadth.compute(), None
            named = {f"test/{name}": value for name, value in found.items()}
            self.log_dict(named, sync_dist=True)  # all processes have the same

    def on_validation_epoch_end(self) -> None:
        """Look at discovery after an epoch of training."""
        self.release()
        graph = getattr(self.model, "graph", None)
        if not isinstance(graph, LatentRelationGraph) or not graph.num_latent:
            return
        fitting = self.trainer.state.fn == TrainerFn.FITTING
        if not fitting or self.trainer.sanity_checking:
            return
        found = health(graph)
        for name, value in found._asdict().items():
            self.health.setdefault(name, []).append(value)
            shown = name == "perplexity"
            self.log(f"relations/{name}", value, prog_bar=shown, sync_dist=True)
        warning = found.warning()
        if warning and self.current_epoch + 1 == TIME_TO_DISCOVER:
            warnings.warn(warning, stacklevel=2)

    def validation_step(self, question: Question, batch_idx: int) -> None:
        """Rank the targets of a validation batch."""
        self._answer(question, "val/")

    def test_step(self, question: Question, batch_idx: int) -> None:
        """Rank the targets of a test batch."""
        self._answer(question, "test/")

    def _answer(self, question: Question, prefix: str) -> None:
        when = (question["period"], question["history_time"])
        scores = self.model(question["history"], self._states, *when)
        self._rank_all(question, scores, prefix)
        among = rank_among_given(question, scores)
        if among.numel():
            self._log_ranks(f"{prefix}sampled/", among)

    def _rank_all(self, question: Question, scores: Tensor, prefix: str) -> None:
        seen = (question["seen_row"], question["seen_item"])
        rank = rank_in_catalogue(question, scores)
        self._log_ranks(prefix, rank)
        if self._breadth is not None:
            self._breadth.update(scores, rank, question["target"], seen)

    def _log_ranks(self, prefix: str, rank: Tensor) -> None:
        for name, value in ranking_metrics(rank).items():
            self.log(
                f"{prefix}{name}",
                value,
                on_epoch=True,
                batch_size=rank.numel(),
                prog_bar=f"{prefix}{name}" == MONITOR,
                sync_dist=True,
            )
