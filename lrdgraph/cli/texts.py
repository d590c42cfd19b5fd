"""What help says of each command, and examples to learn from."""

from __future__ import annotations

OVERVIEW = """\
from tables to explained recommendations:
  lrdgraph train --interactions purchases.csv --items items.csv --out shop-model
  lrdgraph recommend shop-model --interactions purchases.csv --user u1
  lrdgraph recommend shop-model --interactions purchases.csv --out recs.parquet

'lrdgraph COMMAND --help' tells of each command, with examples.
"""

_TABLES = "--interactions purchases.csv --items items.csv"

COMMANDS = {
    "embed": (
        "embed item texts with a language model, each only once",
        "  lrdgraph embed items.csv --out vectors\n"
        "  lrdgraph embed items.csv --text-columns title brand --encoder my-model/\n"
        "An interrupted run goes on where it stopped. Other commands find the vectors\n"
        "with --vectors.",
    ),
    "discover": (
        "discover what relations there are between items, without a recommender",
        f"  lrdgraph discover {_TABLES} --out relations\n"
        f"  lrdgraph discover {_TABLES} --relations also-bought.tsv \\\n"
        "      --shared-columns brand --num-latent 12 --format graphml \\\n"
        "      --out relations\n"
        f"  lrdgraph discover {_TABLES} --relations also-bought.tsv \\\n"
        "      --objective facts --out relations",
    ),
    "train": (
        "discover relations, train a recommender with them, evaluate and keep it",
        f"  lrdgraph train {_TABLES} --out shop-model\n"
        f"  lrdgraph train {_TABLES} --out tuesday --continue-from monday\n"
        f"  lrdgraph train {_TABLES} --out marketplace --large\n"
        "After an interruption, the same command goes on after the last whole epoch.\n"
        "Each user's last purchase is the test and the one before it the validation,\n"
        "unless the interactions have a column split (0 train, 1 validation, 2 test).",
    ),
    "evaluate": (
        "measure how well a model ranks what users bought last",
        "  lrdgraph evaluate shop-model --interactions purchases.csv\n"
        "  lrdgraph evaluate shop-model --interactions purchases.csv --json",
    ),
    "recommend": (
        "recommend items, with reasons",
        "  lrdgraph recommend shop-model --history P1 P7 -k 5\n"
        "  lrdgraph recommend shop-model --interactions purchases.csv --user u1\n"
        "  lrdgraph recommend shop-model --interactions purchases.csv \\\n"
        "      --among in-stock.txt --max-per-relation 3 --out recs.parquet\n"
        "  lrdgraph recommend shop-model --items items.csv --where category=pens",
    ),
    "add": (
        "add items to a model by their texts alone, without training",
        "  lrdgraph add shop-model --items new-items.csv --out bigger-model",
    ),
    "export": (
        "write the typed item graph of a model to a file",
        "  lrdgraph export shop-model graph.gexf --min-prob 0.7\n"
        "  lrdgraph export shop-model edges.parquet --only latent_1 --top-k 3",
    ),
    "report": (
        "write a page about the relations of a model, to open in a browser",
        "  lrdgraph report shop-model report.html\n"
        f"  lrdgraph report shop-model report.html {_TABLES} --user u1",
    ),
    "serve": (
        "answer requests for recommendations over HTTP",
        "  lrdgraph serve shop-model --port 8000",
    ),
}
"""What each command does, and its examples."""
