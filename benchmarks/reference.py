"""KDA+LRD and RCF+LRD beside their authors' code: equal outputs, and how much faster.

    python benchmarks/reference.py --reference LRD --root OFFICE \
        --out benchmarks/results/office-reference.json

``LRD`` is a copy of https://github.com/ysh-1998/LRD, ``OFFICE`` the folder of the data.
Nothing of either becomes part of this package. Both models get the same weights, all of
a deviation that makes scores differ, and score the same candidates in double precision.
Times are seconds of the processor on one thread, for one epoch over all training
choices and for ranking the candidates of all users: theirs by their runner, in its
batches of 256, ours by Lightning's trainer.
"""

import argparse
import importlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from published import MODELS, SETTING, build, load
from pytorch_lightning import Trainer
from record import write
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from lrdgraph.data.choices import TrainingChoices
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.data.sequences import Histories
from lrdgraph.models import KDA, RCF
from lrdgraph.training import NextChoice

NAMES = {"kda-lrd": "KDAPlus", "rcf-lrd": "RCFPlus"}


def ragged_array(values: Any, *args: Any, **options: Any) -> np.ndarray:
    """``np.array`` as it was in their time: lists may differ in length."""
    try:
        return REAL_ARRAY(values, *args, **options)
    except ValueError:
        ragged = np.empty(len(values), dtype=object)
        ragged[:] = [REAL_ARRAY(value) for value in values]
        return ragged


REAL_ARRAY = np.array


def theirs(reference: Path, root: Path, name: str, x: Tensor) -> tuple[Any, Any, Any]:
    """Their model, runner and data, read from a temporary folder."""
    # As numpy was: ``np.object`` was the type, and lists may differ in length.
    setattr(np, "object", object)  # noqa: B010
    np.array = ragged_array
    # Their package without an __init__.py would lose against models.py beside us.
    here, source = Path(__file__).resolve().parent, (reference / "src").resolve()
    others = [path for path in sys.path if Path(path).resolve() != here]
    sys.path[:] = [str(source), *others]
    sys.modules.pop("models", None)
    folder = Path(tempfile.mkdtemp())
    (folder / "data" / "Office").mkdir(parents=True)
    (folder / "src").mkdir()
    for file in root.glob("*.csv"):
        (folder / "data" / "Office" / file.name).symlink_to(file.resolve())
    x.numpy().astype(np.float32).tofile(folder / "data" / "Office" / "Office.feat.ours")
    os.chdir(folder / "src")  # where their relative paths lead to these
    kind = getattr(importlib.import_module(f"models.sequential.{name}"), name)
    reader = getattr(importlib.import_module(f"helpers.{kind.reader}"), kind.reader)
    runners = importlib.import_module("helpers.BaseRunner").BaseRunner
    parser = argparse.ArgumentParser()
    for add in (
        reader.parse_data_args,
        runners.parse_runner_args,
        kind.parse_model_args,
    ):
        parser = add(parser)
    given = (
        "--dataset Office --emb_size 64 --include_attr 1 --include_val 1 --freq_rand 1 "
        "--l2 1e-6 --num_heads 4 --num_layers 5 --gamma -1 --history_max 20 "
        f"--include_lrd 1 --plm_name feat.ours --plm_size {x.size(1)} "
        "--num_workers 0 --pin_memory 0"
    )
    args, _ = parser.parse_known_args(given.split())
    args.only_predict = args.regenerate = 0
    corpus = reader(args)
    model = kind(args, corpus)
    model.apply(model.init_weights)
    model.actions_before_train()
    runner = runners(args)
    model.optimizer = runner._build_optimizer(model)
    return model, runner, corpus


def entity_of(corpus: Any, ours: RCF, values: Tensor) -> Tensor:
    """The entity of ours for each of theirs: items, no value, values of attributes."""
    number = ours.num_items
    found = torch.full((corpus.n_entities,), number)
    found[1 : number + 1] = torch.arange(number)
    base = corpus.n_items
    for place, attribute in enumerate(corpus.attr_relations):
        column = corpus.item_meta_df[attribute].to_numpy()
        item = torch.from_numpy(corpus.item_meta_df["item_id"].to_numpy(copy=True)) - 1
        known = column > 0
        found[base + column[known]] = values[item[known], place]
        base += int(column.max()) + 1
    return found


def copy_weights(model: Any, ours: RCF, corpus: Any, users: Tensor) -> None:
    """Make all weights of theirs larger, and copy them into ours."""
    dvae, encoder, heads = ours.graph.dvae, ours.encoder, model.attn_head
    for parameter in model.parameters():
        parameter.data *= 10 if parameter.requires_grad else 1
    theirs_of = {
        ours.user.weight: model.user_embeddings.weight[users],
        ours.relation.weight: model.relation_embeddings.weight[: dvae.num_known],
        dvae.relation: model.relation_embeddings.weight[dvae.num_known :],
        ours.bias: model.item_bias.weight[1 : ours.num_items + 1, 0],
        dvae.project.weight: model.project_layer_1.weight,
        dvae.project.bias: model.project_layer_1.bias,
        dvae.extract.weight: model.project_layer_2.weight,
        dvae.extract.bias: model.project_layer_2.bias,
        encoder.project.weight: torch.cat(
            [heads.q_linear.weight, heads.k_linear.weight, heads.v_linear.weight]
        ),
    }
    for ours_part, theirs_part in (
        (encoder.inner, model.W1),
        (encoder.outer, model.W2),
        (encoder.norm, model.layer_norm),
    ):
        theirs_of[ours_part.weight] = theirs_part.weight
        theirs_of[ours_part.bias] = theirs_part.bias
    if isinstance(ours, KDA):
        decay = model.relational_dynamic_aggregation
        decay.freq_real.weight.data += 1  # so that not all is cut
        theirs_of[ours.decay.real] = decay.freq_real.weight
        theirs_of[ours.decay.imaginary] = decay.freq_imag.weight
    for parameter, value in theirs_of.items():
        parameter.data.copy_(value.data)
    place, entity = entity_of(corpus, ours, ours.value), model.entity_embeddings.weight
    # Theirs has an entity for each unknown value; ours has one for them and padding.
    entity.data[place == ours.num_items] = entity.data[0].clone()
    ours.entity.weight.data[place] = entity.data


