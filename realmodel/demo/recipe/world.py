"""The invented world that the pretraining text is about: its words, towns and animals.

The same in every draw, so it can be learned by heart.
"""

from dataclasses import dataclass

import numpy as np

from realmodel.demo.draw import listed, one

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
WEEKDAYS = listed("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday")
SKIES = listed("clear, cloudy, rainy, foggy, snowy, dull, bright")
WINDS = listed("north, north-east, east, south-east, south, south-west, west, north-west")
WARMTHS = listed("cold, mild, warm, hot")
BLOWS = listed("breeze, strong wind, gale, light wind")
VEHICLES = listed("express train, night train, coastal ship, ferry, stopping train, mail boat")
VERBS = listed("saw, chased, heard, followed, liked, feared, helped, called, found, missed")
PEOPLE_NOUNS = listed("baker, miller, captain, teacher, sailor, clerk, farmer, doctor, child")
WORD_ENDINGS = (*RIVER_ENDINGS, *TOWN_ENDINGS, "", "", "field", "mouth", "hollow")
CENTURIES = listed("ninth, tenth, eleventh, twelfth, thirteenth, fourteenth, fifteenth, sixteenth")


LEXICON = (
    *WEEKDAYS,
    *SKIES,
    *WINDS,
    *WARMTHS,
    *VERBS,
    *PEOPLE_NOUNS,
    *ANIMALS,
    *COLOURS,
    *TRAITS,
    *THINGS,
    *ROOMS,
    *FEELINGS,
    *NUMBERS,
    *TRADES,
    *PEOPLE,
    *(str(number) for number in range(60)),
)


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
    """The fixed world: 96 towns and the animals."""
    rng = np.random.default_rng(WORLD_SEED)
    rivers = [invented_name(rng, one(rng, RIVER_ENDINGS)) for _ in range(24)]
    names = list(dict.fromkeys(invented_name(rng, one(rng, TOWN_ENDINGS)) for _ in range(120)))
    towns = tuple(
        Town(
            name,
            one(rng, REGIONS),
            one(rng, rivers),
            one(rng, TRADES),
            one(rng, BUILDINGS),
            int(rng.integers(len(CENTURIES))),
            int(rng.integers(2, 90)) * 100,
        )
        for name in names[:96]
    )
    animals = tuple(
        Animal(name, one(rng, COLOURS), one(rng, HABITATS), one(rng, FOODS), one(rng, TRAITS))
        for name in ANIMALS
    )
    return towns, animals


TOWNS, WILDLIFE = build_world()
