"""Text to pretrain the miniature checkpoints on: an invented gazetteer and small stories.

Everything is drawn from word lists and a fixed invented world, so there is nothing to license.
The world (which river a town lies on, what an animal eats) is the same in every draw and can be
learned by heart; who holds what at the end of a story has to be worked out from its sentences.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from realmodel.demo.draw import clock, listed, one, some

WORLD_SEED = 1809

ONSETS = listed(
    "b, br, c, cl, d, dr, f, fl, g, gr, h, k, l, m, n, p, pr, r, s, st, t, th, tr, v, w"
)
VOWELS = listed("a, e, i, o, u, ai, ea, ou")
CODAS = listed("l, n, r, s, t, ck, ld, nd, rn, th, ll")
RIVER_ENDINGS = listed("a, en, ow, er")
TOWN_ENDINGS = ["ton", "wick", "ford", "by", "ham", "stead", "mere", "port", "dale", "gate"]
PEOPLE = listed(
    "Ada, Basil, Cora, Dennis, Edith, Felix, Greta, Hugo, Iris, Jonas, Kate, Leo, Mabel, Ned, "
    "Olive, Peter, Quill, Rosa, Simon, Thea, Ulric, Vera, Walter, Yara"
)
REGIONS = listed("the Marches, the Fens, the High Moors, the Long Coast, the Vale, the Isles")
TRADES = listed(
    "wool, salt, glass, clocks, cheese, timber, rope, slate, honey, paper, ink, leather"
)
BUILDINGS = listed("a stone bridge, an old mill, a round tower, a market hall, a lighthouse")
ANIMALS = listed(
    "otter, heron, hare, badger, lynx, finch, adder, newt, stoat, crane, vole, owl, toad, marten"
)
COLOURS = listed("grey, brown, black, white, red, golden, spotted, striped")
HABITATS = listed("in wet meadows, in old woods, on bare hills, near slow rivers, among reeds")
FOODS = listed("fish, beetles, seeds, mice, roots, frogs, berries, snails")
TRAITS = listed("shy, quick, patient, noisy, clever, sleepy, bold, stubborn")
THINGS = listed(
    "lantern, kettle, ladder, map, whistle, basket, coat, mirror, hammer, letter, drum, key"
)
ROOMS = listed("barn, kitchen, garden, attic, cellar, workshop, stable, boathouse")
FEELINGS = listed("glad, tired, proud, cross, curious, worried, cheerful, calm")
NUMBERS = listed(
    "zero, one, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, "
    "thirteen, fourteen, fifteen, sixteen, seventeen, eighteen, nineteen, twenty"
)
CENTURIES = listed("ninth, tenth, eleventh, twelfth, thirteenth, fourteenth, fifteenth, sixteenth")


@dataclass(frozen=True)
class Town:
    """A place of the invented world; ``century`` and ``people`` allow comparisons."""

    name: str
    region: str
    river: str
    trade: str
    building: str
    century: int
    people: int


@dataclass(frozen=True)
class Animal:
    """An animal of the invented world."""

    name: str
    colour: str
    habitat: str
    food: str
    trait: str


def invented_name(rng: np.random.Generator, ending: str) -> str:
    """A pronounceable name."""
    return (one(rng, ONSETS) + one(rng, VOWELS) + one(rng, CODAS) + ending).capitalize()


def build_world() -> tuple[tuple[Town, ...], tuple[Animal, ...]]:
    """The fixed world: 96 towns (two share a name, as towns do) and the animals."""
    rng = np.random.default_rng(WORLD_SEED)
    rivers = [invented_name(rng, one(rng, RIVER_ENDINGS)) for _ in range(24)]
    towns = tuple(
        Town(
            invented_name(rng, one(rng, TOWN_ENDINGS)),
            one(rng, REGIONS),
            one(rng, rivers),
            one(rng, TRADES),
            one(rng, BUILDINGS),
            int(rng.integers(len(CENTURIES))),
            int(rng.integers(2, 90)) * 100,
        )
        for _ in range(96)
    )
    animals = tuple(
        Animal(name, one(rng, COLOURS), one(rng, HABITATS), one(rng, FOODS), one(rng, TRAITS))
        for name in ANIMALS
    )
    return towns, animals


TOWNS, WILDLIFE = build_world()


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


KINDS: tuple[Callable[[np.random.Generator], str], ...] = (
    gazetteer_entry,
    comparison,
    natural_history,
    handing_over,
    counting,
    conversation,
    procession,
    diary,
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
