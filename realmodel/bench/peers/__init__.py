"""Other packages that compute some of the same statistics: time, memory and agreement.

They pull another torch, so they live in an environment of their own: ``make bench-peers``.
"""
