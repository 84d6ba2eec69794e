"""How the embedded checkpoints were trained; part of the sources, not of the wheel."""
