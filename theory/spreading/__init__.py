"""Distance, compensation and spacing of layers: sections 5 and 6."""
