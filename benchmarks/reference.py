"""KDA+LRD and RCF+LRD beside their authors' code: equal outputs, and how much faster.

    python benchmarks/reference.py --reference LRD --root OFFICE \
        --out benchmarks/results/office-reference.json

``LRD`` is a copy of https://github.com/ysh-1998/LRD, ``OFFICE`` the folder of the data.
Nothing of either becomes part of this package. Both models get the same weights, all of
a deviation that makes scores differ, and score the same candidates in double precision.
Times are seconds of the processor, of steps that take turns; the least of each is
reported, which other work on the machine disturbs least.
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
from record import write
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from lrdgraph.data.choices import TrainingChoices
from lrdgraph.data.sequences import Histories, Questions
from lrdgraph.models import KDA, RCF
from lrdgraph.typing import TEST

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
    """Their model class, the model and their data, read from a temporary folder."""
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
    runner = importlib.import_module("helpers.BaseRunner").BaseRunner
    parser = argparse.ArgumentParser()
    for add in (
        reader.parse_data_args,
        runner.parse_runner_args,
        kind.parse_model_args,
    ):
        parser = add(parser)
    given = (
        "--dataset Office --emb_size 64 --include_attr 1 --include_val 1 --freq_rand 1 "
        "--l2 1e-6 --num_heads 4 --num_layers 5 --gamma -1 --history_max 20 "
        f"--include_lrd 1 --plm_name feat.ours --plm_size {x.size(1)}"
    )
    args, _ = parser.parse_known_args(given.split())
    args.only_predict = args.regenerate = 0
    corpus = reader(args)
    model = kind(args, corpus)
    model.apply(model.init_weights)
    model.actions_before_train()
    model.optimizer = runner(args)._build_optimizer(model)
    return kind, model, corpus


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
    """The two models, their questions and their training batches of one size."""

    def __init__(self, name: str, data: HeteroData, args: argparse.Namespace) -> None:
        torch.manual_seed(0)
        self.config = {**SETTING, **MODELS[name]}
        self.ours = build(name, data, self.config)
        found = theirs(args.reference, args.root, NAMES[name], data["item"].x)
        kind, self.theirs, corpus = found
        users = torch.tensor([int(user) for user in data["user"].id])
        copy_weights(self.theirs, self.ours, corpus, users)
        histories = Histories.from_data(data)
        questions = Questions(histories, TEST, 20, data["user"].test_negatives)
        step = max(1, len(questions) // args.users)
        rows = list(range(0, len(questions), step))[: args.users]
        self.question = questions.__getitems__(rows)
        target = self.question["target"].unsqueeze(1)
        self.candidates = torch.cat([target, self.question["negatives"]], dim=1)
        chosen = corpus.data_df["test"].set_index("user_id")
        chosen = chosen.loc[users[self.question["user"]].tolist()].reset_index()
        corpus.data_df["test"] = chosen
        self.test = kind.Dataset(self.theirs, corpus, "test")
        size = args.steps * self.config["batch_size"]
        train = corpus.data_df["train"]
        train = train[train["his_length"] > 0].sample(size, random_state=0)
        corpus.data_df["train"] = train
        self.train = kind.Dataset(self.theirs, corpus, "train")
        self.train.actions_before_epoch()
        self.choices = TrainingChoices(histories, 20, spare_held_out=True)
        self.order = torch.randperm(len(self.choices))
        self.optimizer = torch.optim.Adam(
            self.ours.parameters(), self.config["lr"], weight_decay=self.config["l2"]
        )

    def rank_theirs(self) -> Tensor:
        """Scores of all candidates, in batches as large as the questions are many."""
        batch = self.test.collate_batch([self.test[i] for i in range(len(self.test))])
        return self.theirs(batch)["prediction"]

    def rank_ours(self) -> Tensor:
        """The same scores."""
        names = ("user", "time", "history_time")
        when = {name: self.question[name] for name in names}
        return self.ours(self.question["history"], candidates=self.candidates, **when)

    def step_theirs(self, number: int) -> None:
        """One training step of theirs."""
        size = self.config["batch_size"]
        rows = range(number * size, (number + 1) * size)
        batch = self.train.collate_batch([self.train[i] for i in rows])
        self.theirs.optimizer.zero_grad()
        self.theirs.loss(self.theirs(batch))[0].backward()
        self.theirs.optimizer.step()

    def step_ours(self, number: int) -> None:
        """One training step of ours."""
        size = self.config["batch_size"]
        rows = self.order[number * size : (number + 1) * size].tolist()
        losses = self.ours.loss(self.choices.__getitems__(rows))
        self.optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        self.optimizer.step()


def seconds(work: Callable[..., Any], *args: Any) -> float:
    """Seconds of the processor that some work takes."""
    start = time.process_time()
    work(*args)
    return time.process_time() - start


def difference(both: Both) -> dict[str, float]:
    """How far scores are apart at equal weights, in double precision."""
    models: list[nn.Module] = [both.theirs.eval(), both.ours.eval()]
    for model in models:
        model.double()
    single, Tensor.float = Tensor.float, Tensor.double  # which theirs calls on the way
    apart = (both.rank_theirs() - both.rank_ours()).abs().max().item()
    Tensor.float = single
    spread = both.rank_ours().std().item()
    for model in models:
        model.float()
    return {"largest_difference": apart, "deviation_of_scores": spread}


def measure(both: Both, steps: int) -> dict[str, float]:
    """Least seconds of a training step and of ranking, theirs and ours by turns."""
    both.theirs.train()
    both.ours.train()
    turns = [
        (seconds(both.step_theirs, n), seconds(both.step_ours, n)) for n in range(steps)
    ]
    step = np.min(turns, axis=0)
    both.theirs.eval()
    both.ours.eval()
    turns = [(seconds(both.rank_theirs), seconds(both.rank_ours)) for _ in range(3)]
    rank = np.min(turns, axis=0)
    return {
        "step_theirs": step[0],
        "step_ours": step[1],
        "step_ratio": step[0] / step[1],
        "rank_theirs": rank[0],
        "rank_ours": rank[1],
        "rank_ratio": rank[0] / rank[1],
    }


def main() -> None:
    """Compare each model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reference", type=Path, required=True, help="copy of LRD")
    parser.add_argument("--root", type=Path, required=True, help="folder of Office")
    parser.add_argument("--model", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--users", type=int, default=64, help="users to rank for")
    parser.add_argument("--steps", type=int, default=8, help="training steps")
    parser.add_argument("--cache", default="data/vectors", help="folder of vectors")
    parser.add_argument("--out", type=Path, help="JSON to write")
    args = parser.parse_args()
    out = args.out and args.out.resolve()
    data, rows = load("office", args.root, args.cache), []
    for name in args.model:
        both = Both(name, data, args)
        with torch.no_grad():
            found = difference(both)
        row = {"model": name, "users": args.users} | found | measure(both, args.steps)
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
