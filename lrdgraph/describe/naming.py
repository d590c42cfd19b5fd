"""Names and sentences for latent relations, written by a language model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from lrdgraph.describe.description import Description, shortened, tell_habits
from lrdgraph.text.progress import progress_bar

Writer = Callable[[str], str]
"""From a prompt to an answer, as :class:`~lrdgraph.text.TextWriter` does."""

MAX_WORDS, MAX_NAME, MAX_SENTENCE = 5, 40, 200
"""Words and characters of a name, and characters of a sentence, at most."""

_NUM_PAIRS = 5
_PROMPT = """\
In a shop, one relation leads from the first product of each of these pairs (the head)
to the second one (the tail):
{facts}

What is the second product to the first one? Answer with one line in the form
name: sentence
where the name has at most four words and the sentence is short."""


def name_relations(
    descriptions: Sequence[Description], writer: Writer
) -> list[Description]:
    r"""Let a language model name relations by their exemplars, words and habits.

    .. code-block:: python

        writer = TextWriter('HuggingFaceTB/SmolLM2-1.7B-Instruct')
        named = name_relations(describe(graph, data), writer)
        write_report(graph, 'report.html', data, descriptions=named)

    What is written is a guess from a few titles, and no better than the model. The
    smallest ones are too weak: of the 8 relations of the planted shop, SmolLM2-135M
    named none in the form that is asked for, so that all kept their counted names.

    Args:
        descriptions: What :func:`~lrdgraph.describe.describe` gave.
        writer: Any function from a prompt to an answer, such as
            :class:`~lrdgraph.text.TextWriter` (a model on this machine) or
            :class:`~lrdgraph.text.EndpointWriter` (a server). What it raises is
            raised here.

    Returns:
        The descriptions with ``name`` and ``sentence`` as written. One whose answer is
        not a single line ``name: sentence``, is too long or repeats the name of another
        one keeps its name; ``origin`` says why.
    """
    taken = {one.name.casefold() for one in descriptions}
    named = []
    with progress_bar(len(descriptions), "Naming relations", shown=True) as bar:
        for one in descriptions:
            named.append(_name(one, writer, taken))
            taken.add(named[-1].name.casefold())
            bar.update()
    return named


def _name(one: Description, writer: Writer, taken: set[str]) -> Description:
    if not one.exemplars:
        return replace(one, origin=f"{one.origin}, as there is no pair to tell of")
    answer = writer(_PROMPT.format(facts="\n".join(_facts(one))))
    try:
        name, sentence = _parse(answer, taken)
    except ValueError as error:
        return replace(one, origin=f"{one.origin}, as the answer was {error}")
    origin = f"written by a language model; {one.origin}: {one.name}"
    return replace(one, name=name, sentence=sentence, origin=origin)


def _facts(one: Description) -> Iterator[str]:
    """What a model is told."""
    for pair in one.exemplars[:_NUM_PAIRS]:
        titles = (shortened(title, 80) for title in pair[2:4])
        yield "- " + " -> ".join(titles)
    for end, words in (("tails", one.gained), ("heads", one.lost)):
        if words:
            yield f"Words of {end} alone: {', '.join(words)}."
    if one.habits:
        yield f"{tell_habits(one.habits)}."


def _parse(answer: str, taken: set[str]) -> tuple[str, str]:
    """Name and sentence of an answer; a ValueError says what it is instead."""
    line = answer.strip()
    name, colon, sentence = (part.strip(" *\"'") for part in line.partition(":"))
    if not line:
        raise ValueError("empty")
    if not line.isprintable():  # several lines, or what a terminal would obey
        raise ValueError("more than one line of text")
    if not (name and colon and sentence):
        raise ValueError("no 'name: sentence'")
    if len(name) > MAX_NAME or len(name.split()) > MAX_WORDS:
        raise ValueError("too long a name")
    if len(sentence) > MAX_SENTENCE:
        raise ValueError("too long a sentence")
    if name.casefold() in {*taken, "name"}:
        raise ValueError("a name that is taken")
    return name, sentence
