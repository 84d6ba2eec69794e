"""How far the gains of layers add up: sections 1, 2 and 7 of docs/theory.md."""