class Both:
    """The two models with equal weights, and the same data for each."""

    def __init__(self, name: str, data: HeteroData, args: argparse.Namespace) -> None:
        torch.manual_seed(0)
        config = {**SETTING, **MODELS[name]}
        self.ours = build(name, data, config)
        found = theirs(args.reference, args.root, NAMES[name], data["item"].x)
        self.theirs, self.runner, corpus = found
        users = torch.tensor([int(user) for user in data["user"].id])
        copy_weights(self.theirs, self.ours, corpus, users)
        length, size = config["max_length"], config["batch_size"]
        choices = TrainingChoices(
            Histories.from_data(data), length, spare_held_out=True
        )
        self.module = SequenceDataModule(data, length, size, choices)
        self.trainer = Trainer(
            max_epochs=1,
            accelerator="cpu",
            limit_val_batches=0,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
        )
        self.task = NextChoice(
            self.ours, config["lr"], l2=config["l2"], rank_catalogue=False
        )
        questions, asked = self.module.test, corpus.data_df["test"]
        order = users[questions.histories.user[questions.position]].tolist()
        asked = asked.set_index("user_id").loc[order]  # as ours are
        corpus.data_df["test"] = asked.reset_index()
        self.train, self.test = (
            self.theirs.Dataset(self.theirs, corpus, part) for part in ("train", "test")
        )

    def scores(self, rows: list[int]) -> tuple[Tensor, Tensor]:
        """Of all candidates of some users, theirs and ours."""
        batch = self.test.collate_batch([self.test[row] for row in rows])
        asked = self.module.test.__getitems__(rows)
        candidates = torch.cat([asked["target"].unsqueeze(1), asked["negatives"]], 1)
        when = {name: asked[name] for name in ("user", "time", "history_time")}
        ours = self.ours(asked["history"], candidates=candidates, **when)
        return self.theirs(batch)["prediction"], ours

    def train_theirs(self) -> None:
        """One epoch."""
        self.runner.fit(self.theirs, self.train)

    def train_ours(self) -> None:
        """One epoch."""
        self.trainer.fit(self.task, self.module)

    def rank_theirs(self) -> None:
        """The candidates of all users."""
        self.runner.evaluate(self.theirs, self.test, [5, 10], ["NDCG", "HR"])

    def rank_ours(self) -> None:
        """The candidates of all users."""
        self.trainer.test(self.task, self.module, verbose=False)


@torch.no_grad()
def difference(both: Both, users: int) -> dict[str, float]:
    """How far scores are apart at equal weights, in double precision."""
    rows = list(range(0, len(both.test), max(1, len(both.test) // users)))[:users]
    models: list[nn.Module] = [both.theirs.eval(), both.ours.eval()]
    for model in models:
        model.double()
    single, Tensor.float = Tensor.float, Tensor.double  # which theirs calls on the way
    found, ours = both.scores(rows)
    Tensor.float = single
    for model in models:
        model.float()
    return {
        "largest_difference": (found - ours).abs().max().item(),
        "deviation_of_scores": ours.std().item(),
    }


def seconds(work: Callable[[], None]) -> float:
    """Seconds of the processor that some work takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def measure(both: Both) -> dict[str, float]:
    """Seconds of an epoch and of ranking all users' candidates, theirs and ours."""
    found = {
        "train_theirs": seconds(both.train_theirs),
        "train_ours": seconds(both.train_ours),
        "rank_theirs": seconds(both.rank_theirs),
        "rank_ours": seconds(both.rank_ours),
    }
    return found | {
        "train_ratio": found["train_theirs"] / found["train_ours"],
        "rank_ratio": found["rank_theirs"] / found["rank_ours"],
    }


def main() -> None:
    """Compare each model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reference", type=Path, required=True, help="copy of LRD")
    parser.add_argument("--root", type=Path, required=True, help="folder of Office")
    parser.add_argument("--model", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--users", type=int, default=64, help="whose scores to compare")
    parser.add_argument("--cache", default="data/vectors", help="folder of vectors")
    parser.add_argument("--out", type=Path, help="JSON to write")
    args = parser.parse_args()
    out = args.out and args.out.resolve()
    torch.set_num_threads(1)
    data, rows = load("office", args.root, args.cache), []
    for name in args.model:
        both = Both(name, data, args)
        row = {"model": name, "users": args.users}
        row |= difference(both, args.users) | measure(both)
        rows.append(
            {
                k: v if isinstance(v, str | int) else float(f"{v:.4g}")
                for k, v in row.items()
            }
        )
        print(rows[-1], flush=True)
    if out:
        write(out, rows)


if __name__ == "__main__":
    main()
