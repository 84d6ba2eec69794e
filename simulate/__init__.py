"""Worlds with known answers, where claims and estimators are checked against truth."""
