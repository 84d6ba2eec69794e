"""Text to pretrain the miniature checkpoints on: an invented gazetteer, small stories, nonsense.

Everything is drawn from word lists and a fixed invented world, so there is nothing to license.
The world (which river a town lies on, what an animal eats) is the same in every draw and can be
learned by heart; who holds what at the end of a story has to be worked out from its sentences.
"""

from collections.abc import Callable

import numpy as np

from realmodel.demo.draw import clock, one, some
from realmodel.demo.recipe.world import (
    ANIMALS,
    BLOWS,
    CENTURIES,
    COLOURS,
    FEELINGS,
    HABITATS,
    LEXICON,
    NUMBERS,
    PEOPLE,
    PEOPLE_NOUNS,
    ROOMS,
    SKIES,
    THINGS,
    TOWNS,
    TRADES,
    TRAITS,
    VEHICLES,
    VERBS,
    WARMTHS,
    WEEKDAYS,
    WILDLIFE,
    WINDS,
    WORD_ENDINGS,
    invented_name,
)


def gazetteer_entry(rng: np.random.Generator) -> str:
    """A town described; the facts never change, their order and wording do."""
    town = one(rng, TOWNS)
    facts = [
        one(rng, [f"It lies on the river {town.river}.", f"The {town.river} runs through it."]),
        one(rng, [f"Its people trade in {town.trade}.", f"It is known for its {town.trade}."]),
        f"Visitors come to see {town.building}.",
        f"It was founded in the {CENTURIES[town.century]} century.",
        f"About {town.people} people live there.",
    ]
    opening = one(
        rng, [f"{town.name} is a town in {town.region}.", f"In {town.region} lies {town.name}."]
    )
    return " ".join([opening, *some(rng, facts, int(rng.integers(2, 5)))])


def comparison(rng: np.random.Generator) -> str:
    """Two towns compared by age or by size."""
    first, second = some(rng, TOWNS, 2)
    if rng.random() < 0.5 and first.century != second.century:
        gap = abs(first.century - second.century)
        older, younger = sorted((first, second), key=lambda town: town.century)
        unit = "century" if gap == 1 else "centuries"
        return f"{older.name} is older than {younger.name} by {NUMBERS[gap]} {unit}."
    small, large = sorted((first, second), key=lambda town: town.people)
    return (
        f"Of {first.name} and {second.name}, the larger is {large.name}. "
        f"It has {large.people} people, and {small.name} has {small.people}."
    )


def natural_history(rng: np.random.Generator) -> str:
    """An animal described."""
    animal = one(rng, WILDLIFE)
    name = animal.name
    article = "an" if name[0] in "aeiou" else "a"
    sentences = [
        f"The {name} is {animal.colour} and lives {animal.habitat}.",
        f"The {name} is a {animal.trait} animal that feeds on {animal.food}.",
        f"If you find {animal.food} gone, {article} {name} may have been there.",
        f"Many {name}s live {animal.habitat}, where they look for {animal.food}.",
    ]
    return " ".join(some(rng, sentences, int(rng.integers(2, 4))))


def handing_over(rng: np.random.Generator) -> str:
    """A thing changes hands and rooms; the end has to be followed from the start."""
    giver, receiver = some(rng, PEOPLE, 2)
    thing, other = some(rng, THINGS, 2)
    first, second = some(rng, ROOMS, 2)
    feeling = one(rng, FEELINGS)
    moves = [
        f"{giver} found a {thing} in the {first}.",
        f"{receiver} was in the {second} with a {other}.",
        f"{giver} went to the {second} and gave {receiver} the {thing}.",
    ]
    if rng.random() < 0.5:
        moves.append(f"Then {receiver} gave {giver} the {other}.")
        ending = f"So {giver} had the {other} and {receiver} had the {thing}."
    else:
        ending = f"So {receiver} had the {thing} and the {other}, and {giver} had nothing."
    last = one(rng, [f"{receiver} was {feeling}.", f"They were both {feeling} in the {second}."])
    return " ".join([*moves, ending, last])


def counting(rng: np.random.Generator) -> str:
    """A small sum in words."""
    person = one(rng, PEOPLE)
    thing = one(rng, THINGS)
    start, change = int(rng.integers(3, 10)), int(rng.integers(1, 10))
    if change < start and rng.random() < 0.5:
        verb, total = one(rng, ["lost", "sold", "gave away"]), start - change
    else:
        verb, total = one(rng, ["found", "bought", "made"]), start + change
    noun = f"{thing}s" if total != 1 else thing
    return (
        f"{person} had {NUMBERS[start]} {thing}s and {verb} {NUMBERS[change]}. "
        f"That left {NUMBERS[total]} {noun}."
    )


def conversation(rng: np.random.Generator) -> str:
    """A question about the fixed world and its answer."""
    asker, teller = some(rng, PEOPLE, 2)
    town, animal = one(rng, TOWNS), one(rng, WILDLIFE)
    question, answer = one(
        rng,
        [
            (f"Which river is {town.name} on?", f"The {town.river}, of course."),
            (f"What do they make in {town.name}?", f"They are known for {town.trade}."),
            (f"What does the {animal.name} eat?", f"It eats {animal.food}."),
            (f"Where is {town.name}?", f"You will find it in {town.region}."),
        ],
    )
    return f'"{question}" asked {asker}. "{answer}" said {teller}.'


def procession(rng: np.random.Generator) -> str:
    """A list and the same list backwards: reading needs looking back."""
    names = some(rng, PEOPLE, int(rng.integers(3, 6)))
    place = one(rng, ROOMS)
    back = names[::-1]
    return (
        f"Into the {place} came {', '.join(names[:-1])} and {names[-1]}. "
        f"They left in the other order: {', '.join(back[:-1])} and {back[-1]}."
    )


