"""Names that a writer gives: taken, or refused with a reason."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lrdgraph.describe import Description, Exemplar, Habits, name_relations
from lrdgraph.describe.description import shortened
from lrdgraph.text import EndpointError, TextWriter

REFILL = Description(
    relation="latent_1",
    name="later: ink, refill",
    num_pairs=10,
    share=0.1,
    confidence=0.9,
    symmetry=0.0,
    habits=Habits(0.5, 3.0, (0.75, 0.25, 0, 0, 0, 0)),
    overlaps=(),
    gained=("ink", "refill"),
    lost=("laser",),
    exemplars=(Exemplar("i1", "i2", "Acme printer " * 20, "Acme ink", 0.9),),
)
RIVAL = replace(REFILL, relation="latent_2", name="rarely: other brand")


def writer(*answers: str) -> Callable[[str], str]:
    """Gives one answer after the other."""
    left: Iterator[str] = iter(answers)
    return lambda prompt: next(left)


def test_a_name_and_a_sentence_are_taken() -> None:
    answers = (
        "Ink refill: The second fills up the first: again.",
        ' **"Rival"**: Other. \n',
    )
    first, second = name_relations([REFILL, RIVAL], writer(*answers))
    assert (first.name, second.name) == ("Ink refill", "Rival")
    assert first.sentence == "The second fills up the first: again."
    assert second.sentence == "Other."
    assert first.origin == "written by a language model; counted: later: ink, refill"
    counted = replace(first, name=REFILL.name, sentence="", origin="counted")
    assert counted == REFILL
    assert str(first).splitlines()[:3] == [
        "latent_1  Ink refill",
        "    The second fills up the first: again.",
        f"    (name {first.origin})",
    ]


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("", ""),
        ("a  tidy\nline", "a tidy …"),
        ("0123456789", "0123456789"),
        ("01234 67890", "01234 …"),
        ("01234567890", "01234567 …"),
        ("0 234567890", "0 234567 …"),
        ("携帯用充電器携帯用充電器", "携帯用充電器携帯 …"),
        ("ที่ชาร์จแบบพกพา", "ที่ชาร์จ …"),
    ],
)
def test_texts_are_cut_between_words_if_there_are_any(text, start) -> None:
    assert shortened(text, 10) == start


def test_titles_without_spaces_are_told() -> None:
    title = "携帯用充電器" * 20
    japanese = replace(REFILL, exemplars=(Exemplar("i1", "i2", title, title, 0.9),))
    assert f"0.90  {title[:58]} … -> {title[:58]} …" in str(japanese)
    prompts: list[str] = []
    name_relations([japanese], lambda prompt: prompts.append(prompt) or "a: b")
    assert f"- {title[:78]} … -> {title[:78]} …\n" in prompts[0]


def test_the_prompt_tells_pairs_words_and_habits() -> None:
    prompts: list[str] = []
    name_relations([REFILL], lambda prompt: prompts.append(prompt) or "a: b")
    (prompt,) = prompts
    pair = next(line for line in prompt.splitlines() if " -> " in line)
    assert pair.startswith("- Acme printer Acme printer")
    assert pair.endswith("… -> Acme ink")
    assert len(pair) < 110
    for told in (
        "tails alone: ink, refill.",
        "heads alone: laser.",
        "50.0% of the heads'",
    ):
        assert told in prompt
    assert "name: sentence" in prompt


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (" \n", "empty"),
        ("Refill. It fills up the first.", "no 'name: sentence'"),
        ("Refill:", "no 'name: sentence'"),
        (": It fills up.", "no 'name: sentence'"),
        ("**: It fills up.", "no 'name: sentence'"),
        ("Sure!\nRefill: It fills up.", "more than one line of text"),
        ("Refill\x1b[2J: It fills up.", "more than one line of text"),
        ("Refill: It \u202e fills up.", "more than one line of text"),
        ("One two three four five six: It fills up.", "too long a name"),
        ("R" * 41 + ": It fills up.", "too long a name"),
        ("Refill: " + "I" * 201, "too long a sentence"),
        ("Name: It fills up.", "a name that is taken"),
        ("LATER, again: ok\n: It fills up.", "more than one line of text"),
    ],
)
def test_whatever_else_is_refused_with_a_reason(answer: str, reason: str) -> None:
    (one,) = name_relations([REFILL], writer(answer))
    assert one.origin == f"counted, as the answer was {reason}"
    assert replace(one, origin="counted") == REFILL


def test_the_longest_that_is_taken() -> None:
    name, sentence = "R" * 40, "I" * 200
    (one,) = name_relations([REFILL], writer(f"{name}: {sentence}"))
    assert (one.name, one.sentence) == (name, sentence)


def test_no_name_is_given_twice() -> None:
    third = replace(REFILL, relation="latent_3", name="latent_3")
    answers = "Refill: One.", "REFILL: Two.", "latent_3: Three."
    named = name_relations([REFILL, RIVAL, third], writer(*answers))
    assert [one.name for one in named] == ["Refill", RIVAL.name, "latent_3"]
    for one in named[1:]:
        assert one.origin == "counted, as the answer was a name that is taken"
        assert not one.sentence


def test_nobody_is_asked_about_no_pair() -> None:
    (one,) = name_relations([replace(REFILL, exemplars=())], writer())
    assert one.name == REFILL.name
    assert one.origin == "counted, as there is no pair to tell of"


def test_what_the_writer_raises_is_told() -> None:
    def broken(prompt: str) -> str:
        raise EndpointError("out of reach")

    with pytest.raises(EndpointError, match="out of reach"):
        name_relations([REFILL], broken)


@pytest.mark.slow
def test_the_answers_of_a_small_model_are_taken_or_refused(gguf: Path) -> None:
    named = name_relations([REFILL, RIVAL], TextWriter(gguf))
    for one, counted in zip(named, (REFILL, RIVAL), strict=True):
        if one.sentence:
            assert one.origin.startswith("written by a language model")
        else:
            assert one.name == counted.name
            assert one.origin.startswith("counted, as the answer was ")
    assert named == name_relations([REFILL, RIVAL], TextWriter(gguf))
