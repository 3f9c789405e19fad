"""Measures how fast a big Genius table gets into Postgres; ``__main__`` says how to run it."""
