"""``lrdgraph evaluate``: how well a model ranks what users bought next."""

from __future__ import annotations

import json
from argparse import Namespace

from torch_geometric.data import HeteroData

from lrdgraph.cli.settings import Settings, open_model
from lrdgraph.cli.shop import read_known
from lrdgraph.cli.telling import print_metrics, say
from lrdgraph.data import Histories, Questions
from lrdgraph.evaluate import evaluate
from lrdgraph.models import LRDRec, Popularity
from lrdgraph.transforms import Trends
from lrdgraph.typing import TEST, VAL


def run(args: Namespace) -> None:
    """Print the metrics of a model, and those of popularity beside it."""
    model, remembered = open_model(args.model)
    tell_final(args.model, remembered)
    settings = remembered.given(args)
    data, _ = read_known(args.interactions, model.graph, settings)
    if model.trend is not None:
        data = Trends()(data)
        model = model.over(model.graph, trend=data["item"].trend)
    metrics = measure(model, data)
    if args.json:
        print(json.dumps(metrics, indent=2))
    else:
        print_metrics(metrics)


def tell_final(name: str, remembered: Settings) -> None:
    """Tell that figures are of no use for purchases that a model has learned from."""
    if remembered.final:
        say(
            f"'{name}' was trained with --final, on all purchases of its tables: those "
            "it knows, and figures hold for later ones alone"
        )


def measure(
    model: LRDRec, data: HeteroData, num_questions: int | None = None
) -> dict[str, float]:
    """Metrics of a model and of popularity on the validation and the test part.

    Args:
        model: The model.
        data: Interactions with a split, whose items are those of the model.
        num_questions: How many purchases of each part to foretell; None is all.

    Raises:
        ValueError: If the split has neither part.
    """
    histories = Histories.from_data(data)
    # What the model was trained on decides what is rare, not what it is asked about.
    count = model.graph.popularity
    popularity = Popularity(count)
    metrics: dict[str, float] = {}
    for part, name in ((VAL, "validation"), (TEST, "test")):
        questions = Questions(
            histories, part, model.max_length, num_questions=num_questions
        )
        if len(questions):
            say(f"{name}: {len(questions):,} purchases to foretell")
            for prefix, ranker in ((name, model), (f"{name}, popularity", popularity)):
                found = evaluate(ranker, questions, count).metrics
                if ranker is popularity:  # which finds what is popular: one row says it
                    found = {n: value for n, value in found.items() if "/" not in n}
                metrics |= {f"{prefix}/{n}": value for n, value in found.items()}
    if not metrics:
        raise ValueError(
            "evaluation needs purchases to foretell (got none): users with three or "
            "more interactions, or a column 'split' with 1 (validation) or 2 (test)"
        )
    return metrics
