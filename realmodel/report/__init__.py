"""A card for people: Markdown, a page, a table."""
