"""Measurements shared by figures and tables: each computed once and kept."""
