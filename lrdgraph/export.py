"""The scoring of a trained model as a program that runs without this library."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import BinaryIO, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lrdgraph.files import atomic_write
from lrdgraph.models import LRDRec
from lrdgraph.models.item_index import popularity
from lrdgraph.nn.evaluation_mode import evaluating


class Scoring(nn.Module):
    r"""What :class:`~lrdgraph.models.LRDRec` computes, with all but the history fixed.

    Item states are a table, and so is what each edge adds at each distance from the end
    of the history, :math:`\sum_r g_{r,\Delta} w_r(i, j)`. A slot reaches for as many
    edges as the item with the most of them has, where those beyond its own add zero:
    shapes then depend on nothing but the number of histories.

    A history of padding alone, that of a new user, is answered as
    :func:`~lrdgraph.models.recommending.recommend` does: by what others have bought.

    Args:
        model: The trained model.
        k: Number of items to give, without those of the history (which come last and
            have the score minus infinity where fewer others are left); None gives the
            scores of all.
    """

    bought: Tensor | None
    states: Tensor
    bias: Tensor
    added: Tensor
    target: Tensor
    start: Tensor

    @torch.no_grad()
    def __init__(self, model: LRDRec, k: int | None = None) -> None:
        super().__init__()
        self.k, self.num_items = k, model.num_items
        self.encoder = deepcopy(model.encoder)  # to be moved, and the model is not
        graph = model.graph
        edges, start = model.edges(), graph.start
        self.num_slots = int(start.diff().max())
        # One row more each: padding has no state and no edges, and the edge that is not
        # there adds nothing.
        tables = {
            "states": F.pad(model.item_states(), (0, 0, 0, 1)),
            "bias": model.item_offsets().clone(),
            "added": F.pad(edges.weight @ model.scorer.gates(), (0, 0, 0, 1)),
            "target": F.pad(edges.edge_index[1], (0, 1)),
            "start": F.pad(start, (0, 1), value=graph.num_edges),
        }
        for name, table in tables.items():
            self.register_buffer(name, table)
        self.register_buffer("bought", popularity(model))

    def forward(self, history: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Score the whole catalogue after each history.

        Args:
            history: Item indices, padded on the left with ``N``, ``[B, L]``.

        Returns:
            Scores ``[B, N]``; with ``k``, the best scores ``[B, k]`` and their items
            ``[B, k]``.
        """
        mask = history < self.num_items
        user = self.encoder.last(F.embedding(history, self.states), mask)
        scores = torch.addmm(self.bias, user, self.states[:-1].t())
        edge = self.start[history].unsqueeze(-1) + torch.arange(
            self.num_slots, device=history.device
        )  # [B, L, D]
        none = len(self.target) - 1
        edge = edge.where(edge < self.start[history + 1].unsqueeze(-1), none)
        length = history.size(1)
        distance = torch.arange(length - 1, -1, -1, device=history.device)
        value = self.added[edge, distance.unsqueeze(-1)]
        scores = scores.scatter_add(1, self.target[edge].flatten(1), value.flatten(1))
        if self.bought is not None:
            scores = scores.where(mask.any(dim=1, keepdim=True), self.bought)
        if self.k is None:
            return scores
        unseen = F.pad(scores, (0, 1)).scatter(1, history, -torch.inf)[:, :-1]
        best = unseen.topk(self.k)
        return best.values, best.indices


def export_scoring(model: LRDRec, path: str | Path, k: int | None = None) -> None:
    """Write the scoring as a program: histories in, scores of the catalogue out.

    Its input ``history [B, L]`` holds item indices, padded on the left with ``N``, for
    any ``B >= 1``, where ``L`` is the ``max_length`` of the model. One of padding alone
    is a new user's: items are ranked as by ``model.recommend([])``. The external ids,
    in the order of the indices, go with it. The end of the name decides on the format:

    =========  =======================================================================
    ``.pt2``   ``torch.export.load(path).module()`` runs it; the ids are JSON in the
               extra file ``ids.json``
    ``.onnx``  for ONNX runtimes; the ids are JSON in the metadata, ``ids``
    =========  =======================================================================

    Args:
        model: The model; what is known *now* of trends is part of the program.
        path: Name of the file, which is written as a whole or not at all.
        k: Number of items to give, best first, without those of the history, as scores
            and indices ``[B, k]``; None gives the scores of all, ``[B, N]``. Where
            fewer than ``k`` items are left, those of the history fill up the end, with
            the score minus infinity: drop what is not finite.

    Raises:
        ValueError: If the name has another end, if ``k`` is not between 1 and ``N``, or
            if the encoder is ``'tisasrec'``, which needs to know when items were
            bought.
        ImportError: If ONNX is asked for and missing.
    """
    path = Path(path).expanduser()
    if path.suffix not in _WRITERS:
        raise ValueError(f"'path' needs to end in one of {[*_WRITERS]} (got '{path}')")
    if k is not None and not 1 <= k <= model.num_items:
        raise ValueError(f"'k' needs to be 1 to {model.num_items} (got {k})")
    with evaluating(model):
        scoring = Scoring(model, k).eval().cpu().requires_grad_(False)
    program = _trace(scoring, model.max_length)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        _WRITERS[path.suffix](program, json.dumps(model.graph.ids), file)


def _trace(scoring: Scoring, length: int) -> torch.export.ExportedProgram:
    example = torch.full((2, length), scoring.num_items)
    batch = torch.export.Dim("batch")
    return torch.export.export(scoring, (example,), dynamic_shapes=({0: batch},))


def _write_torch(
    program: torch.export.ExportedProgram, ids: str, file: BinaryIO
) -> None:
    packed = io.BytesIO()  # a full disk ends the process if torch writes itself
    torch.export.save(program, packed, extra_files={"ids.json": ids})
    file.write(packed.getbuffer())


def _write_onnx(
    program: torch.export.ExportedProgram, ids: str, file: BinaryIO
) -> None:
    try:
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "export to ONNX needs onnx and onnxscript: pip install lrdgraph[onnx]"
        ) from error
    names = ["scores", "items"][: len(program.graph_signature.user_outputs)]
    made = torch.onnx.export(program, output_names=names, dynamo=True, verbose=False)
    made = cast("torch.onnx.ONNXProgram", made)
    made.model.metadata_props["ids"] = ids
    file.write(made.model_proto.SerializeToString())


_WRITERS: dict[str, Callable[[torch.export.ExportedProgram, str, BinaryIO], None]] = {
    ".onnx": _write_onnx,
    ".pt2": _write_torch,
}
"""What writes the files of each suffix."""
