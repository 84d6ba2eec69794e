"""``python -m paper_figures``."""

from paper_figures.application import app

if __name__ == "__main__":
    app(prog_name="python -m paper_figures")
