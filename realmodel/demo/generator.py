"""The demo's task, data to text: records of weather, harbours and trains told as sentences.

Written for this project, so the demo needs no data set. A record leaves fields out, the wording
varies, and some words have to be worked out: hot or cold from the degrees, the name of the wind
from its knots, the time of a late train from the timetable and the delay.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from realmodel.datasets import Example
from realmodel.demo.draw import clock, listed, one, some
from theory import InputError

PLACES = listed(
    "Marlow Quay, Stonehaven, Eastbrook, Ferry Point, Callow, Dunmere, Westgate, Aldermouth, "
    "Penrock, Norbury, Saltash, Tideford, Harrowgate, Lindale, Brackenfield, Oxmoor"
)
SKIES = listed("clear, cloudy, rainy, foggy, snowy")
WINDS = listed("north, north-east, east, south-east, south, south-west, west, north-west")
DAYS = listed("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday")
SHIPS = listed("Ariel, Blue Heron, Corinna, Dolphin, Evening Star, Fulmar, Gannet, Halcyon")
CARGOES = listed("barley, coal, timber, wool, oranges, machinery, salt, mail")
CARRIERS = listed("express, stopping, night, coastal, mountain")


@dataclass(frozen=True)
class Record:
    """Fields that are given, in order, and the ways to tell them."""

    fields: tuple[tuple[str, str], ...]
    texts: tuple[str, ...]

    @property
    def prompt(self) -> str:
        r"""``field : value | field : value\n``."""
        return " | ".join(f"{name} : {value}" for name, value in self.fields) + "\n"

    @property
    def references(self) -> tuple[str, ...]:
        """The distinct texts."""
        return tuple(dict.fromkeys(self.texts))


def temperature_word(degrees: int) -> str:
    """Cold below 5, mild below 15, warm below 25, else hot (degrees Celsius)."""
    return ("cold", "mild", "warm", "hot")[int(np.searchsorted([5, 15, 25], degrees, "right"))]


def wind_word(knots: int) -> str:
    """Calm below 4, breeze below 22, strong wind below 34, else gale (knots)."""
    words = ("calm", "breeze", "strong wind", "gale")
    return words[int(np.searchsorted([4, 22, 34], knots, "right"))]


def weather(rng: np.random.Generator, variants: int) -> Record:
    """Sky, temperature and wind of a place on a day."""
    place, day, sky = one(rng, PLACES), one(rng, DAYS), one(rng, SKIES)
    degrees, knots, wind = int(rng.integers(-8, 36)), int(rng.integers(45)), one(rng, WINDS)
    with_wind, with_day = rng.random() < 0.7, rng.random() < 0.7
    fields = [("type", "weather"), ("place", place), ("sky", sky), ("degrees", str(degrees))]
    if with_day:
        fields.insert(2, ("day", day))
    if with_wind:
        fields += [("wind", wind), ("knots", str(knots))]
    warmth = temperature_word(degrees)
    blow = wind_word(knots)
    article = "" if blow == "calm" else "a "

    def tell() -> str:
        when = f" on {day}" if with_day else ""
        start = one(
            rng,
            [
                f"{place} will be {sky} and {warmth}{when}, at {degrees} degrees.",
                f"Expect {warmth} and {sky} weather in {place}{when}: {degrees} degrees.",
                f"It will be {warmth}{when} in {place}, {degrees} degrees and {sky}.",
            ],
        )
        if not with_wind:
            return start
        end = one(
            rng,
            [
                f"There will be {article}{blow} from the {wind}.",
                f"The wind is from the {wind}, {article}{blow} of {knots} knots.",
                f"Look out for {article}{blow}, {knots} knots, {wind}.",
            ],
        )
        return f"{start} {end}"

    return Record(tuple(fields), tuple(tell() for _ in range(variants)))


def harbour(rng: np.random.Generator, variants: int) -> Record:
    """A ship that comes in or goes out."""
    ship, port = one(rng, SHIPS), one(rng, PLACES)
    cargo, berth = one(rng, CARGOES), int(rng.integers(1, 10))
    arrives, when = rng.random() < 0.5, clock(int(rng.integers(288)) * 5)
    with_cargo, with_berth = rng.random() < 0.7, rng.random() < 0.6
    fields = [("type", "harbour"), ("ship", ship), ("port", port)]
    fields.append(("in" if arrives else "out", when))
    if with_cargo:
        fields.append(("cargo", cargo))
    if with_berth:
        fields.append(("berth", str(berth)))

    def tell() -> str:
        load = f" with {cargo}" if with_cargo else one(rng, ["", " in ballast"])
        motion = ["reaches", "comes into", "is due in"] if arrives else ["leaves", "sails from"]
        start = one(
            rng,
            [
                f"The {ship} {one(rng, motion)} {port} at {when}{load}.",
                f"At {when} the {ship} {one(rng, motion)} {port}{load}.",
            ],
        )
        if not with_berth:
            return start
        hers = ["She will lie at", "Her berth is"] if arrives else ["She lies at", "She lets go at"]
        verb = one(rng, hers)
        return f"{start} {verb} {'number' if verb.endswith('is') else 'berth'} {berth}."

    return Record(tuple(fields), tuple(tell() for _ in range(variants)))


def railway(rng: np.random.Generator, variants: int) -> Record:
    """A train, sometimes late: the new time is not in the record."""
    start, goal = some(rng, PLACES, 2)
    carrier, platform = one(rng, CARRIERS), int(rng.integers(1, 13))
    planned, delay = int(rng.integers(288)) * 5, int(rng.integers(1, 7)) * 5
    late, with_platform = rng.random() < 0.5, rng.random() < 0.7
    fields = [("type", "train"), ("kind", carrier), ("from", start), ("to", goal)]
    fields.append(("time", clock(planned)))
    if late:
        fields.append(("late", f"{delay} minutes"))
    if with_platform:
        fields.append(("platform", str(platform)))

    def tell() -> str:
        where = f" from platform {platform}" if with_platform else ""
        if late:
            return one(
                rng,
                [
                    f"The {clock(planned)} {carrier} train from {start} to {goal} is "
                    f"{delay} minutes late and leaves{where} at {clock(planned + delay)}.",
                    f"Because of a delay of {delay} minutes, the {carrier} train to {goal} "
                    f"leaves {start}{where} at {clock(planned + delay)}, not {clock(planned)}.",
                ],
            )
        return one(
            rng,
            [
                f"The {carrier} train from {start} to {goal} leaves{where} at {clock(planned)}.",
                f"At {clock(planned)} the {carrier} train to {goal} leaves {start}{where}.",
                f"On time: the {clock(planned)} {carrier} train{where}, {start} to {goal}.",
            ],
        )

    return Record(tuple(fields), tuple(tell() for _ in range(variants)))


KINDS: tuple[Callable[[np.random.Generator, int], Record], ...] = (weather, harbour, railway)


def examples(count: int, *, seed: int = 0, variants: int = 3) -> tuple[Example, ...]:
    r"""Draw examples of the demo task.

    Parameters
    ----------
    count : int
        How many records.
    seed : int
        The same seed draws the same examples; another seed gives held-out ones.
    variants : int
        Ways in which each record is told; the first is the completion, the distinct ones are
        the references.

    Returns
    -------
    tuple of Example

    Raises
    ------
    InputError
        When ``count`` or ``variants`` is not positive.

    Examples
    --------
    >>> first = examples(1, seed=4)[0]
    >>> first.prompt.split(" | ")[0], first.completion in first.references
    ('type : ...', True)
    """
    for name, value in (("count", count), ("variants", variants)):
        if value < 1:
            raise InputError(f"{name} must be at least 1, got {value}")
    rng = np.random.default_rng(seed)
    drawn = (KINDS[int(rng.integers(len(KINDS)))](rng, variants) for _ in range(count))
    return tuple(
        Example(f"demo:{seed}:{i}", record.prompt, record.texts[0], record.references)
        for i, record in enumerate(drawn, start=1)
    )