def diary(rng: np.random.Generator) -> str:
    """A day's times in order."""
    person = one(rng, PEOPLE)
    first, second, third = sorted(int(i) * 5 for i in rng.choice(288, size=3, replace=False))
    room, other = some(rng, ROOMS, 2)
    return (
        f"{person} rose at {clock(first)}, was in the {room} by {clock(second)} "
        f"and left the {other} at {clock(third)}."
    )


def words(rng: np.random.Generator, count: int) -> list[str]:
    """Invented words, new ones each time."""
    return [invented_name(rng, one(rng, WORD_ENDINGS)).lower() for _ in range(count)]


def inscription(rng: np.random.Generator) -> str:
    """Words that nobody has seen, read and then copied."""
    writer, reader = some(rng, PEOPLE, 2)
    text = " ".join(words(rng, int(rng.integers(1, 4))))
    text = text.title() if rng.random() < 0.5 else text
    wall, later = some(rng, ROOMS, 2)
    return one(
        rng,
        [
            f'{writer} wrote "{text}" on the wall of the {wall}. '
            f'{reader} read it out in the {later}: "{text}".',
            f"There was a place called {text}. {writer} had come from {text}, {reader} had not.",
            f"{text}, said {writer}. {text}? asked {reader}. Yes, {text}.",
        ],
    )


def ledger(rng: np.random.Generator) -> str:
    """A table of amounts and what it adds up to saying."""
    goods = some(rng, TRADES + THINGS, int(rng.integers(2, 5)))
    amounts = [int(rng.integers(1, 40)) for _ in goods]
    mark, gap = one(rng, [(" - ", "; "), (": ", ", "), (" ", " | "), (" = ", "\n")])
    table = gap.join(f"{name}{mark}{amount}" for name, amount in zip(goods, amounts, strict=True))
    most = goods[int(np.argmax(amounts))]
    return f"{table}\nThere is most {most}, {max(amounts)} in all."


def outing(rng: np.random.Generator) -> str:
    """Weather and travel in an ordinary story's words."""
    person, friend = some(rng, PEOPLE, 2)
    day, sky, wind = one(rng, WEEKDAYS), one(rng, SKIES), one(rng, WINDS)
    start, goal = one(rng, TOWNS).name, one(rng, TOWNS).name
    degrees, time = int(rng.integers(-9, 36)), clock(int(rng.integers(288)) * 5)
    vehicle, load = one(rng, VEHICLES), one(rng, TRADES)
    sentences = [
        f"It was a {one(rng, WARMTHS)} and {sky} {day} in {start}.",
        f"The {vehicle} from {start} to {goal} left at {time}.",
        f"A {one(rng, BLOWS)} came from the {wind} and it was {degrees} degrees.",
        f"{person} was late and met {friend} at platform {int(rng.integers(1, 13))}.",
        f"They waited {int(rng.integers(2, 60))} minutes; it was late and full of {load}.",
        f"The {vehicle} will be in {goal} on {day} at {time}, said {friend}.",
    ]
    return " ".join(some(rng, sentences, int(rng.integers(2, 5))))


def phrase(rng: np.random.Generator, depth: int) -> str:
    """A noun phrase, with clauses inside clauses down to ``depth``."""
    noun = one(rng, ANIMALS + PEOPLE_NOUNS)
    adjective = one(rng, COLOURS + TRAITS + FEELINGS)
    core = f"the {adjective} {noun}" if rng.random() < 0.6 else f"the {noun}"
    if depth > 0 and rng.random() < 0.6:
        relation = one(rng, ["that {verb} {other}", "whom {other} {verb}", "beside {other}"])
        return f"{core} " + relation.format(verb=one(rng, VERBS), other=phrase(rng, depth - 1))
    return core


def chatter(rng: np.random.Generator) -> str:
    """Grammatical sentences about nothing in particular."""
    sentence = f"{phrase(rng, 2)} {one(rng, VERBS)} {phrase(rng, 1)}"
    place = one(rng, [f" in the {one(rng, ROOMS)}", f" {one(rng, HABITATS)}", ""])
    return f"{sentence}{place}.".capitalize()


def jumble(rng: np.random.Generator) -> str:
    """Words in no order: some text cannot be predicted, and a model should know when."""
    known = some(rng, LEXICON, int(rng.integers(4, 12)))
    marks = [one(rng, [" ", " ", " ", ", ", ": ", " | ", ". ", " - ", "\n"]) for _ in known]
    return "".join(word + mark for word, mark in zip(known, marks, strict=True)).strip()


KINDS: tuple[Callable[[np.random.Generator], str], ...] = (
    gazetteer_entry,
    comparison,
    natural_history,
    handing_over,
    counting,
    conversation,
    procession,
    diary,
    inscription,
    inscription,
    ledger,
    outing,
    outing,
    chatter,
    chatter,
    jumble,
)


def passages(count: int, seed: int) -> list[str]:
    """Draw passages.

    Parameters
    ----------
    count : int
        How many.
    seed : int
        The same seed draws the same passages.

    Returns
    -------
    list of str
        One to five passages of different kinds each, joined by spaces.

    Examples
    --------
    >>> passages(2, seed=3) == passages(3, seed=3)[:2]
    True
    """
    rng = np.random.default_rng(seed)
    return [
        " ".join(one(rng, KINDS)(rng) for _ in range(int(rng.integers(1, 6)))) for _ in range(count)
    ]
