"""The card as one self-contained HTML page."""
